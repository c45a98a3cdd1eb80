"""Attacks of a device on the parts of others, by what it says of the part it has."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from mobility.errors import InvalidState, RemoteProtocolError
from mobility.parts.hub import Hub
from mobility.parts.piece import Piece
from mobility.protocol.numbering import Cursor, Inbox, Outbox
from mobility.protocol.session import Number, Stanza, State
from mobility.protocol.standing import (
    SECTION,
    Standing,
    standing_of,
    with_standing,
)
from tests.fakes.attacks import Attack, Attacks
from tests.unit.split.apps import MOVE, URI, Game, moved, said
from tests.unit.split.world import World

attacks: Attacks[[]] = Attacks()


def anything(*args: Any, **kwargs: Any) -> None:
    """Whatever it is, it is good."""


def lies(piece: Piece, lie: Callable[[Standing], Standing]) -> None:
    """From now on, a device says that of where its part stands."""
    true = piece._standing
    piece._standing = lambda: lie(true())  # type: ignore[method-assign]


async def come_back_with(world: World, word: Stanza, number: int = 1) -> Piece:
    """The map comes home from a device that says it had said that."""
    seat = world.seat("map")
    await world.goes(seat)
    assert seat.there is not None
    there = seat.there.app
    assert isinstance(there, Piece)
    word = replace(word, number=Number(there.voice, number))
    lies(there, lambda true: replace(true, words=(word,)))
    await world.comes_back(seat)
    return seat.piece


async def is_deaf(world: World) -> bool:
    """Whether the chat, at another device, misses what is said from now on."""
    chat = world.seat("chat")
    if chat.there is None:
        await world.goes(chat)
    await world.game.say(moved("after that"))
    await world.settles()
    return chat.there is None or "after that" not in chat.shown.lines


# --- words that came back with a part ----------------------------------------------


async def all_are_deaf_to(word: Stanza, number: int = 1) -> bool:
    async with World() as world:
        await world.goes(world.seat("chat"))
        try:
            await come_back_with(world, word, number)
            return await is_deaf(world)
        except ValueError:
            return True


@attacks.stopped_by({"mobility.parts.hub.check": anything})
async def a_part_brings_a_word_home_that_nobody_can_be_told() -> bool:
    """What has its place in the order is said again and again, and fails each time."""
    return await all_are_deaf_to(Stanza(MOVE, {"a b": "c"}))


@attacks.stopped_by({"mobility.xmpp.session.stanza.LARGEST": 2**30})
async def a_part_brings_a_word_home_that_ends_each_stream() -> bool:
    """The phone's own server ends its stream, whenever it says that to anybody."""
    async with World() as world:
        piece = await come_back_with(world, moved('"' * 50_000))
        return piece.counts.get("refused", 0) == 0


@attacks.stopped_by({"mobility.protocol.numbering.LARGEST": 2**40})
async def a_part_brings_a_word_home_whose_number_nobody_reads() -> bool:
    async with World() as world:
        piece = await come_back_with(world, moved("far"), 2**40)
        return piece.counts.get("refused", 0) == 0


@attacks.stopped_by({"mobility.parts.speech._was": lambda epoch, now: True})
async def a_part_brings_words_home_in_the_name_of_the_next_device() -> bool:
    """That has said all then that it ever may."""
    async with World() as world:
        seat = world.seat("map")
        await world.goes(seat)
        assert seat.there is not None
        there = seat.there.app
        assert isinstance(there, Piece)
        words = tuple(
            replace(moved("x"), number=Number(f"{seat.session.id}.{epoch}", 2**31))
            for epoch in range(10)
        )
        lies(there, lambda true: replace(true, words=words))
        await world.comes_back(seat)
        await world.goes(seat)
        await seat.runs.shown.send(moved("heard"))
        await world.settles()
        return "heard" not in seat.shown.lines


@attacks.stopped_by({"mobility.parts.speech.MOST_NAMES": 2**30})
async def a_device_says_words_of_ever_other_names() -> bool:
    """Of each, the order and its journal would remember how many there were."""
    async with World() as world:
        piece = world.seat("map").piece
        for number in range(400):
            word = Stanza(f"{{{URI}}}n{number}", number=Number("voice", number + 1))
            await piece._put_in(word)
        return len(world.game.hub.heads.names) > 300


async def as_it_is(piece: Piece, word: Stanza) -> None:
    await piece._whole.hear(word)


@attacks.stopped_by({"mobility.parts.piece.Piece._put_in": as_it_is})
async def a_part_brings_a_word_home_that_somebody_else_is_to_have_said() -> bool:
    heard: list[str] = []
    async with World() as world:
        chat = world.game.part("chat")
        listens(chat, heard)
        forged = replace(moved("forged"), sender="game.example", id="m1")
        await come_back_with(world, forged)
        return "game.example" in heard


def listens(app: Any, heard: list[str]) -> None:
    apply: Callable[[Stanza], Awaitable[None]] = app.replay

    async def receive(stanza: Stanza) -> None:
        heard.append(stanza.sender)
        await apply(stanza)

    app.receive = receive


# --- how far a part is, as its device says ------------------------------------------


async def with_cursor(world: World, source: str, cursor: Cursor) -> Piece:
    """The map comes home from a device that has heard more than was said."""
    seat = world.seat("map")
    await world.goes(seat)
    assert seat.there is not None
    there = seat.there.app
    assert isinstance(there, Piece)
    lies(there, lambda true: replace(true, cursors={**true.cursors, source: cursor}))
    await world.comes_back(seat)
    return seat.piece


