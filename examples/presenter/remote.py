"""The phone's side of presenting: one document, here or on a screen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from mobility import (
    Client,
    Introduction,
    Invitation,
    LocalProtocolError,
    MobilityError,
    MovedSession,
    Screen,
    SessionAway,
)

from .presenter import Presenter

__all__ = ["Remote"]

PATIENCE = 120.0  # seconds for a person to compare and approve


class Remote:
    """
    What a person sees of it and may do.

    `view` says all that a page has to show; it is here, and not on the page, so that a
    page can be loaded again at any time. The states: ``here``, ``meeting`` (the code
    was scanned), ``approving``, ``moving``, ``away``, ``returning``, and ``stuck`` (the
    screen does not answer).

    Args:
        client: The user's device.
        presenter: The document.
        scan: Reads the code of a screen that stands beside; None if none does.
        show: Called when the view has changed.

    """

    def __init__(
        self,
        client: Client,
        presenter: Presenter,
        *,
        scan: Callable[[], Awaitable[str]] | None,
        show: Callable[[], None],
    ) -> None:
        self.presenter = presenter
        self._client = client
        self._scan = scan
        self._show = show
        self._state = "here"
        self._problem = ""
        self._note = ""
        self._place = ""
        self._introduction: Introduction | None = None
        self._progress = 0.0
        self._digits: asyncio.Future[str | None] | None = None
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._visit: asyncio.Task[None] | None = None
        presenter.on_change = show

    def view(self) -> dict[str, Any]:
        presenter, asked = self.presenter, self._introduction
        view: dict[str, Any] = {
            "state": self._state,
            "page": presenter.page,
            "text": presenter.text,
            "pointer": presenter.pointer,
            "place": self._place,
            "problem": self._problem,
            "note": self._note,
            "progress": self._progress,
            "can_scan": self._scan is not None,
        }
        if asked is not None and self._state == "approving":
            view["asked"] = {
                "domain": asked.domain,
                "name": asked.name,
                "operator": asked.operator,
                "place": asked.place,
                "hours": round(asked.lifetime.total_seconds() / 3600, 1),
                "tries": asked.tries_left,
            }
        return view

    async def close(self) -> None:
        """Leave, if there is a visit; the document comes back first."""
        if self._visit is not None:
            self._visit.cancel()
            await asyncio.wait({self._visit})

    # --- what a person does ----------------------------------------------------

    async def do(self, action: str, value: Any) -> None:
        """
        One action of the page.

        Raises:
            MobilityError: With the sentence for the person.
            ValueError: If it is none.

        """
        match action, value:
            case "turn", int(page):
                await self._tell(self.presenter.turn(page))
            case "point", [int() | float() as x, int() | float() as y]:
                await self._tell(self.presenter.point(x, y))
            case "point", None:
                await self._tell(self.presenter.stop_pointing())
            case "write", str(text):
                await self._tell(self.presenter.write(text))
            case "visit", str(code):
                self._begin(code)
            case "scan", None if self._scan is not None:
                self._begin(await self._scan())
            case "approve", str(digits) if self._digits and not self._digits.done():
                self._digits.set_result(digits)
            case "decline", None if self._digits and not self._digits.done():
                self._digits.set_result(None)
            case "back" | "again" | "reclaim", None:
                self._wanted.put_nowait(action)
            case _:
                raise ValueError(f"{action} is not to be done now")

    async def _tell(self, packet: Awaitable[None]) -> None:
        # While the document is here alone there is nobody to tell.
        with contextlib.suppress(LocalProtocolError):
            await packet

    def _begin(self, code: str) -> None:
        if self._state != "here":
            raise ValueError("a visit is under way")
        self._problem = self._note = ""
        invitation = Invitation.parse(code)
        self._become("meeting")
        self._visit = asyncio.create_task(self._run(invitation))

    # --- a visit ---------------------------------------------------------------

    async def _run(self, invitation: Invitation) -> None:
        apps = [self.presenter.uri]
        try:
            async with self._client.visit(
                invitation, approve=self._approve, apps=apps
            ) as screen:
                await self._present(screen)
            self._note = _farewell(screen)
        except MobilityError as exc:
            self._problem = str(exc)
        finally:
            self._introduction = None
            self._become("here")

    async def _approve(self, introduction: Introduction) -> str | None:
        self._introduction = introduction
        self._digits = asyncio.get_running_loop().create_future()
        self._become("approving")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._digits
        except TimeoutError:
            return None  # nobody is there; the screen waits no longer either

    async def _present(self, screen: Screen) -> None:
        self._place, self._progress = screen.name, 0.0
        self._become("moving")
        moved = await self._client.transfer(
            self.presenter, to=screen, progress=self._report
        )
        self._become("away")
        while moved.away and await self._next(moved) != "ended":
            await self._take_back(moved)

    def _report(self, done: int, size: int) -> None:
        self._progress = done / size if size else 1.0
        self._show()

    async def _next(self, moved: MovedSession) -> str:
        """What the person wants, or that the screen ended it."""
        wanted = asyncio.create_task(self._wanted.get())
        ended = asyncio.create_task(moved.ended())
        try:
            await asyncio.wait({wanted, ended}, return_when=asyncio.FIRST_COMPLETED)
            return wanted.result() if wanted.done() else "ended"
        finally:
            wanted.cancel()
            ended.cancel()

    async def _take_back(self, moved: MovedSession) -> None:
        self._become("returning")
        try:
            await moved.retrieve()
        except SessionAway as exc:
            self._problem = str(exc)
            self._become("stuck")
            if await self._next(moved) == "reclaim":
                await moved.reclaim()
            else:
                self._wanted.put_nowait("back")
            self._problem = ""
        except MobilityError as exc:
            self._problem = str(exc)
            self._become("away")

    def _become(self, state: str) -> None:
        self._state = state
        self._show()


def _farewell(screen: Screen) -> str:
    if screen.clean:
        return f"{screen.name} reports that nothing of yours is left there."
    return f"{screen.name} could not confirm that it is clean."
