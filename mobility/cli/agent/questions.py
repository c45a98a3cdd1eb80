"""Questions on the terminal: several at once, each with a number."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from mobility.cli.lines import Lines
from mobility.own.deciding import News

__all__ = ["Questions"]


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    answer: asyncio.Future[bool]


class Questions:
    """
    Asks whoever sits at the terminal, by the numbers that the log has for sessions.

    A mere "y" is for the only question that there is. Where one has vanished since they
    last typed, it may have been meant for that one: then the number is needed.

    Args:
        lines: What they type.
        console: Where they read.
        seconds: For an answer; somebody else watches it.

    """

    def __init__(self, lines: Lines, console: Console, *, seconds: int) -> None:
        self._lines = lines
        self._console = console
        self._seconds = seconds
        self._open: dict[int, _Question] = {}
        self._vanished = False

    async def ask(self, news: News) -> bool:
        """See `mobility.own.deciding.Decide`."""
        number = news.number
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._open[number] = _Question(escape(news.question), answer)
        self._show(number)
        try:
            return await answer
        except asyncio.CancelledError:
            self._vanished = True
            self._console.print(f"[dim]\\[{number}] needs no answer any more.[/]")
            raise
        finally:
            del self._open[number]

    def _show(self, number: int) -> None:
        question = self._open[number]
        if len(self._open) == 1 and not self._vanished:
            how = "y or n"
        else:
            how = f"{number} y or {number} n"
        within = f" [dim]({how}, within {self._seconds} s)[/]"
        self._console.print(f"\\[{number}] [bold]{question.text}[/]{within}")

    async def until_left(self) -> None:
        """Hand answers out until whoever typed them has gone."""
        while True:
            line = (await self._lines.next()).strip().lower()
            if self._lines.ended and not line:
                return
            if not self._understood(line):
                self._explain()
            self._vanished = False

    def _understood(self, line: str) -> bool:
        number, word = self._parsed(line.split())
        question = self._open.get(number)
        if question is None or word not in {"y", "yes", "n", "no"}:
            return False
        if not question.answer.done():
            question.answer.set_result(word.startswith("y"))
        return True

    def _parsed(self, words: list[str]) -> tuple[int, str]:
        """The number of a question, or 0, and the answer to it."""
        match words:
            case [number, word] if number.isdecimal() and len(number) < 9:
                return int(number), word
            case [word] if len(self._open) == 1 and not self._vanished:
                return next(iter(self._open)), word
        return 0, ""

    def _explain(self) -> None:
        if not self._open:
            self._console.print("Nothing is asked now. Ctrl-C ends the agent.")
        for number in self._open:
            self._show(number)
