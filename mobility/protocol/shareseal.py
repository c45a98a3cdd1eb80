"""
How what people share is sealed (docs/protocol/sharing.md).

Each has met the host, and shares a secret with them: every word is sealed between two,
and counted, so that none is heard twice. In a room, packets are sealed for all who take
part, and signed by who said them. All randomness is an argument.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from mobility.errors import InvalidState, RemoteProtocolError
from mobility.protocol.envelope import FRAME, Envelope, digest
from mobility.protocol.order import Said
from mobility.protocol.session import Stanza
from mobility.protocol.sharing import (
    OF_HOST,
    WORDS,
    Person,
    Room,
    Word,
    decode_word,
    encode_word,
)
from mobility.protocol.state import decode_packets, encode_packets

__all__ = [
    "LARGEST",
    "Channel",
    "Heard",
    "RoomSeal",
    "packet_of",
    "share_id",
    "stanza_of",
]

LARGEST: Final = FRAME - 4096  # bytes of a packet that is shared


def share_id(secret: bytes) -> str:
    """What two call what they share; says nothing of the secret."""
    return base64.urlsafe_b64encode(digest("share id", secret)[:12]).decode()


def packet_of(stanza: Stanza) -> bytes:
    """
    A packet as it is shared.

    Raises:
        InvalidState: If it cannot be.

    """
    body = encode_packets([stanza])
    if len(body) > LARGEST:
        raise InvalidState(
            f"A packet that is shared has at most {LARGEST // 1024} KiB."
        )
    return body


def stanza_of(body: bytes) -> Stanza:
    """
    The packet that was shared.

    Raises:
        InvalidState: If it is none.

    """
    stanzas = decode_packets(body)
    if len(body) > LARGEST or len(stanzas) != 1:
        raise InvalidState("That is not one packet.")
    return stanzas[0]


# --- between two ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """A word as it travels, counted by who said it within its kind."""

    kind: str
    number: int
    sealed: bytes = field(repr=False)


class Channel:
    """
    What the host and one other say to each other.

    Args:
        secret: Of their meeting.
        hosts: Whether we are the host.

    """

    def __init__(self, secret: bytes, *, hosts: bool) -> None:
        self.id = share_id(secret)
        self._envelope = Envelope(secret, "sharing", 0)
        self._hosts = hosts
        self._sent = 0
        self._heard: dict[str, int] = {}

    def seal(self, word: Word) -> Heard:
        kind = type(word).__name__.lower()
        self._sent += 1
        plain = encode_word(word)
        sealed = self._envelope.seal(f"word {kind}", plain, number=self._sent)
        return Heard(kind, self._sent, sealed)

    def open(self, heard: Heard) -> Word:
        """
        What the other one said.

        Raises:
            InvalidState: If they did not.
            RemoteProtocolError: If it was heard before, or is not for them to say.

        """
        if (heard.kind in OF_HOST) == self._hosts or heard.kind not in WORDS:
            raise RemoteProtocolError("That is not for you to say.")
        name = f"word {heard.kind}"
        plain = self._envelope.open(name, heard.sealed, number=heard.number)
        if heard.number <= self._heard.get(heard.kind, 0):
            raise RemoteProtocolError("This was said before.")
        self._heard[heard.kind] = heard.number
        return decode_word(heard.kind, plain)

    def seal_say(self, said: Said) -> bytes:
        """Our packet, to the host. Said again, it is the same bytes."""
        return self._envelope.seal("say", said.body, number=said.number)

    def open_say(self, sender: int, number: int, sealed: bytes) -> Said:
        """
        Their packet.

        Raises:
            InvalidState: If they did not say it.

        """
        return Said(sender, number, self._envelope.open("say", sealed, number=number))

    def seal_told(self, at: int, generation: int, said: Said) -> bytes:
        """The packet that is the so-manieth, to one of those who take part."""
        plain = b"%d %d " % (said.sender, said.number) + said.body
        return self._envelope.seal(f"told {generation}", plain, number=at)

    def open_told(self, at: int, generation: int, sealed: bytes) -> Said:
        """
        The packet that the host puts there.

        Raises:
            InvalidState: If the host did not say so.

        """
        plain = self._envelope.open(f"told {generation}", sealed, number=at)
        sender, _, rest = plain.partition(b" ")
        number, _, body = rest.partition(b" ")
        if not (sender.isdigit() and number.isdigit()):
            raise InvalidState("That is not a packet.")
        return Said(int(sender), int(number), body)


# --- in a room ------------------------------------------------------------------------


class RoomSeal:
    """
    What is said to all in a room: sealed for those who take part, and signed.

    Args:
        me: Our number.
        private: 32 bytes, of our signatures.

    """

    def __init__(self, me: int, private: bytes) -> None:
        self.me = me
        self._signing = Ed25519PrivateKey.from_private_bytes(private)

    @property
    def public(self) -> bytes:
        return self._signing.public_key().public_bytes_raw()

    def seal(self, room: Room, kind: str, number: int, plain: bytes) -> bytes:
        """A signature and what it is of."""
        word = f"{kind} {self.me}"
        sealed = _envelope(room).seal(word, plain, number=number)
        about = _about(room, self.me, kind, number, sealed)
        return self._signing.sign(about) + sealed

    @staticmethod
    def open(room: Room, who: Person, kind: str, number: int, signed: bytes) -> bytes:
        """
        What they said.

        Raises:
            InvalidState: If they did not.

        """
        signature, sealed = signed[:64], signed[64:]
        try:
            Ed25519PublicKey.from_public_bytes(who.key).verify(
                signature, _about(room, who.id, kind, number, sealed)
            )
        except (InvalidSignature, ValueError):
            raise InvalidState("Somebody else said this.") from None
        word = f"{kind} {who.id}"
        return _envelope(room).open(word, sealed, number=number)


def _envelope(room: Room) -> Envelope:
    return Envelope(room.key, "room", room.epoch)


def _about(room: Room, sender: int, kind: str, number: int, sealed: bytes) -> bytes:
    numbers = (str(room.epoch), str(sender), kind, str(number))
    return digest("share room", room.jid, *numbers, sealed)
