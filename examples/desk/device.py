"""One of the person's devices: it shows the parts that run there."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from examples.desk.parts import Notes, Remote, Slides, Timer
from mobility import App, Client, IncomingOffer, LocalProtocolError, MobilityError

__all__ = ["Device", "is_number", "viewed"]

Shown = Slides | Notes | Timer | Remote


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
        name, app = session.part, watched(session.shown, self._show)
        self._came[name] = app
        self._show()
        await session.ended()
        if self._came.get(name) is app:
            del self._came[name]
            self._show()

    def view(self) -> dict[str, Any]:
        parts = {name: viewed(app) for name, app in self.parts.items()}
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

    async def _done(self, action: Any, value: Any) -> None:
        match action, value:
            case "turn", int(page):
                await self._one(Remote, Slides).turn(page)
            case "counted", int(pages) if pages > 0:
                await self._one(Slides).counted(pages)
            case "point", [x, y] if is_number(x) and is_number(y):
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


def watched(app: App, show: Callable[[], None]) -> App:
    """The app of a part, which tells of each change."""
    assert isinstance(app, Slides | Notes | Timer | Remote)
    app.on_change = show
    return app


def viewed(app: App) -> dict[str, Any]:
    """What a page shows of it."""
    assert isinstance(app, Slides | Notes | Timer | Remote)
    view = app.view()
    if isinstance(app, Slides):
        view["pointer"] = app.pointer
        view["document"] = hashlib.sha256(app.document).hexdigest()[:16]
    return view


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
