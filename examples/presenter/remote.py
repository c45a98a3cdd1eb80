"""The phone's side of presenting: one document, here or on a screen."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Any

from mobility import (
    Approval,
    Client,
    Introduction,
    Invitation,
    Level,
    LocalProtocolError,
    MobilityError,
    MovedSession,
    Progress,
    Screen,
    SessionAway,
    VisitDeclined,
)

from .choice import Choice, farewell, question, story
from .presenter import Presenter

__all__ = ["Remote"]

PATIENCE = 120.0  # seconds for a person to compare and approve
AWAY, STUCK = ("back",), ("again", "reclaim")  # how it may be taken back


class Remote:
    """
    What a person sees of it and may do.

    `view` says all that a page has to show; it is here, and not on the page, so that a
    page can be loaded again at any time. The states: ``here``, ``meeting`` (the code
    was scanned), ``approving``, ``moving``, ``away``, ``returning``, ``stuck`` (it did
    not come back), and ``leaving`` (it is here; the screen is being cleared).

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
        self._screen: Screen | None = None
        self._progress = 0.0
        self._choice = Choice()
        self._declined = False
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
            "rival": bool(self._screen and self._screen.rivals),
            "can_scan": self._scan is not None,
        }
        if asked is not None and self._state == "approving":
            view["asked"] = question(asked)
        return view

    async def close(self) -> None:
        """Leave, if there is a visit; the document comes back first."""
        if self._visit is not None:
            self._visit.cancel()
            await asyncio.wait({self._visit})

    # --- what a person does ----------------------------------------------------

    async def do(self, action: Any, value: Any = None) -> None:
        """
        One action of the page.

        Raises:
            ValueError: If it is none, or not now.

        """
        match action, value:
            case ("turn", int(page)) if page is not True and page is not False:
                await self._tell(self.presenter.turn(page))
            case "point", [x, y] if _is_number(x) and _is_number(y):
                await self._tell(self.presenter.point(x, y))
            case "point", None:
                await self._tell(self.presenter.stop_pointing())
            case "write", str(text):
                await self._tell(self.presenter.write(text))
            case "opened", int(pages) if pages is not True and pages > 0:
                self.presenter.count(pages)
            case "visit", str(code):
                await self.begin(_said(code))
            case "scan", None if self._scan is not None:
                await self.begin(self._scan)
            case "approve", {"digits": str(digits), "level": str(level)}:
                self._choice.take("approve", self._approval(digits, level))
            case ("decline" | "back" | "again" | "reclaim", None):
                self._choice.take(action)
            case _:
                raise ValueError("This is not to be done now.")

    async def begin(self, read: Callable[[], Awaitable[str]]) -> None:
        """
        Visit the screen whose code `read` gives; what is wrong with it is told.

        Raises:
            ValueError: If a visit is under way.

        """
        if self._state != "here":
            raise ValueError("This is not to be done now.")
        self._problem = self._note = ""
        self._declined = False
        self._become("meeting")
        try:
            invitation = Invitation.parse(await read())
        except MobilityError as exc:
            self._problem = str(exc)
            self._become("here")
        except BaseException:
            self._become("here")
            raise
        else:
            self._visit = asyncio.create_task(self._run(invitation))

    async def _tell(self, packet: Awaitable[None]) -> None:
        # while the document is here alone there is nobody to tell
        with contextlib.suppress(LocalProtocolError):
            await packet

    # --- a visit ---------------------------------------------------------------

    async def _run(self, invitation: Invitation) -> None:
        apps = [self.presenter.uri]
        try:
            async with self._client.visit(
                invitation, approve=self._approve, apps=apps
            ) as screen:
                try:
                    await self._present(screen)
                finally:
                    self._become("leaving")
            self._note = f"{self._note} {farewell(screen)}".strip()
        except VisitDeclined as exc:
            self._note = str(exc) if self._declined else ""
            self._problem = "" if self._declined else str(exc)
        except MobilityError as exc:
            self._problem = str(exc)
        finally:
            self._introduction = self._screen = None
            self._become("here")

    def _approval(self, digits: str, level: str) -> Approval:
        if self._introduction is None or Level(level) not in self._introduction.levels:
            raise ValueError("This is not to be done now.")
        return Approval(digits, Level(level))

    async def _approve(self, introduction: Introduction) -> Approval | None:
        self._introduction = introduction
        choice = self._choice.offer("approve", "decline")
        self._become("approving")
        try:
            async with asyncio.timeout(PATIENCE):
                action, approval = await choice
        except TimeoutError:
            return None  # nobody is there; the screen waits no longer either
        finally:
            self._choice.withdraw()
        self._declined = action == "decline"
        return approval

    async def _present(self, screen: Screen) -> None:
        self._screen, self._place, self._progress = screen, screen.name, 0.0
        self._become("moving")
        try:
            moved = await self._client.transfer(
                self.presenter, to=screen, progress=self._report
            )
            self._become("away")
        except SessionAway as exc:
            moved = self._client.moved_to(screen.jid)[0]
            self._problem = str(exc)
            self._become("stuck")
        wish = ""
        while moved.away and wish != "ended":
            stuck = self._state == "stuck"
            wish = await self._choice.made(moved, *(STUCK if stuck else AWAY))
            await self._take_back(moved, wish)
        self._problem = ""
        self._note = story(self._place, moved, wish)

    def _report(self, progress: Progress) -> None:
        self._progress = progress.done / progress.size if progress.size else 1.0
        self._show()

    async def _take_back(self, moved: MovedSession, wish: str) -> None:
        if wish == "ended":
            return
        self._problem = ""
        self._become("returning")
        try:
            await (moved.reclaim() if wish == "reclaim" else moved.retrieve())
        except MobilityError as exc:
            self._problem = str(exc)
            self._become("stuck")

    def _become(self, state: str) -> None:
        self._state = state
        self._show()


def _said(code: str) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return code

    return read


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