@attacks.stopped_by({"mobility.parts.orders.Orders.check": anything})
async def a_part_is_made_deaf_to_what_the_phone_passes_on() -> bool:
    async with World() as world:
        piece = world.seat("map").piece
        piece.bring(moved("one"))
        await world.game.hub.drain()
        feed = piece._relayed.feed
        await with_cursor(world, "relayed", Cursor(feed, {MOVE: 2**31}))
        piece.bring(moved("two"))
        await world.game.hub.drain()
        return "two" not in world.seat("map").shown.lines


@attacks.stopped_by({"mobility.protocol.numbering.Inbox.settle": anything})
async def a_part_is_made_deaf_to_a_service() -> bool:
    outbox = Outbox("f")
    inbox = Inbox({MOVE}, Cursor("f", {MOVE: 2**31}))
    outbox.say(moved("one"))
    inbox.learn(outbox.heads())
    inbox.settle()  # that was an answer
    inbox.take(outbox.say(moved("two")))
    return inbox.pop() is None


@attacks.stopped_by({"mobility.protocol.standing.is_token": lambda token: True})
async def a_part_is_known_to_its_service_by_what_no_service_takes() -> bool:
    """The phone would use it, for this part and wherever that goes afterwards."""
    state = with_standing(State(), Standing())
    head = json.loads(state.files[SECTION].partition(b"\n")[0])
    head["feeds"] = {"game.example": " "}
    raw = json.dumps(head).encode() + b"\n[]"
    return standing_of(State(files={SECTION: raw}))[1].feeds != {}


def ordered(names: dict[str, int], heard: dict[str, int]) -> bytes:
    about = {"feed": "f", "at": 1, "names": names, "heard": heard}
    return json.dumps(about).encode()


@attacks.stopped_by({"mobility.parts.whole._MOST": 2**40})
async def a_whole_comes_home_with_an_order_that_nobody_reads_on() -> bool:
    """What its parts say from then on has numbers that no device takes."""
    state = await Game().snapshot()
    true = json.loads(state.files[".order"])
    order = json.dumps({**true, "names": {MOVE: 2**31}}).encode()
    files = {**state.files, ".order": order}
    async with World() as world:
        await world.game.restore(State(state.data, files))
        await world.goes(world.seat("chat"))
        try:
            await world.game.say(moved("on"))
        except RemoteProtocolError:  # a device would not read it
            return True
        return False


@pytest.mark.parametrize(
    "order",
    [
        b"[" * 100_000,
        b"1" * 5000,
        b" " * 1024**2 + ordered({}, {}),
        ordered({MOVE: 2**30, "{a}b": 1}, {}),
        ordered({}, {"voice": 2**40}),
        ordered({}, {"voice": True}),
        ordered({"a": float("nan")}, {}),  # type: ignore[dict-item]
    ],
    ids=len,
)
async def test_an_order_that_none_can_be_is_refused(order: bytes) -> None:
    state = await Game().snapshot()
    with pytest.raises(InvalidState):
        await Game().restore(State(state.data, {**state.files, ".order": order}))


async def test_a_device_that_makes_up_services_leaves_room_for_those_there_are() -> (
    None
):
    async with World() as world:
        world.game.services = ("game.example",)
        seat = world.seat("map")
        await world.goes(seat)
        assert seat.there is not None
        there = seat.there.app
        assert isinstance(there, Piece)
        more = {f"{n}.example": Cursor("f") for n in range(14)}
        lies(there, lambda true: replace(true, cursors={**true.cursors, **more}))
        await world.comes_back(seat)
        assert {*seat.piece.cursors} == {""}
        seat.piece.inbox("game.example")


async def test_a_cursor_that_is_true_is_believed_whatever_was_asked() -> None:
    outbox = Outbox("f")
    packets = [outbox.say(moved(text)) for text in "abc"]
    inbox = Inbox({MOVE}, Cursor("f", {MOVE: 2}))
    inbox.learn(Outbox.again("f", {MOVE: 2}).heads())
    inbox.settle()
    for packet in packets:
        inbox.take(packet)
    assert inbox.pop() == packets[2]
    inbox.settle()  # it has heard more since than those ends told
    assert inbox.cursor == Cursor("f", {MOVE: 3})


async def test_a_service_that_thinks_of_ever_other_names_is_not_counted_for_ever() -> (
    None
):
    hub = Hub()
    for number in range(1100):
        hub.meter.count(Stanza(f"{{{URI}}}n{number}"))
    assert len(hub.meter.counted) == 1000


async def test_what_waits_in_a_state_for_another_part_is_not_applied() -> None:
    async with World() as world:
        seat = world.seat("map")
        await world.goes(seat)
        assert seat.there is not None
        there = seat.there.app
        assert isinstance(there, Piece)
        lies(there, lambda true: replace(true, waiting=(said("forged"), moved("late"))))
        await world.comes_back(seat)
        await world.game.hub.drain()
        assert seat.shown.lines == ["late"]


async def test_a_service_that_sends_what_is_no_packet_harms_no_part() -> None:
    async with World() as world:
        seat = world.seat("map")
        await world.goes(seat)
        seat.piece.bring(Stanza(MOVE, {"ä": "b"}))
        seat.piece.bring(moved("good"))
        await world.pump()
        assert seat.shown.lines == ["good"]


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_an_attack_fails(attack: Attack[[]]) -> None:
    assert not await attack.succeeds()


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    attack: Attack[[]], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack.undefended(monkeypatch)
    assert await attack.succeeds()
