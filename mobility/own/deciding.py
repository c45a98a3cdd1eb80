"""Who decides for the user whether sessions come and go, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from rich.filesize import decimal

from mobility.own.arrival import IncomingOffer
from mobility.own.asking import Asked

__all__ = ["Decide", "Giving", "News", "Word", "always", "never", "printable"]

log = logging.getLogger(__name__)
Word = Literal["offered", "asked", "taken", "ended", "lost"]


@dataclass(frozen=True, slots=True)
class News:
    """
    What has happened to a session.

    Args:
        number: Of the session, as long as this agent runs.
        word: In which way.
        app: URI of the app.
        title: What a person calls the session; it is in no log.
        place: What the other device is called: where it came from, or who asks for it.
            Empty if it is this one's own.
        size: Bytes of its state when it was offered; 0 if it is here already.
        question: For a person, where something is to be decided.

    """

    number: int
    word: Word
    app: str
    title: str = field(repr=False)
    place: str
    size: int = 0
    question: str = field(default="", repr=False)

    @classmethod
    def of(cls, number: int, offer: IncomingOffer) -> News:
        """It is offered."""
        app, place, title = map(printable, (offer.app, offer.place, offer.title))
        question = f"Take {title or 'what it has'} from {place}?"
        return cls(number, "offered", app, title, place, offer.size, question)

    def __str__(self) -> str:
        """For a log."""
        size = f" ({decimal(self.size)})" if self.size else ""
        return f"a session of {self.app}{size}"


class Decide(Protocol):
    """
    Says yes or no for the user: whether a session is taken, or given away.

    Cancelled once nobody waits for it any more.
    """

    async def __call__(self, news: News) -> bool: ...


async def always(news: News) -> bool:
    return True


async def never(news: News) -> bool:
    return False


class Giving:
    """
    Answers the user's other devices when they ask for a session: `Client`'s `on_ask`.

    Args:
        decide: Whether they may have it.
        numbers: For the sessions, as the agent counts them.
        limit: For a decision; who has not said yes by then has said no.

    """

    def __init__(
        self, decide: Decide, numbers: Iterator[int], limit: timedelta
    ) -> None:
        self._decide = decide
        self._numbers = numbers
        self._limit = limit

    async def __call__(self, asked: Asked) -> bool:
        app, title, who = map(printable, (asked.app.uri, asked.title, asked.device))
        text = printable(asked.question)
        number = next(self._numbers)
        news = News(number, "asked", app, title, who, question=text)
        log.info("[%d] %s asks for %s", number, who or "one of your programs", news)
        given = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limit.total_seconds()):
                given = await self._decide(news)
        log.info("[%d] it %s", number, "may go" if given else "stays: nobody said yes")
        return given


def printable(text: str) -> str:
    """What another device calls something, for a line of a log or of a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)[:200].strip()
