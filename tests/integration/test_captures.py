"""A session moves as a log, or as a snapshot and a log: all of it, in order, once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mobility import Capture, Client, InvalidState, LogLimits, Stanza, State
from mobility.tasks import Tasks
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting

START = 4e9  # a stamp that is not old


class Logged(Board):
    """A board that moves as its log, and knows what it was told about it."""

    capture = Capture.REPLAY

    def __init__(self, strokes: tuple[str, ...] = ()) -> None:
        super().__init__(strokes=strokes)
        self.live: list[str] = []
        self.stamps: list[float | None] = []
        self.missing: float | None = None

    async def initial(self) -> State:
        return State({"strokes": []}, title="A board")

    async def restore(self, state: State) -> None:
        self.stamps, self.missing = [], None
        await super().restore(state)

    async def receive(self, stanza: Stanza) -> None:
        assert not stanza.replayed
        self.live.append(stanza.text)
        await super().receive(stanza)

    async def replay(self, stanza: Stanza) -> None:
        if stanza.replayed:
            assert stanza.id
            self.stamps.append(stanza.delay)
        await super().replay(stanza)

    async def replay_cut(self, before: float) -> None:
        self.missing = before

    def hear(self, text: str, number: int, at: float) -> bool:
        """What somebody says in a room, as it gave it a number and a stamp."""
        stanza = Stanza(
            f"{{{self.uri}}}stroke", text=text, sender="nurse", id=f"{number}", delay=at
        )
        new = self.record(stanza)
        if new:
            self.strokes.append(text)
        return new


class Replayed(Logged):
    async def snapshot(self) -> State:
        raise AssertionError("a log needs no snapshot")


class Published(Replayed):
    capture = Capture.PUBLISHED


class Hybrid(Logged):
    capture = Capture.HYBRID
    snapshots = 0

    async def snapshot(self) -> State:
        self.snapshots += 1
        return await super().snapshot()


BOTH = pytest.mark.parametrize("app", [Replayed, Hybrid, Published])


@BOTH
async def test_it_goes_to_the_display_and_back_and_goes_on(
    server: RunningServer, phone: Client, hurry: None, app: type[Logged]
) -> None:
    async with Lobby(server, app) as lobby, visiting(phone, lobby) as screen:
        board = app()
        expected: list[str] = []
        for turn in range(1, 4):
            await board.draw(f"alone {turn}")
            moved = await phone.transfer(board, to=screen)
            there = await lobby.board(turn)
            assert isinstance(there, Logged)
            assert there.capture is app.capture
            await board.draw(f"phone {turn}")
            await there.until(lambda t=there: len(t.live) == 1)  # type: ignore[misc]
            await there.draw(f"display {turn}")
            expected += [f"{who} {turn}" for who in ("alone", "phone", "display")]
            await there.has(*expected)
            await moved.retrieve()
            assert board.strokes == expected


@BOTH
async def test_nothing_is_lost_or_doubled_while_all_talk(
    server: RunningServer, phone: Client, hurry: None, app: type[Logged]
) -> None:
    async with (
        Lobby(server, app) as lobby,
        visiting(phone, lobby) as screen,
        Tasks() as tasks,
    ):
        board = app()
        drawn = {"phone": 0, "display": 0}

        async def draw(who: str, what: Board) -> None:
            while what.running or who == "phone":
                drawn[who] += 1
                await what.draw(f"{who} {drawn[who]}")
                await asyncio.sleep(0.1 if app is Published else 0.01)

        drawing = tasks.start(draw("phone", board))
        for turn in range(1, 4):
            moved = await phone.transfer(board, to=screen)
            there = await lobby.board(turn)
            tasks.start(draw("display", there))
            await there.until(lambda t=there: len(t.strokes) > 2 * turn)  # type: ignore[misc]  # noqa: B023
            await moved.retrieve()
        drawing.cancel()
        for who, count in drawn.items():
            said = [stroke for stroke in board.strokes if stroke.startswith(who)]
            # the display's last one may have come too late for it to run there
            assert said in (
                [f"{who} {n}" for n in range(1, count + 1)],
                [f"{who} {n}" for n in range(1, count)],
            )


@BOTH
async def test_what_a_room_said_keeps_its_stamp_and_comes_once(
    server: RunningServer, phone: Client, hurry: None, app: type[Logged]
) -> None:
    async with Lobby(server, app) as lobby, visiting(phone, lobby) as screen:
        board = app()
        for n in range(5):
            assert board.hear(f"line {n}", n, START + n)
        assert not board.hear("line 4", 4, START + 4)
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        assert isinstance(there, Logged)
        if app is Replayed:
            assert there.stamps == [START + n for n in range(5)]
            assert not there.hear("line 4", 4, START + 4)
        assert there.hear("line 5", 5, START + 5)
        assert not board.hear("line 6", 6, START + 6)  # it does not run here now
        await moved.retrieve()
        assert board.strokes == [f"line {n}" for n in range(6)]
        assert board.stamps[-1] == START + 5


async def test_a_log_that_was_cut_says_so_on_the_other_device(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    class Short(Replayed):
        log_limits = LogLimits(count=10)

    async with Lobby(server, Short) as lobby, visiting(phone, lobby) as screen:
        board = Short()
        for n in range(25):
            board.hear(f"line {n}", n, START + n)
        await phone.transfer(board, to=screen)
        there = await lobby.board()
        assert isinstance(there, Logged)
        assert there.strokes == [f"line {n}" for n in range(15, 25)]
        assert there.missing == START + 14


async def test_a_hybrid_session_loses_nothing_when_its_log_is_full(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    class Short(Hybrid):
        log_limits = LogLimits(count=10)

    async with Lobby(server, Short) as lobby, visiting(phone, lobby) as screen:
        board = Short()
        for n in range(25):
            board.hear(f"line {n}", n, START + n)
        await phone.transfer(board, to=screen)
        there = await lobby.board()
        assert isinstance(there, Logged)
        assert there.strokes == [f"line {n}" for n in range(25)]
        assert there.missing is None


async def test_a_hybrid_session_takes_its_snapshot_where_the_app_says(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Hybrid) as lobby, visiting(phone, lobby) as screen:
        board = Hybrid(strokes=("first",))
        board.compact(State({"strokes": ["all", "of it"]}))
        await board.draw("after")
        moved = await phone.transfer(board, to=screen)
        await (await lobby.board()).has("all", "of it", "after")
        assert board.snapshots == 0
        await moved.retrieve()
        assert board.strokes == ["all", "of it", "after"]
        assert board.snapshots == 0


@BOTH
async def test_a_checkpoint_of_it_is_its_log(
    server: RunningServer, hurry: None, tmp_path: Path, app: type[Logged]
) -> None:
    account = server.add()
    async with Lobby(server, app) as lobby:
        async with Client(*account, data=tmp_path, **address(server)) as phone:
            async with visiting(phone, lobby) as screen:
                board = app()
                await board.draw("first")
                moved = await phone.transfer(board, to=screen)
                there = await lobby.board()
                saved, save = asyncio.Event(), moved._entry.save

                def noted(state: State) -> None:
                    save(state)
                    saved.set()

                moved._entry.save = noted  # type: ignore[method-assign]
                await there.draw("second")
                there.changed()
                await soon(saved.wait())
                await moved.reclaim()
                assert moved.as_saved
                assert board.strokes == ["first", "second"]
                await soon(lobby.sessions[0].ended())


async def test_a_log_that_the_app_cannot_use_leaves_the_session_where_it_was(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    class Picky(Replayed):
        async def restore(self, state: State) -> None:
            raise InvalidState("No.")

    async with Lobby(server, Picky) as lobby, visiting(phone, lobby) as screen:
        board = Replayed(strokes=())
        await board.draw("first")
        with pytest.raises(Exception, match="No"):
            await phone.transfer(board, to=screen)
        await board.draw("second")
        assert board.strokes == ["first", "second"]
        assert board.running
