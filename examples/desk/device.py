"""One of the person's devices: it shows the parts that run there."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from examples.desk.desk import Desk
from examples.desk.parts import Notes, Remote, Slides, Timer
from mobility import (
    App,
    Client,
    IncomingOffer,
    LocalProtocolError,
    MobilityError,
    Session,
)

__all__ = ["Device", "watched"]


class Device:
    """
    What its page shows, and what a person does there.

    Args:
        client: Entered already.
        show: Called when the view has changed.

    """

    def __init__(self, client: Client, *, show: Callable[[], None]) -> None:
        self.client = client
        self.problem = ""
        self._show = show
        self._came: dict[str, App] = {}

    @property
    def parts(self) -> Mapping[str, App]:
        """Those that run here."""
        return self._came

    async def run(self) -> None:
        """Take what the person's other devices send here, until cancelled."""
        async with (
            asyncio.TaskGroup() as group,
            aclosing(self.client.offers()) as offers,
        ):
            for offer in self.client.arriving():  # was here when this device stopped
                group.create_task(self._host(offer))
            async for offer in offers:
                group.create_task(self._host(offer))

    async def close(self) -> None:
        """Nothing is this device's own: what is here goes back to whose it is."""

    async def _host(self, offer: IncomingOffer) -> None:
        try:
            session = await offer.accept()
        except MobilityError as exc:
            self.problem = str(exc)
            self._show()
            return
        parts = _parts(session)
        for app in parts.values():
            watched(app, self._show)
        self._came |= parts
        self._show()
        await session.ended()
        for name, app in parts.items():
            if self._came.get(name) is app:  # and no newer one
                del self._came[name]
        self._show()

    def view(self) -> dict[str, Any]:
        parts = {name: _viewed(app) for name, app in self.parts.items()}
        return {"device": self.client.name, "parts": parts, "problem": self.problem}

    @property
    def document(self) -> bytes:
        slides = self.parts.get("slides")
        return slides.document if isinstance(slides, Slides) else b""

    async def begin(self, read: Callable[[], Awaitable[str]]) -> None:
        """Nobody visits a screen from here."""
        raise ValueError("This is not to be done here.")

    async def do(self, action: Any, value: Any = None) -> None:
        """
        One action of the page.

        Raises:
            ValueError: If it is none, or of a part that is elsewhere.

        """
        try:
            await self._done(action, value)
        except LocalProtocolError:
            raise ValueError("It has just gone elsewhere.") from None
        except MobilityError as exc:  # nobody has heard what was said here for long
            self.problem = str(exc)
            self._show()

    async def _done(self, action: Any, value: Any) -> None:
        match action, value:
            case "turn", int(page):
                await self._one(Remote, Slides).turn(page)
            case "counted", int(pages) if pages > 0:
                await self._one(Slides).counted(pages)
            case "point", [x, y] if _is_number(x) and _is_number(y):
                await self._one(Slides).point(x, y)
            case "point", None:
                await self._one(Slides).stop_pointing()
            case (("run" | "pause" | "reset"), None):
                timer = self._one(Timer)
                await {"run": timer.run, "pause": timer.pause, "reset": timer.reset}[
                    action
                ]()
            case _:
                raise ValueError("This is not to be done now.")

    def _one(self, *kinds: type[Any]) -> Any:
        """The first part here that is of one of these kinds."""
        for app in self.parts.values():
            if isinstance(app, kinds):
                return app
        raise ValueError("This is not to be done here.")


def _parts(session: Session) -> dict[str, App]:
    """What has come: one part, or a talk as a whole."""
    app = session.shown
    if isinstance(app, Desk):
        return {name: app.part(name) for name in app.names}
    return {session.part: app}


def watched(app: App, show: Callable[[], None]) -> None:
    """Have a part tell of each change."""
    assert isinstance(app, Slides | Notes | Timer | Remote)
    app.on_change = show


def _viewed(app: App) -> dict[str, Any]:
    """What a page shows of it."""
    assert isinstance(app, Slides | Notes | Timer | Remote)
    view = app.view()
    if isinstance(app, Slides):
        view["pointer"] = app.pointer
        view["document"] = hashlib.sha256(app.document).hexdigest()[:16]
    return view


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
