"""A session moves to a display and back: all of it, in order, once."""

from __future__ import annotations

import asyncio

import pytest

from mobility import (
    Client,
    LocalProtocolError,
    MovedSession,
    Progress,
    Screen,
    VisitEnded,
)
from mobility.tasks import Tasks
from tests.fakes.running import RunningServer
from tests.integration.apps import Board, Hooked
from tests.integration.people import Lobby, soon, visiting

DOCUMENT = b"%PDF " + bytes(range(256)) * 60  # 15 kB


async def test_a_session_goes_to_the_display_and_comes_back(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(DOCUMENT, ("first",))
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        assert (there.document, there.strokes) == (DOCUMENT, ["first"])
        assert there.running
        assert not board.running
        back = await moved.retrieve()
        assert back is board
        assert (board.document, board.strokes) == (DOCUMENT, ["first"])
        assert board.running
        await soon(lobby.sessions[0].ended())
        assert there.closed
        assert not there.running


async def test_packets_flow_both_ways_in_their_order(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board()
        await phone.transfer(board, to=screen)
        there = await lobby.board()
        numbers = [str(n) for n in range(50)]
        for number in numbers:
            await board.draw(number)
        await there.has(*numbers)
        for number in numbers:
            await there.draw(f"answer {number}")
        await board.has(*numbers, *(f"answer {n}" for n in numbers))


async def test_fifteen_kilobytes_take_six_round_trips(
    lobby: Lobby, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobility.transfer.timing.ASK", 5.0)
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(Board(DOCUMENT), to=screen)
        assert moved.round_trips == 6


@pytest.mark.parametrize("document", [b"", b"x" * 2**20], ids=["nothing", "1 MiB"])
async def test_a_state_of_any_size_arrives_whole(
    lobby: Lobby, phone: Client, document: bytes
) -> None:
    seen: list[Progress] = []
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(Board(document), to=screen, progress=seen.append)
        assert (await lobby.board()).document == document
        assert seen[-1].done == seen[-1].size >= len(document)
        done = [progress.done for progress in seen]
        assert done == sorted(done)
        board = await moved.retrieve()
        assert isinstance(board, Board)
        assert board.document == document


async def test_a_session_may_go_and_come_back_several_times_in_one_visit(
    lobby: Lobby, phone: Client
) -> None:
    board = Board(DOCUMENT)
    strokes: list[str] = []
    async with visiting(phone, lobby) as screen:
        for turn in range(1, 4):
            moved = await phone.transfer(board, to=screen)
            there = await lobby.board(turn)
            await board.draw(f"phone {turn}")
            await there.has(*strokes, f"phone {turn}")
            await there.draw(f"display {turn}")
            strokes += [f"phone {turn}", f"display {turn}"]
            await board.has(*strokes)
            await moved.retrieve()
            assert board.strokes == strokes
            assert not len(phone._away)
            assert not lobby.visits[0]._hosted
    await lobby.is_empty()


async def test_the_document_does_not_travel_back(lobby: Lobby, phone: Client) -> None:
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(Board(b"x" * 300_000), to=screen)
        sent = _count_bytes(lobby)
        board = await moved.retrieve()
        assert isinstance(board, Board)
        assert len(board.document) == 300_000
        assert sum(sent) < 10_000


def _count_bytes(lobby: Lobby) -> list[int]:
    sent: list[int] = []
    xmpp = lobby.display.stream.xmpp
    send = xmpp.send_raw

    def counted(data: str | bytes) -> None:
        sent.append(len(data))
        send(data)

    xmpp.send_raw = counted  # type: ignore[method-assign]
    return sent


# --- packets while a transfer is under way --------------------------------------------


@pytest.mark.parametrize("moment", ["snapshot", "stop", "restore", "start"])
async def test_what_the_phone_says_on_the_way_there_arrives_once(
    server: RunningServer, phone: Client, hurry: None, moment: str
) -> None:
    board = Hooked(strokes=("first",))
    said: list[str] = []

    async def hook(step: str) -> None:
        if step == moment and not said:
            said.append("on the way")
            await board.draw("on the way")

    class There(Hooked):
        async def hook(self, step: str) -> None:
            await hook(step)

    async with Lobby(server, There) as lobby, visiting(phone, lobby) as screen:
        board.hook = hook  # type: ignore[method-assign]
        moved = await phone.transfer(board, to=screen)
        await board.draw("last")
        await (await lobby.board()).has("first", "on the way", "last")
        await moved.retrieve()
        assert board.strokes == ["first", "on the way", "last"]


@pytest.mark.parametrize(
    ("moment", "speaker"),
    [
        *((moment, "phone") for moment in ("snapshot", "stop", "restore", "start")),
        *((moment, "display") for moment in ("snapshot", "stop", "restore")),
    ],
)
async def test_what_is_said_on_the_way_back_arrives_once(
    server: RunningServer, phone: Client, hurry: None, moment: str, speaker: str
) -> None:
    async with Lobby(server, Hooked) as lobby, visiting(phone, lobby) as screen:
        board = Hooked(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        drawer = board if speaker == "phone" else there
        said: list[str] = []

        async def hook(step: str) -> None:
            if step == moment and not said:
                said.append("on the way")
                await drawer.draw("on the way")

        owner = there if moment in {"snapshot", "stop"} else board
        assert isinstance(owner, Hooked)
        owner.hook = hook  # type: ignore[method-assign]
        await moved.retrieve()
        assert board.strokes == ["first", "on the way"]


async def test_nothing_is_lost_or_doubled_while_both_sides_draw_all_the_time(
    lobby: Lobby, phone: Client
) -> None:
    board = Board()
    async with visiting(phone, lobby) as screen, Tasks() as tasks:
        drawn: dict[str, int] = {"phone": 0, "display": 0}

        async def draw(who: str, what: Board) -> None:
            while what.running or who == "phone":
                drawn[who] += 1
                await what.draw(f"{who} {drawn[who]}")
                await asyncio.sleep(0.001)

        drawing = tasks.start(draw("phone", board))
        for turn in range(1, 5):
            moved = await phone.transfer(board, to=screen)
            there = await lobby.board(turn)
            tasks.start(draw("display", there))
            await there.until(lambda t=there: len(t.strokes) > 20)  # type: ignore[misc]
            await moved.retrieve()
        drawing.cancel()
        for who, count in drawn.items():
            mine = [s for s in board.strokes if s.startswith(who)]
            assert mine == [f"{who} {n}" for n in range(1, count + 1)]


# --- what cannot be done --------------------------------------------------------------


async def test_a_session_that_is_away_is_not_handed_over_again(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board()
        await phone.transfer(board, to=screen)
        with pytest.raises(LocalProtocolError, match="Take it back first"):
            await phone.transfer(board, to=screen)
        assert not board.running
        assert (await lobby.board()).running


async def test_two_transfers_of_one_session_at_once_are_one_too_many(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(DOCUMENT)
        results = await asyncio.gather(
            phone.transfer(board, to=screen),
            phone.transfer(board, to=screen),
            return_exceptions=True,
        )
        assert [type(r) for r in results] == [MovedSession, LocalProtocolError]
        assert not board.running
        assert (await lobby.board()).running


async def test_nothing_is_handed_to_a_display_that_was_left(
    lobby: Lobby, phone: Client
) -> None:
    left: Screen
    async with visiting(phone, lobby) as screen:
        left = screen
    with pytest.raises(VisitEnded, match="The visit of Lobby screen is over"):
        await phone.transfer(Board(), to=left)


async def test_two_retrievals_at_once_are_one(lobby: Lobby, phone: Client) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(DOCUMENT, ("first",))
        moved = await phone.transfer(board, to=screen)
        apps = await asyncio.gather(moved.retrieve(), moved.retrieve(), moved.reclaim())
        assert {id(app) for app in apps} == {id(board)}
        assert board.strokes == ["first"]


async def test_who_gives_up_to_take_it_back_at_the_last_moment_may_ask_again(
    lobby: Lobby, phone: Client
) -> None:
    arriving, may_start = asyncio.Event(), asyncio.Event()

    async def hook(step: str) -> None:
        if step == "start":
            arriving.set()
            await may_start.wait()

    async with visiting(phone, lobby) as screen:
        board = Hooked()
        moved = await phone.transfer(board, to=screen)
        board.hook = hook  # type: ignore[method-assign]
        first = asyncio.create_task(moved.retrieve())
        await soon(arriving.wait())
        first.cancel()
        again = asyncio.create_task(moved.retrieve())
        await asyncio.wait({first})
        may_start.set()
        assert await soon(again) is board
        assert board.running
        assert not moved.away
