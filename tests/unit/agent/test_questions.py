"""Questions on a terminal: an answer goes to the one that it was meant for."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from mobility.cli.agent.questions import Questions
from mobility.own.deciding import News


@dataclass
class Typed:
    """Stands for `Lines`: what is typed, and whether somebody is still there."""

    lines: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    ended = False

    async def next(self) -> str:
        return await self.lines.get()


@dataclass
class Terminal:
    typed: Typed = field(default_factory=Typed)
    screen: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        console = Console(file=self.screen, width=200)
        self.questions = Questions(self.typed, console, seconds=60)  # type: ignore[arg-type]

    def asks(self, number: int, title: str = "A talk") -> asyncio.Task[bool]:
        news = News(
            number,
            "offered",
            "urn:app",
            title,
            "Phone",
            10,
            f"Take {title} from Phone?",
        )
        return asyncio.create_task(self.questions.ask(news))

    async def type(self, *lines: str) -> None:
        for line in lines:
            self.typed.lines.put_nowait(line)
        for _ in range(10):
            await asyncio.sleep(0)

    async def shown(self) -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        text = self.screen.getvalue()
        self.screen.truncate(0)
        self.screen.seek(0)
        return text


@pytest.fixture
async def terminal() -> Terminal:
    return Terminal()


@pytest.fixture(autouse=True)
async def reading(terminal: Terminal) -> asyncio.Task[None]:
    return asyncio.create_task(terminal.questions.until_left())


@pytest.mark.parametrize(
    ("line", "taken"), [("y", True), (" YES ", True), ("n", False), ("1 no", False)]
)
async def test_the_only_question_is_answered_by_a_word(
    terminal: Terminal, line: str, taken: bool
) -> None:
    answer = terminal.asks(1)
    assert "[1] Take A talk from Phone? (y or n, within 60 s)" in await terminal.shown()
    await terminal.type(line)
    assert await answer is taken


async def test_of_several_each_is_answered_by_its_number(terminal: Terminal) -> None:
    first, second = terminal.asks(1), terminal.asks(2)
    await terminal.shown()
    await terminal.type("y")
    assert "(2 y or 2 n, within 60 s)" in await terminal.shown()
    assert not first.done()
    assert not second.done()
    await terminal.type("2 y", "1 n")
    assert await second is True
    assert await first is False


async def test_an_answer_for_one_that_has_vanished_is_not_taken_for_the_next(
    terminal: Terminal,
) -> None:
    first = terminal.asks(1)
    await terminal.shown()
    first.cancel()
    second = terminal.asks(2)
    shown = await terminal.shown()
    assert "[1] needs no answer any more." in shown
    assert "(2 y or 2 n" in shown
    await terminal.type("y")  # they had not seen that
    assert not second.done()
    assert "[2] Take" in await terminal.shown()
    await terminal.type("y")
    assert await second is True


@pytest.mark.parametrize("line", ["", "what", "3 y", "y y y", "1 maybe", "9" * 99])
async def test_what_is_no_answer_shows_what_is_asked(
    terminal: Terminal, line: str
) -> None:
    answer = terminal.asks(1)
    await terminal.shown()
    await terminal.type(line)
    assert "[1] Take" in await terminal.shown()
    answer.cancel()


async def test_a_title_is_no_markup(terminal: Terminal) -> None:
    answer = terminal.asks(1, "[red]x[/] \\")
    assert "Take [red]x[/] \\ from Phone?" in await terminal.shown()
    answer.cancel()


async def test_it_ends_when_nobody_is_there_any_more(
    terminal: Terminal, reading: asyncio.Task[None]
) -> None:
    terminal.typed.ended = True
    await terminal.type("")
    await asyncio.wait_for(reading, 5)
