"""What a person types reaches whoever asked last, and nobody waits for a dead input."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mobility.cli.control import agreed, control
from mobility.cli.lines import Lines
from mobility.cli.presenter import load_presenter
from mobility.errors import LocalProtocolError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
async def typing(
    pipe: tuple[int, int],
) -> AsyncIterator[Callable[[str], int]]:
    """Yield what types on this test's standard input."""
    reading, writing = pipe
    yield lambda text: os.write(writing, text.encode())
    loop = asyncio.get_running_loop()
    loop.remove_reader(reading)
    for number in SIGNALS:
        loop.remove_signal_handler(number)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    with open(reading) as stdin, open(writing, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)
        yield reading, writing


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Standard input is a file with two lines."""
    path = tmp_path / "typed"
    path.write_text("n\nlast\n")
    with path.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield


async def soon(lines: Lines) -> str:
    async with asyncio.timeout(5):
        return await lines.next()


async def waits(lines: Lines) -> asyncio.Task[str]:
    task = asyncio.create_task(lines.next())
    await asyncio.sleep(0)
    return task


async def test_lines_come_in_their_order(typing: Callable[[str], int]) -> None:
    lines = Lines()
    typing("one\ntwo\nthr")
    assert [await soon(lines), await soon(lines)] == ["one", "two"]
    typing("ee\n")
    assert await soon(lines) == "three"


async def test_a_question_gets_the_line_that_a_loop_waits_for(
    typing: Callable[[str], int],
) -> None:
    lines = Lines()
    loop = await waits(lines)
    question = await waits(lines)
    typing("yes\nnext\n")
    assert (await question, await loop) == ("yes", "next")


async def test_the_line_of_a_question_that_was_withdrawn_is_not_lost(
    typing: Callable[[str], int],
) -> None:
    lines = Lines()
    loop = await waits(lines)
    question = await waits(lines)
    lines._give("next")
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    assert await loop == "next"


async def test_a_signal_ends_all_waiting(typing: Callable[[str], int]) -> None:
    lines = Lines()
    tasks = [await waits(lines), await waits(lines)]
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*tasks) == ["", ""]
    assert lines.ended
    assert await soon(lines) == ""


async def test_a_file_is_read_whole(script: None) -> None:
    lines = Lines()
    assert [await soon(lines) for _ in range(3)] == ["n", "last", ""]
    for number in SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)


class Typed(Lines):
    """What a person is going to type, and then they go."""

    def __init__(self, *lines: str) -> None:
        self.coming = list(lines)
        self.ended = False

    async def next(self) -> str:
        return self.coming.pop(0) if self.coming else ""


def console() -> Console:
    return Console(file=StringIO(), width=100)


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


async def test_what_is_typed_turns_pages_until_an_empty_line() -> None:
    presenter, out = load_presenter(None, 3), console()
    pages = []

    async def turn(page: int) -> None:
        presenter.page = page
        pages.append(page)

    async def write(text: str) -> None:
        presenter.text = text

    presenter.turn, presenter.write = turn, write
    lines = Typed("n", "p", "7", "w mind the gap", "what?", "", "9")
    never = asyncio.Event()
    leave = {"": "stop here", "x": "end it"}
    assert await control(presenter, lines, out, until=never.wait(), leave=leave) == ""
    assert (pages, presenter.text) == ([4, 3, 7], "mind the gap")
    assert lines.coming == ["9"]
    assert "Enter stop here" in " ".join(printed(out).split())


async def test_control_ends_when_something_else_does() -> None:
    class Silent(Lines):
        def __init__(self) -> None:
            pass

        async def next(self) -> str:
            await asyncio.Event().wait()
            return ""

    over = asyncio.Event()
    over.set()
    presenter, leave = load_presenter(None, 1), {"": "stop"}
    until = over.wait()
    ended = await control(presenter, Silent(), console(), until=until, leave=leave)
    assert ended is None


async def test_a_page_that_is_turned_just_as_it_goes_is_answered_by_a_sentence() -> (
    None
):
    presenter, out = load_presenter(None, 3), console()

    async def turn(page: int) -> None:
        raise LocalProtocolError("This session has ended here.")

    presenter.turn = turn
    never = asyncio.Event()
    leave = {"x": "end it", "": "stop"}
    typed = Typed("n", "x")
    assert await control(presenter, typed, out, until=never.wait(), leave=leave) == "x"
    assert "This session has ended here." in printed(out)


@pytest.mark.parametrize(
    ("typed", "yes"),
    [
        (["y"], True),
        (["YES"], True),
        (["n"], False),
        ([""], False),
        ([], False),
        (["7", "y"], True),
        (["whatever", ""], False),
    ],
)
async def test_only_a_yes_is_a_yes(typed: list[str], yes: bool) -> None:
    assert await agreed(Typed(*typed), console(), "Give it?") is yes


async def test_who_goes_away_at_a_question_leaves_its_line_to_nobody() -> None:
    lines, out = Typed(), console()
    lines.ended = True
    assert not await agreed(lines, out, "Give it?")
    assert printed(out) == "Give it? (y/N) \n"
