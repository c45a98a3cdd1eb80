"""What people who share a session say: sealed, counted, and refused if it is not."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidInvitation, InvalidState, RemoteProtocolError
from mobility.protocol.invitation import Invitation
from mobility.protocol.order import Point, Said
from mobility.protocol.rate import Rate
from mobility.protocol.session import Stanza
from mobility.protocol.sharecode import ShareCode, ShareKind
from mobility.protocol.shareseal import (
    LARGEST,
    Channel,
    Heard,
    RoomSeal,
    packet_of,
    stanza_of,
)
from mobility.protocol.sharing import (
    End,
    Hello,
    Leave,
    News,
    Parting,
    Person,
    Room,
    Sync,
    Synced,
    Welcome,
    Word,
)

SECRET = bytes(range(32))
INVITATION = Invitation("juliet@capulet.example/phone", b"t" * 16, b"k" * 16)
ROOM = Room("r@conference.capulet.example", b"k" * 32, 3)
PEOPLE = (
    Person(0, "Juliet's phone", "juliet@capulet.example", key=b"j" * 32),
    Person(1, "Romeo's phone", "romeo@montague.example", False, b"r" * 32),
)
POINT = Point(7, {0: 3, 1: 4}, b"c" * 32)
OF_HOST: list[Word] = [
    Welcome(1, ShareKind.ROOM, "urn:app", 2, "Figures", PEOPLE, ROOM),
    Welcome(1, ShareKind.COPY, "urn:app", 2, "", ()),
    Synced(1, 9, 2, POINT, "sid"),
    News(PEOPLE, 9, b"c" * 32, 2, 4, True, ROOM),
    End(Parting.PUT_OUT),
]
OF_OTHERS: list[Word] = [Hello(b"v" * 32), Sync(1, -1, 0), Leave()]
URI = "https://example.org/apps/board"


def pair() -> tuple[Channel, Channel]:
    return Channel(SECRET, hosts=True), Channel(SECRET, hosts=False)


@pytest.mark.parametrize("word", OF_HOST + OF_OTHERS, ids=lambda w: type(w).__name__)
def test_a_word_is_heard_as_it_was_said_and_only_once(word: Word) -> None:
    host, other = pair()
    sender, receiver = (host, other) if word in OF_HOST else (other, host)
    said = sender.seal(word)
    assert receiver.open(said) == word
    with pytest.raises(RemoteProtocolError, match="before"):
        receiver.open(said)


@pytest.mark.parametrize("word", OF_HOST + OF_OTHERS, ids=lambda w: type(w).__name__)
def test_nobody_says_what_is_for_the_other_to_say(word: Word) -> None:
    host, other = pair()
    sender = other if word in OF_HOST else host
    receiver = host if word in OF_HOST else other
    with pytest.raises(RemoteProtocolError):
        receiver.open(sender.seal(word))


def test_a_word_of_somebody_else_is_refused_and_hides_no_later_one() -> None:
    host, other = pair()
    said = host.seal(End(Parting.ENDED))
    stranger = Channel(b"x" * 32, hosts=True)
    for _ in range(5):
        forged = stranger.seal(End(Parting.ENDED))
        with pytest.raises(InvalidState):
            other.open(forged)
    with pytest.raises(InvalidState):
        other.open(Heard("end", said.number + 1, said.sealed))
    with pytest.raises(InvalidState):
        other.open(Heard("news", said.number, said.sealed))
    assert other.open(said) == End(Parting.ENDED)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("you", "kind", "app", "schema", "title", "people", "room", "key"),
                    *(
                        "at",
                        "heads",
                        "chain",
                        "base",
                        "sid",
                        "head",
                        "generation",
                        "why",
                    ),
                    *("answers", "number", "heard", "again", "id", "name", "address"),
                ]
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(["welcome", "synced", "news", "end"]), JUNK)
def test_whatever_is_sealed_is_understood_or_refused(kind: str, junk: object) -> None:
    host, other = pair()
    sealed = host._envelope.seal(f"word {kind}", json.dumps(junk).encode(), number=1)
    with contextlib.suppress(InvalidState):
        other.open(Heard(kind, 1, sealed))


@given(st.binary(max_size=64))
def test_whatever_is_told_is_a_packet_or_refused(junk: bytes) -> None:
    host, other = pair()
    sealed = host._envelope.seal("told 0", junk, number=1)
    with contextlib.suppress(InvalidState):
        other.open_told(1, 0, sealed)


def test_a_packet_is_told_as_it_was_said() -> None:
    host, other = pair()
    said = Said(1, 5, packet_of(Stanza(f"{{{URI}}}stroke", text="Ä ß")))
    assert host.open_say(1, 5, other.seal_say(said)) == said
    assert other.open_told(9, 0, host.seal_told(9, 0, said)) == said
    assert stanza_of(said.body).text == "Ä ß"
    with pytest.raises(InvalidState):
        other.open_told(8, 0, host.seal_told(9, 0, said))
    with pytest.raises(InvalidState):
        other.open_told(9, 1, host.seal_told(9, 0, said))
    with pytest.raises(InvalidState):
        host.open_say(1, 6, other.seal_say(said))


def test_what_is_no_packet_cannot_be_shared() -> None:
    with pytest.raises(InvalidState):
        packet_of(Stanza("{jabber:client}message"))
    with pytest.raises(InvalidState, match="KiB"):
        packet_of(Stanza(f"{{{URI}}}stroke", text="x" * LARGEST))
    with pytest.raises(InvalidState):
        stanza_of(b"[]")
    with pytest.raises(InvalidState):
        stanza_of(b'[["{jabber:client}iq", {}, "", [], {}]]')


# --- in a room ------------------------------------------------------------------------


def test_in_a_room_only_who_takes_part_can_read_and_nobody_speaks_for_another() -> None:
    romeo, tybalt = RoomSeal(1, b"r" * 32), RoomSeal(2, b"t" * 32)
    who = Person(1, "Romeo", "romeo@montague.example", key=romeo.public)
    signed = romeo.seal(ROOM, "say", 4, b"hello")
    assert RoomSeal.open(ROOM, who, "say", 4, signed) == b"hello"
    assert b"hello" not in signed
    tybalt.me = 1  # has the key of the room, and says it is Romeo
    for forged, kind, number, room in [
        (tybalt.seal(ROOM, "say", 4, b"hello"), "say", 4, ROOM),
        (signed, "reset", 4, ROOM),
        (signed, "say", 5, ROOM),
        (signed, "say", 4, Room(ROOM.jid, ROOM.key, 4)),
        (signed, "say", 4, Room("other@conference.example", ROOM.key, 3)),
        (signed[:64] + b"x" + signed[65:], "say", 4, ROOM),
        (b"", "say", 4, ROOM),
    ]:
        with pytest.raises(InvalidState):
            RoomSeal.open(room, who, kind, number, forged)
    with pytest.raises(InvalidState):  # who was put out has the old key only
        RoomSeal.open(Room(ROOM.jid, b"n" * 32, 3), who, "say", 4, signed)


# --- the code -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ShareKind)
def test_a_code_is_read_as_it_was_shown(kind: ShareKind) -> None:
    code = ShareCode(INVITATION, kind)
    assert ShareCode.parse(f" {code}\n") == code
    assert len(str(code)) < 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.org",
        str(INVITATION),
        str(ShareCode(INVITATION, ShareKind.COPY)).replace(";h=copy", ""),
        str(ShareCode(INVITATION, ShareKind.COPY)).replace(";h=copy", ";h=all"),
        str(ShareCode(INVITATION, ShareKind.COPY)) + ";h=room",
        str(ShareCode(INVITATION, ShareKind.COPY)).replace("v=0", "v=1"),
        str(ShareCode(INVITATION, ShareKind.COPY)).replace("t=", "t=x"),
        str(ShareCode(INVITATION, ShareKind.COPY)).replace("juliet@", ""),
    ],
)
def test_another_code_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInvitation, match=r"[A-Z].*\."):
        ShareCode.parse(text)


def test_the_code_of_a_screen_cannot_be_taken_for_one_of_a_person() -> None:
    with pytest.raises(InvalidInvitation):
        Invitation.parse(str(ShareCode(INVITATION, ShareKind.DIRECT)))


# --- too much -------------------------------------------------------------------------


def test_a_lively_person_is_not_put_out_and_a_flood_is() -> None:
    rate = Rate(0.0)
    assert all(rate.take(n / 60, 2000) for n in range(60 * 60))  # an hour of pointing
    assert not all(rate.take(60.0, 100) for _ in range(1200))
    rate = Rate(0.0)
    assert not all(rate.take(0.0, 40_000) for _ in range(500))
    assert Rate(0.0).take(1e9, 1)
