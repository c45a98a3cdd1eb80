"""Somebody who shares, or who does not, is hostile; the others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from mobility import (
    Client,
    MobilityError,
    Participation,
    Parting,
    RemoteProtocolError,
    ShareKind,
    Stanza,
    TransferRefused,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol import rate
from mobility.protocol.order import Said
from mobility.protocol.shareseal import Channel, Heard, packet_of, share_id
from mobility.protocol.sharing import End, Hello
from mobility.sharing import participation
from mobility.xmpp.sharing.stanza import Addressed, InRoom, Packet
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import soon
from tests.integration.sharing import LIVE, Circle, all_have, board

STROKE = f"{{{Board.uri}}}stroke"


@pytest.fixture(params=LIVE, ids=lambda kind: kind.value)
async def circle(
    server: RunningServer, hurry: None, request: pytest.FixtureRequest
) -> AsyncIterator[Circle]:
    """Yield a host who shares a board."""
    async with Circle(server, request.param) as circle:
        yield circle


@pytest.fixture
async def direct(server: RunningServer, hurry: None) -> AsyncIterator[Circle]:
    """Yield one who shares it directly."""
    async with Circle(server, ShareKind.DIRECT) as circle:
        yield circle


@pytest.fixture
async def room(server: RunningServer, hurry: None) -> AsyncIterator[Circle]:
    """Yield one who shares it in a room."""
    async with Circle(server, ShareKind.ROOM) as circle:
        yield circle


def client_of(part: Participation) -> Client:
    client: Client = part._site.link.__self__  # type: ignore[attr-defined]
    return client


def stroke(text: str) -> bytes:
    return packet_of(Stanza(STROKE, text=text))


# --- between two ----------------------------------------------------------------------


async def test_nobody_speaks_for_another(direct: Circle) -> None:
    victim, thief = await direct.join("Victim"), await direct.join("Thief")
    wire = client_of(thief).stream.sharing
    said = Said(1, 1, stroke("forged"))
    for channel in (thief.channel, victim.channel):  # even with the other's secret
        sealed = channel.seal_say(said)
        wire.send_packet(direct.host.jid, Packet(victim.channel.id, 1, 0, sealed))
    await board(thief).draw("own")
    assert await all_have(direct.board, board(victim), count=2) == ("first", "own")


async def test_nobody_passes_for_the_host(direct: Circle) -> None:
    victim, thief = await direct.join("Victim"), await direct.join("Thief")
    wire = client_of(thief).stream.sharing
    forger = Channel(victim._secret, hosts=True)  # even with the victim's secret
    told = forger.seal_told(1, 0, Said(0, 1, stroke("forged")))
    wire.send_packet(victim._site.stream.jid, Packet(victim.channel.id, 1, 0, told))
    end = Addressed(victim.channel.id, forger.seal(End(Parting.PUT_OUT)))
    with pytest.raises(VisitRefused):
        await wire.ask(victim._site.stream.jid, end)
    await direct.board.draw("true")
    assert await all_have(board(victim), count=2) == ("first", "true")
    assert victim.ending is None


async def test_what_was_said_before_is_not_taken_again(direct: Circle) -> None:
    part = await direct.join("Guest")
    wire = client_of(part).stream.sharing
    packets: list[tuple[str, Packet]] = []
    send = wire.send_packet

    def keeping(peer: str, packet: Packet) -> None:
        packets.append((peer, packet))
        send(peer, packet)

    wire.send_packet = keeping  # type: ignore[method-assign]
    await board(part).draw("once")
    for peer, packet in packets * 5:
        send(peer, packet)
    await board(part).draw("then")
    assert await all_have(direct.board, board(part), count=3) == (
        *("first", "once", "then"),
    )
    hello = Addressed(part.channel.id, part.channel.seal(Hello(b"k" * 32)))
    await wire.ask(direct.host.jid, hello)
    with pytest.raises(RemoteProtocolError):
        await wire.ask(direct.host.jid, hello)


async def test_a_stranger_gets_nothing_and_changes_nothing(circle: Circle) -> None:
    part = await circle.join("Guest")
    stranger = await circle.device(circle._server, "Stranger")
    wire = stranger.stream.sharing
    for share in (part.channel.id, share_id(b"x" * 32), ""):
        channel = Channel(b"x" * 32, hosts=False)
        hello = Addressed(share, channel.seal(Hello(b"k" * 32)))
        for victim in (circle.host.jid, part._site.stream.jid):
            with pytest.raises(VisitRefused):
                await wire.ask(victim, hello)
            wire.send_packet(victim, Packet(share, 1, 0, b"x" * 100))
    assert len(circle.sharing.people) == 2
    await circle.board.draw("fine")
    await board(part).has("first", "fine")


@pytest.mark.parametrize("how", ["many", "huge"])
async def test_whoever_floods_is_put_out_and_the_others_go_on(
    circle: Circle, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate, "PACKETS", (10.0, 100.0))
    monkeypatch.setattr(rate, "BYTES", (10_000.0, 500_000.0))
    bad, good = await circle.join("Bad"), await circle.join("Good")
    size = 10 if how == "many" else 30_000
    for number in range(200 if how == "many" else 30):
        await board(bad).draw(f"{number}" + "x" * size)
    await soon(bad.ended())
    assert bad.ending is Parting.FLOOD
    assert "too much" in bad.goodbye
    await board(good).draw("fine")
    await circle.board.until(lambda: circle.board.strokes[-1] == "fine")
    await board(good).until(lambda: board(good).strokes == circle.board.strokes)


async def test_what_cannot_be_said_is_not_shown_as_if_it_had_been(
    circle: Circle,
) -> None:
    part = await circle.join("Guest")
    with pytest.raises(ValueError, match="KiB"):
        await board(part).draw("x" * 100_000)
    await board(part).has("first")
    await board(part).draw("fine")
    await circle.board.has("first", "fine")


async def test_a_packet_that_speaks_to_xmpp_reaches_no_app(circle: Circle) -> None:
    bad, good = await circle.join("Bad"), await circle.join("Good")
    bodies = [b'[["{jabber:client}iq", {}, "", [], {}]]', b"\xff", b"[" * 9000]
    for body in bodies:
        bad._say(bad._live.replica.say(body))
    await circle.board.draw("fine")
    await circle.board.has("first", "fine")
    await board(good).has("first", "fine")


# --- in a room ------------------------------------------------------------------------


async def test_a_room_cannot_put_words_into_a_mouth(room: Circle) -> None:
    victim, other = await room.join("Victim"), await room.join("Other")
    assert other._room is not None
    signed = other._seat.seal.seal(other._room, "say", 1, stroke("forged"))
    said = InRoom("say", 1, other._room.epoch, signed)
    name = other._room.jid
    for listener in (room.sharing, victim):  # as if the service had said so
        listener.receive_in_room(name, str(victim._seat.seal.me), said)
        listener.receive_in_room(name, "0", said)
        listener.receive_in_room(name, "99", said)
        listener.receive_in_room("other@conference.localhost", "2", said)
    await victim.app.draw("true")  # type: ignore[attr-defined]
    boards = room.board, board(victim), board(other)
    assert await all_have(*boards, count=2) == ("first", "true")


async def test_only_the_host_takes_packets_back(room: Circle) -> None:
    bad, good = await room.join("Bad"), await room.join("Good")
    await room.board.draw("stays")
    await all_have(room.board, board(bad), board(good), count=2)
    assert bad._room is not None
    signed = bad._seat.seal.seal(bad._room, "reset", 1, b"0")
    said = InRoom("reset", 1, bad._room.epoch, signed)
    client_of(bad).stream.sharing.say(bad._room.jid, said)
    await board(bad).draw("fine")
    await all_have(room.board, board(bad), board(good), count=3)


async def test_what_a_room_says_twice_is_heard_once(room: Circle) -> None:
    part = await room.join("Guest")
    heard: list[tuple[str, str, InRoom]] = []
    receive = room.host.stream.sharing.in_room

    def keeping(name: str, nick: str, said: InRoom) -> None:
        heard.append((name, nick, said))
        receive(name, nick, said)

    room.host.stream.sharing.in_room = keeping
    await board(part).draw("once")
    await room.board.has("first", "once")
    for name, nick, said in heard:
        room.sharing.receive_in_room(name, nick, said)
        part.receive_in_room(name, nick, said)
    await board(part).draw("then")
    assert len(await all_have(room.board, board(part), count=3)) == 3


async def test_a_room_that_tells_people_different_things_is_found_out(
    room: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, other = await room.join("Victim"), await room.join("Other")
    wire = client_of(victim).stream.sharing
    receive = wire.in_room
    late: list[Any] = []

    def swapped(name: str, nick: str, said: InRoom) -> None:
        if nick == "0" and said.kind == "say" and not late:
            late.append((name, nick, said))  # comes behind the next
            return
        receive(name, nick, said)
        while said.kind == "say" and late and late[0]:
            receive(*late.pop())
            late.append(())

    wire.in_room = swapped
    await room.board.draw("one")
    await board(other).has("first", "one")
    await board(other).draw("two")
    await room.board.has("first", "one", "two")
    await board(victim).has("first", "two", "one")
    await room.sharing._tell_all()
    await board(victim).has("first", "one", "two")


async def test_nobody_who_was_not_let_in_enters_the_room(room: Circle) -> None:
    assert room.sharing._room is not None
    stranger = await room.device(room._server, "Stranger")
    with pytest.raises(MobilityError, match="does not let us in"):
        await stranger.stream.rooms.enter(
            room.sharing._room.jid, "1", gone=lambda: None
        )


async def test_who_was_put_out_has_no_key_to_what_is_said_then(room: Circle) -> None:
    bad, good = await room.join("Bad"), await room.join("Good")
    (person,) = [one for one in room.sharing.people if one.name == "Bad"]
    assert bad._room is not None
    before = bad._room
    await room.sharing.put_out(person)
    assert good._room is not None
    assert good._room.epoch == before.epoch + 1
    assert good._room.key != before.key
    assert room.sharing._room == good._room
    with pytest.raises(MobilityError):
        await client_of(bad).stream.rooms.enter(before.jid, "1", gone=lambda: None)


# --- a host ---------------------------------------------------------------------------


async def test_a_host_whose_order_is_broken_is_left(
    direct: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = await direct.join("Guest")
    (member,) = direct.sharing._all
    wire = direct.host.stream.sharing

    def lie() -> None:
        at = part._live.replica.head.at + 1
        sealed = member.channel.seal_told(at, 0, Said(7, 9, stroke("lie")))
        wire.send_packet(member.jid, Packet(member.channel.id, at, 0, sealed))

    monkeypatch.setattr(participation, "_MOST_BROKEN", 0)
    lie()
    await soon(part.ended())
    assert part.ending is Parting.LOST
    assert board(part).strokes == ["first"]


async def test_a_host_that_announces_a_state_and_sends_none_is_left(
    direct: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(direct.sharing, "_send_state", nothing)
    monkeypatch.setattr(participation, "TICK", 0.05)
    monkeypatch.setattr(participation, "_MOST_BROKEN", 1)
    with pytest.raises(VisitEnded, match="was lost for too long"):
        await soon(direct.join("Guest"))


async def test_a_state_that_cannot_be_used_is_refused_with_a_sentence(
    direct: Circle,
) -> None:
    state = await direct.board.snapshot()
    direct.sharing._live.base = replace(state, data="no board")
    with pytest.raises(MobilityError, match="not a board"):
        await direct.join("Guest")


async def test_who_lacks_the_app_is_told_so(direct: Circle) -> None:
    client = await direct.device(direct._server, "Guest")
    client._factories.clear()
    with pytest.raises(TransferRefused, match="does not have the app"):
        async with direct.joining(client):
            pass
    await direct.sharing.app.until(lambda: not direct.sharing._members)  # type: ignore[attr-defined]


async def test_a_word_that_was_not_sealed_for_us_ends_nothing(circle: Circle) -> None:
    part = await circle.join("Guest")
    wire = circle.host.stream.sharing
    junk = Addressed(part.channel.id, Heard("end", 99, b"x" * 64))
    with pytest.raises(MobilityError):
        await wire.ask(part._site.stream.jid, junk)
    assert part.ending is None
