"""
What people who share a session say to one another (docs/protocol/sharing.md).

Each has met the host, and shares a secret with them: every word is sealed between two,
and counted, so that none is heard twice. In a room, packets are sealed for all who take
part, and signed by who said them. All randomness is an argument.
"""

from __future__ import annotations

import base64
import binascii
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from mobility.errors import InvalidInvitation, InvalidState, RemoteProtocolError
from mobility.protocol import uri
from mobility.protocol.envelope import FRAME, Envelope, digest
from mobility.protocol.handshake import claim
from mobility.protocol.invitation import Invitation
from mobility.protocol.order import Point, Said
from mobility.protocol.session import Stanza
from mobility.protocol.state import decode_packets, encode_packets

__all__ = [
    "LARGEST",
    "MOST_PEOPLE",
    "Channel",
    "End",
    "Heard",
    "Hello",
    "Leave",
    "News",
    "Parting",
    "Person",
    "Room",
    "RoomSeal",
    "ShareCode",
    "ShareKind",
    "Sync",
    "Synced",
    "Welcome",
    "Word",
    "packet_of",
    "share_id",
    "stanza_of",
]

LARGEST: Final = FRAME - 4096  # bytes of a packet that is shared
MOST_PEOPLE: Final = 64
_LONGEST_JID = 3071  # RFC 7622
_ACTION = "mobility-share"


class ShareKind(enum.Enum):
    """How a session is shared."""

    COPY = "copy"
    DIRECT = "direct"
    ROOM = "room"


class Parting(enum.Enum):
    """Why somebody does not take part any more."""

    LEFT = "left"
    ENDED = "ended"
    PUT_OUT = "put-out"
    FLOOD = "flood"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ShareCode:
    """
    The code that a host shows.

    Args:
        invitation: Where the host can be reached, and proof that somebody saw it.
        kind: How the session is shared, as far as the code says.

    """

    invitation: Invitation
    kind: ShareKind

    def __str__(self) -> str:
        it = self.invitation
        secrets = {"t": uri.encode(it.token), "k": uri.encode(it.key)}
        return uri.link(it.jid, _ACTION, **secrets, h=self.kind.value)

    @property
    def account(self) -> str:
        """Bare JID of who shares it."""
        return self.invitation.jid.partition("/")[0]

    @classmethod
    def parse(cls, text: str) -> ShareCode:
        """
        Read a scanned code.

        Raises:
            InvalidInvitation: With a sentence that tells what to scan instead.

        """
        parts = uri.split(text.strip())
        if parts is None or parts.action != _ACTION:
            raise InvalidInvitation(
                "This is not the code of a session that somebody shares. Ask them to "
                "share it, and scan the code that they show."
            )
        fields = parts.fields()
        kinds = [kind for kind in ShareKind if kind.value == fields.get("h")]
        if len(text.strip()) > uri.LONGEST or not kinds or not uri.is_full(parts.jid):
            raise uri.damaged()
        token, key = uri.decode(fields.get("t", "")), uri.decode(fields.get("k", ""))
        return cls(Invitation(parts.jid, token, key), kinds[0])


@dataclass(frozen=True, slots=True)
class Person:
    """
    Somebody who takes part.

    Args:
        id: Their number; the host is 0.
        name: What their device calls itself; a claim.
        address: Their account, as the host's server has it.
        here: Whether the host hears from them.
        key: Of their signatures, in a room.

    """

    id: int
    name: str
    address: str
    here: bool = True
    key: bytes = field(default=b"", repr=False)

    @property
    def hosts(self) -> bool:
        return self.id == 0


@dataclass(frozen=True, slots=True)
class Room:
    """
    Where packets are said, and the key under which.

    Args:
        jid: Of the room.
        key: 32 bytes; another one whenever somebody has gone.
        epoch: Which key it is.

    """

    jid: str
    key: bytes = field(repr=False)
    epoch: int


