"""
A secret between two devices of a user, one of which may be away.

The initiator knows the responder's long-term X25519 key (RFC 7748) from the account's
directory, adds an ephemeral key of its own, and needs no answer: the pattern K of the
Noise protocol framework (https://noiseprotocol.org/noise.html §7.4: ``-> e, es, ss``),
with HKDF over a transcript instead of Noise's chain. The ephemeral public key travels
beside the offer; the secret is good for one transfer, `sid`.

What it gives: only these two devices know the secret; the responder knows who made it;
it is bound to both identities, the account and the transfer; another `sid` or ephemeral
key gives another secret; who learns the *initiator's* long-term key later cannot
compute it.

What it does not give: forward secrecy against the loss of the *responder's* long-term
key. Who has that key and a record of the wire reads every offer made to the device, and
can pretend to it to be any other device of the user. An offer can be played back: the
responder's journal knows its `sid` again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)

from mobility.errors import InvalidState
from mobility.protocol.envelope import derive, digest

__all__ = ["Between", "Party", "agreement_key", "public", "recover", "share"]


@dataclass(frozen=True, slots=True)
class Party:
    """
    The public keys of a device.

    Args:
        identity: Ed25519; signed the other one, which the caller has checked.
        agreement: X25519, long-term.

    """

    identity: bytes
    agreement: bytes


@dataclass(frozen=True, slots=True)
class Between:
    """
    Whom a secret is for, and what for.

    Args:
        account: Bare JID of the account that both devices use.
        sid: Of the transfer.
        initiator, responder: Who offers, and who is offered to.

    """

    account: str
    sid: str
    initiator: Party = field(repr=False)
    responder: Party = field(repr=False)


def agreement_key(identity: bytes) -> bytes:
    """The long-term X25519 private key of the device with this Ed25519 private key."""
    return derive(identity, b"mobility agreement 0")


def public(private: bytes) -> bytes:
    """The X25519 public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def share(between: Between, *, private: bytes, ephemeral: bytes) -> bytes:
    """
    The initiator's way to the secret of 32 bytes.

    Args:
        between: Whom it is for.
        private: The initiator's long-term X25519 key.
        ephemeral: 32 random bytes, for this transfer to this responder only. Their
            `public` half travels with the offer.

    Raises:
        InvalidState: If the responder's key is none.

    """
    theirs = between.responder.agreement
    es, ss = _exchange(ephemeral, theirs), _exchange(private, theirs)
    return _secret(between, public(ephemeral), es, ss)


def recover(between: Between, *, private: bytes, ephemeral: bytes) -> bytes:
    """
    The responder's way to the same secret.

    Args:
        between: The same as the initiator's, or nothing that it sealed can be opened.
        private: The responder's long-term X25519 key.
        ephemeral: What came with the offer.

    Raises:
        InvalidState: If one of the keys is none.

    """
    es, ss = (
        _exchange(private, ephemeral),
        _exchange(private, between.initiator.agreement),
    )
    return _secret(between, ephemeral, es, ss)


def _exchange(private: bytes, theirs: bytes) -> bytes:
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(theirs)
        )
    except ValueError as exc:  # a key of the wrong length, or of low order
        raise InvalidState("The other device has a key that is none.") from exc


def _secret(between: Between, ephemeral: bytes, es: bytes, ss: bytes) -> bytes:
    transcript = digest(
        "agreement",
        between.account,
        between.sid,
        between.initiator.identity,
        between.initiator.agreement,
        between.responder.identity,
        between.responder.agreement,
        ephemeral,
    )
    return derive(es + ss, transcript)
