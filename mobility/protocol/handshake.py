"""
The secrets of a visit: commit, sign, reveal, compare (docs/protocol/visit.md).

The phone commits to its key before it sees the display's, so nobody in the middle can
look for a key that gives the same two digits. TOKEN never travels: it is proved by a
MAC and mixed into the key. All randomness is an argument.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)

from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    RemoteProtocolError,
    VisitRefused,
)
from mobility.protocol.envelope import Envelope, derive, digest, mac
from mobility.protocol.invitation import Invitation, fingerprint
from mobility.protocol.visit import (
    Approve,
    Description,
    Meeting,
    Reveal,
    Role,
    Terms,
    Visit,
    Welcome,
)

__all__ = ["TRIES", "Host", "Visitor", "check_receipt", "claim", "sign_receipt"]

TRIES = 3  # wrong codes until the invitation is burnt
_LONGEST = 100  # characters of a name that a peer claims


def claim(text: str) -> str:
    """A name from a stranger: printable, and short enough to show."""
    return "".join(c if c.isprintable() else " " for c in text).strip()[:_LONGEST]


def _transcript(invitation: Invitation, phone: str, visit: Visit) -> bytes:
    return digest(
        "visit", invitation.jid, invitation.key, phone, visit.commitment, visit.device
    )


def _signed(transcript: bytes, welcome: Welcome) -> bytes:
    about = welcome.description
    apps = [f"{uri} {schema}" for uri, schema in sorted(about.apps.items())]
    return digest(
        "welcome",
        transcript,
        welcome.key,
        welcome.nonce,
        welcome.identity,
        *(about.name, about.operator, about.place),
        " ".join(level.value for level in about.levels),
        *apps,
    )


@dataclass(frozen=True, slots=True)
class _Agreement:
    """What both sides know in the end."""

    secret: bytes = field(repr=False)
    code: str = field(repr=False)


def _agree(
    private: bytes, public: bytes, token: bytes, transcript: bytes
) -> _Agreement:
    try:
        shared = X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError as exc:  # a key of the wrong length, or of low order
        raise RemoteProtocolError("The other side sent a key that is none.") from exc
    secret = derive(shared, transcript, salt=token)
    number = int.from_bytes(derive(secret, b"mobility code 0")[:8], "big") % 100
    return _Agreement(secret, f"{number:02d}")


def _public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


class Visitor:
    """
    The phone's side.

    Args:
        invitation: As scanned.
        jid: Our full JID.
        device: How our user calls this phone; the display shows it.
        private: 32 random bytes, for this visit only.
        nonce: 32 more.

    """

    def __init__(
        self,
        invitation: Invitation,
        *,
        jid: str,
        device: str,
        private: bytes,
        nonce: bytes,
    ) -> None:
        self.invitation = invitation
        self.meeting = Meeting(Role.PHONE)
        self.tries = TRIES
        self._compared = False
        self._private = private
        self._reveal = Reveal(_public(private), nonce)
        commitment = digest("commitment", self._reveal.key, nonce)
        device = claim(device)
        proof = mac(invitation.token, "proof", invitation.jid, jid, commitment, device)
        self._visit = Visit(commitment, device, proof)
        self._transcript = _transcript(invitation, jid, self._visit)
        self._agreement: _Agreement | None = None

    def visit(self) -> Visit:
        self.meeting.send(self._visit)
        return self._visit

    def receive_welcome(self, welcome: Welcome) -> Reveal:
        """
        Check who answered.

        Raises:
            VisitRefused: If it is not the display whose code was scanned.
            RemoteProtocolError: If it answers with nonsense.

        """
        if fingerprint(welcome.identity) != self.invitation.key:
            raise VisitRefused(
                "Another device answered than the one whose code you scanned. "
                "Do not go on; tell whoever runs the screen."
            )
        signed = _signed(self._transcript, welcome)
        try:
            Ed25519PublicKey.from_public_bytes(welcome.identity).verify(
                welcome.signature, signed
            )
        except (InvalidSignature, ValueError):
            raise VisitRefused(
                "The screen could not prove that it is the one whose code you scanned. "
                "Do not go on; tell whoever runs the screen."
            ) from None
        transcript = digest("reveal", signed, self._reveal.key, self._reveal.nonce)
        agreement = _agree(
            self._private, welcome.key, self.invitation.token, transcript
        )
        self.meeting.receive(welcome)
        self.meeting.send(self._reveal)
        self._agreement = agreement
        return self._reveal

    def compare(self, typed: str) -> bool:
        """Whether these are the digits on the display; never after `TRIES` wrong."""
        assert self._agreement is not None
        if self.tries and typed.strip() == self._agreement.code:
            self._compared = True
            return True
        self.tries = max(0, self.tries - 1)
        return False

    def approve(self, terms: Terms) -> Approve:
        """
        Let the display have sessions on these terms.

        Raises:
            LocalProtocolError: If nobody has compared the digits.

        """
        if not self._compared:
            raise LocalProtocolError("The digits have to be compared first.")
        approve = Approve(_terms_envelope(self.secret).seal("approve", terms.encode()))
        self.meeting.send(approve)
        return approve

    @property
    def secret(self) -> bytes:
        assert self._agreement is not None
        return self._agreement.secret


class Host:
    """
    The display's side.

    Args:
        invitation: The one whose token the visitor proved to have seen.
        identity: Our Ed25519 key.
        description: What we say of ourselves.
        private: 32 random bytes, for this visit only.
        nonce: 32 more.
        deadline: When to give up on a visitor who has not approved.

    """

    def __init__(
        self,
        invitation: Invitation,
        *,
        identity: Ed25519PrivateKey,
        description: Description,
        private: bytes,
        nonce: bytes,
        deadline: float = float("inf"),
    ) -> None:
        self.invitation = invitation
        self.meeting = Meeting(Role.DISPLAY, deadline=deadline)
        self.visitor = ""
        self.device = ""
        self._identity = identity
        # What is signed has to arrive as it was: no character that XML would change.
        self._description = Description(
            claim(description.name),
            claim(description.operator),
            claim(description.place),
            description.apps,
            description.levels,
        )
        self._private = private
        self._nonce = nonce
        self._visit: Visit | None = None
        self._signed = b""
        self._agreement: _Agreement | None = None

    @staticmethod
    def proves(visit: Visit, jid: str, invitation: Invitation) -> bool:
        """Whether the visitor `jid` has seen this code."""
        fields = (invitation.jid, jid, visit.commitment, visit.device)
        return hmac.compare_digest(visit.proof, mac(invitation.token, "proof", *fields))

    def receive_visit(self, visit: Visit, jid: str) -> Welcome:
        """
        Let the visitor `jid` in, as far as the digits.

        Raises:
            VisitRefused: If they have not seen the code.
            RemoteProtocolError: If somebody has begun already.

        """
        if not self.proves(visit, jid, self.invitation) or len(visit.commitment) != 32:
            raise VisitRefused("This code is not one that the screen shows.")
        if not self.meeting.receive(visit):
            raise RemoteProtocolError("This visit has begun already.")
        self._visit, self.visitor, self.device = visit, jid, claim(visit.device)
        public = self._identity.public_key().public_bytes_raw()
        unsigned = Welcome(
            _public(self._private), self._nonce, public, self._description, b""
        )
        self._signed = _signed(_transcript(self.invitation, jid, visit), unsigned)
        signature = self._identity.sign(self._signed)
        welcome = Welcome(
            unsigned.key, unsigned.nonce, public, self._description, signature
        )
        self.meeting.send(welcome)
        return welcome

    def receive_reveal(self, reveal: Reveal) -> str:
        """
        Check the commitment.

        Returns:
            The two digits to show.

        Raises:
            RemoteProtocolError: If the visitor committed to something else.

        """
        assert self._visit is not None
        if digest("commitment", reveal.key, reveal.nonce) != self._visit.commitment:
            raise RemoteProtocolError("The phone revealed another key.")
        transcript = digest("reveal", self._signed, reveal.key, reveal.nonce)
        agreement = _agree(self._private, reveal.key, self.invitation.token, transcript)
        self.meeting.receive(reveal)
        self._agreement = agreement
        return agreement.code

    def receive_approve(self, approve: Approve) -> Terms:
        """
        Read the terms.

        Raises:
            InvalidState: If they are not sealed by this visitor, or not readable.
            RemoteProtocolError: If it is too early.

        """
        if self._agreement is None:
            raise RemoteProtocolError("The phone approved before it revealed its key.")
        raw = _terms_envelope(self.secret).open("approve", approve.sealed)
        terms = Terms.decode(raw)
        if terms.level not in self._description.levels:
            raise InvalidState("The approval asks for what this display does not do.")
        self.meeting.receive(approve)
        return terms

    @property
    def secret(self) -> bytes:
        assert self._agreement is not None
        return self._agreement.secret


def _terms_envelope(secret: bytes) -> Envelope:
    return Envelope(secret, "terms", 0)


def sign_receipt(identity: Ed25519PrivateKey, secret: bytes) -> bytes:
    """The display's word that nothing of this visit is left on it."""
    return identity.sign(digest("wiped", digest("visit id", secret)))


def check_receipt(receipt: bytes, identity: bytes, secret: bytes) -> bool:
    """Whether `receipt` is that word, of the display with this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(
            receipt, digest("wiped", digest("visit id", secret))
        )
    except (InvalidSignature, ValueError):
        return False
    return True
