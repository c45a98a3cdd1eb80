"""What happens between a phone and a screen, told so that a page can draw it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from mobility import (
    Client,
    Introduction,
    Invitation,
    MobilityError,
    MovedSession,
    SessionAway,
)

from .presenter import Presenter

__all__ = ["Remote", "Step"]

THINKING = 120.0  # seconds for a person to decide; the screen waits no longer either

Step: TypeAlias = Literal[
    "here",  # the document is on the phone
    "meeting",  # the screen is being asked who it is
    "approving",  # the user is asked
    "moving",
    "away",  # on the screen: the phone is the remote control
    "returning",
    "stuck",  # the screen does not answer: try again, or take back what was saved
]


class Remote:
    """
    One phone with one document, on at most one screen.

    Args:
        phone: The user's device.
        presenter: The document.

    """

    def __init__(self, phone: Client, presenter: Presenter) -> None:
        self._phone = phone
        self._presenter = presenter
        self._listeners: set[Callable[[], None]] = set()
        self._step: Step = "here"
        self._screen = ""
        self._progress = 0.0
        self._error = ""
        self._notice = ""
        self._question: Introduction | None = None
        self._answer: asyncio.Future[str | None] | None = None
        self._wish: asyncio.Queue[Literal["retrieve", "reclaim"]] = asyncio.Queue()
        presenter.on_change = self._changed

    # -- for whoever draws it

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each change; gives what stops that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def view(self) -> dict[str, Any]:
        shown = self._presenter
        return {
            "step": self._step,
            "page": shown.page,
            "pointer": shown.pointer,
            "screen": self._screen,
            "progress": self._progress,
            "error": self._error,
            "notice": self._notice,
            "question": self._question and _asked(self._question),
        }

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def _become(self, step: Step, *, error: str = "", notice: str = "") -> None:
        self._step, self._error, self._notice = step, error, notice
        if step != "approving":
            self._question = None
        self._changed()

    # -- what the user does

    async def turn(self, page: int) -> None:
        if self._step == "away":
            await self._presenter.turn(page)
        elif self._step == "here":
            self._presenter.page = max(1, page)
        self._changed()

    async def point(self, x: float, y: float) -> None:
        if self._step == "away":
            await self._presenter.point(x, y)

    async def stop_pointing(self) -> None:
        if self._step == "away":
            await self._presenter.stop_pointing()

    def answer(self, digits: str | None) -> None:
        """The two digits, or None to decline."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(digits)

    def take_back(self) -> None:
        if self._step in ("away", "stuck"):
            self._wish.put_nowait("retrieve")

    def reclaim(self) -> None:
        if self._step == "stuck":
            self._wish.put_nowait("reclaim")

    async def show(self, code: str) -> None:
        """Visit the screen with this code, from scanning until all is back."""
        if self._step != "here":
            return
        self._wish = asyncio.Queue()
        self._become("meeting")
        try:
            invitation = Invitation.parse(code.strip())
            notice = await self._visit(invitation)
        except MobilityError as error:
            self._become("here", error=str(error))
        except BaseException:
            self._become("here")
            raise
        else:
            self._become("here", notice=notice)

    async def _visit(self, invitation: Invitation) -> str:
        visit = self._phone.visit(
            invitation, approve=self._approve, apps=[self._presenter.uri]
        )
        async with visit as screen:
            self._screen, self._progress = screen.name, 0.0
            self._become("moving")
            moved = await self._phone.transfer(
                self._presenter, to=screen, progress=self._moved
            )
            self._become("away")
            await self._until_back(moved)
            self._become("returning")
        if screen.clean:
            return (
                f"Back at page {self._presenter.page}. Nothing of yours is left there."
            )
        return (
            f"Back at page {self._presenter.page}. "
            f"{screen.name} could not confirm that it is clean."
        )

    async def _approve(self, introduction: Introduction) -> str | None:
        self._question = introduction
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._become("approving")
        try:
            async with asyncio.timeout(THINKING):
                digits: str | None = await answer
        except TimeoutError:
            return None
        finally:
            self._answer = None
        self._become("meeting")
        return digits

    def _moved(self, done: int, size: int) -> None:
        self._progress = done / size if size else 1.0
        self._changed()

    async def _until_back(self, moved: MovedSession) -> None:
        while moved.away:
            wish = await self._next_wish(moved)
            if wish is None:
                return
            self._become("returning")
            try:
                await (moved.retrieve() if wish == "retrieve" else moved.reclaim())
            except SessionAway as error:
                self._become("stuck", error=str(error))
            except MobilityError as error:
                self._become("away", error=str(error))

    async def _next_wish(self, moved: MovedSession) -> str | None:
        """What the user wants; None if it came back for another reason."""
        wish = asyncio.ensure_future(self._wish.get())
        over = asyncio.ensure_future(moved.ended())
        try:
            await asyncio.wait((wish, over), return_when=asyncio.FIRST_COMPLETED)
            return wish.result() if wish.done() else None
        finally:
            wish.cancel()
            over.cancel()


def _asked(introduction: Introduction) -> dict[str, Any]:
    return {
        "domain": introduction.domain,
        "name": introduction.name,
        "operator": introduction.operator,
        "place": introduction.place,
        "lifetime": _spoken(introduction.lifetime),
        "tries": introduction.tries_left,
        "rivals": introduction.rivals,
    }


def _spoken(lifetime: timedelta) -> str:
    minutes = round(lifetime.total_seconds() / 60)
    hours, rest = divmod(minutes, 60)
    if rest:
        return f"{minutes} minutes"
    return "1 hour" if hours == 1 else f"{hours} hours"