@dataclass(frozen=True, slots=True)
class Hello:
    """I am the one whom you have just met. `key` is that of my signatures."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """This is what you take part in, and who you are in it."""

    you: int
    kind: ShareKind
    app: str
    schema: int
    title: str
    people: tuple[Person, ...]
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Sync:
    """My so-manieth question: I have so many packets (not even a state: -1)."""

    number: int
    at: int
    generation: int


@dataclass(frozen=True, slots=True)
class Synced:
    """
    This is how you catch up.

    Args:
        answers: Which question.
        head: So many packets there are; what follows comes as it is said.
        generation: Of the order.
        base: Where the state is that comes by the transfer `sid`; if there is no such
            transfer, the packets after this point follow.
        sid: As above.

    """

    answers: int
    head: int
    generation: int
    base: Point
    sid: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """How it stands; `again` asks for what we have not heard of you."""

    people: tuple[Person, ...]
    at: int
    chain: bytes
    generation: int
    heard: int
    again: bool = False
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """I do not take part any more."""


@dataclass(frozen=True, slots=True)
class End:
    """You do not take part any more."""

    why: Parting


Word: TypeAlias = Hello | Welcome | Sync | Synced | News | Leave | End
_KINDS: Final[Mapping[str, type[Any]]] = {
    kind.__name__.lower(): kind
    for kind in (Hello, Welcome, Sync, Synced, News, Leave, End)
}
_OF_HOST: Final = frozenset({"welcome", "synced", "news", "end"})


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
        plain = json.dumps(_written(word)).encode()
        sealed = self._envelope.seal(f"word {kind}", plain, number=self._sent)
        return Heard(kind, self._sent, sealed)

    def open(self, heard: Heard) -> Word:
        """
        What the other one said.

        Raises:
            InvalidState: If they did not.
            RemoteProtocolError: If it was heard before, or is not for them to say.

        """
        if (heard.kind in _OF_HOST) == self._hosts or heard.kind not in _KINDS:
            raise RemoteProtocolError("That is not for you to say.")
        name = f"word {heard.kind}"
        plain = self._envelope.open(name, heard.sealed, number=heard.number)
        if heard.number <= self._heard.get(heard.kind, 0):
            raise RemoteProtocolError("This was said before.")
        self._heard[heard.kind] = heard.number
        return _read(heard.kind, plain)

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


# --- words as JSON --------------------------------------------------------------------


def _written(word: Word) -> dict[str, Any]:
    match word:
        case Hello(key):
            return {"key": _b64(key)}
        case Welcome():
            return {
                "you": word.you,
                "kind": word.kind.value,
                "app": word.app,
                "schema": word.schema,
                "title": word.title,
                "people": [_person(one) for one in word.people],
                "room": _room(word.room),
            }
        case Sync(number, at, generation):
            return {"number": number, "at": at, "generation": generation}
        case Synced():
            return {
                "answers": word.answers,
                "head": word.head,
                "generation": word.generation,
                "base": _point(word.base),
                "sid": word.sid,
            }
        case News():
            return {
                "people": [_person(one) for one in word.people],
                "at": word.at,
                "chain": _b64(word.chain),
                "generation": word.generation,
                "heard": word.heard,
                "again": word.again,
                "room": _room(word.room),
            }
        case Leave():
            return {}
        case End(why):
            return {"why": why.value}


def _person(one: Person) -> dict[str, Any]:
    about = {"id": one.id, "name": one.name, "address": one.address}
    return about | {"here": one.here, "key": _b64(one.key)}


def _room(room: Room | None) -> dict[str, Any] | None:
    if room is None:
        return None
    return {"jid": room.jid, "key": _b64(room.key), "epoch": room.epoch}


def _point(point: Point) -> dict[str, Any]:
    heads = [[sender, number] for sender, number in point.heads.items()]
    return {"at": point.at, "heads": heads, "chain": _b64(point.chain)}


def _read(kind: str, plain: bytes) -> Word:
    try:
        word: Word = _parsed(kind, json.loads(plain))
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise InvalidState("What the other device said is not understood.") from exc
    return word


def _parsed(kind: str, f: Any) -> Word:
    match kind:
        case "hello":
            return Hello(_raw(f["key"]))
        case "welcome":
            return Welcome(
                *(_number(f["you"]), ShareKind(f["kind"]), _text(f["app"])),
                *(_number(f["schema"]), claim(_text(f["title"]))),
                *(_people(f["people"]), _parsed_room(f["room"])),
            )
        case "sync":
            number, at = _number(f["number"]), _number(f["at"], -1)
            return Sync(number, at, _number(f["generation"]))
        case "synced":
            answers, head = _number(f["answers"]), _number(f["head"])
            about = _parsed_point(f["base"]), _text(f["sid"])
            return Synced(answers, head, _number(f["generation"]), *about)
        case "news":
            return News(
                *(_people(f["people"]), _number(f["at"]), _raw(f["chain"], 32)),
                *(_number(f["generation"]), _number(f["heard"])),
                *(f["again"] is True, _parsed_room(f["room"])),
            )
        case "leave":
            return Leave()
    return End(Parting(f["why"]))


def _people(found: Any) -> tuple[Person, ...]:
    people = tuple(_parsed_person(one) for one in list(found))
    if len(people) > MOST_PEOPLE or len({one.id for one in people}) < len(people):
        raise ValueError("people")
    return people


def _parsed_person(f: Any) -> Person:
    name, address = claim(_text(f["name"])), claim(_text(f["address"]))
    return Person(_number(f["id"]), name, address, f["here"] is True, _raw(f["key"]))


def _parsed_room(f: Any) -> Room | None:
    if f is None:
        return None
    return Room(_text(f["jid"]), _raw(f["key"], 32), _number(f["epoch"]))


def _parsed_point(f: Any) -> Point:
    heads = {_number(sender): _number(number) for sender, number in f["heads"]}
    return Point(_number(f["at"]), heads, _raw(f["chain"], 32))


def _number(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 2**31:
        raise ValueError("number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_JID:
        raise ValueError("text")
    return value


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: Any, size: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("bytes") from exc
    if (size is not None and len(raw) != size) or len(raw) > 64:
        raise ValueError("bytes")
    return raw
