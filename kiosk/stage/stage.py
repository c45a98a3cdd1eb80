"""
The one page that is open on the screen, and the frames in it.

Every app runs in a frame whose origin is random and used once, so nothing that a
visitor leaves in a browser's storage can ever be read by the next one. While nobody is
here a frame of each app waits, loaded and empty; a session takes it over.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from kiosk.page import wire
from kiosk.page.page import Page
from kiosk.settings.settings import AppSettings
from kiosk.stage.screen import Screen, Venue
from mobility import InvalidState, Inviting, Scene
from mobility.qr import outline

__all__ = ["Stage", "Tenant"]

PRELOADED = 3  # each costs the browser a process
WIPE_DEADLINE = 4.5  # more than the page's own

log = logging.getLogger(__name__)


class Tenant(Protocol):
    """Who runs in a frame: what the stage asks of it."""

    frame: str

    def resume(self) -> None:
        """The page is new: put everything back into ``frame``."""

    async def heard(self, message: wire.Up) -> None:
        """The frame said this."""


class Stage:
    """
    What is on the screen, kept the same on the page that shows it.

    Args:
        venue: What visitors read.
        apps: Which apps there are.
        origin: Makes the origin of a frame of its name.
        clock: Monotonic seconds.

    """

    def __init__(
        self,
        venue: Venue,
        apps: Sequence[AppSettings],
        *,
        origin: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        self._venue = venue
        self._apps = {app.uri: app for app in apps}
        self._origin = origin
        self._clock = clock
        self._screen = Screen()
        self._page: Page | None = None
        self._spares: dict[str, str] = {}  # app URI to frame
        self._tenants: dict[str, Tenant] = {}  # frame to who is in it
        self._folders: dict[str, AppSettings] = {}  # frame to what it may load
        self._files: dict[str, tuple[str, bytes]] = {}  # token to frame and body
        self._wiping: dict[str, asyncio.Event] = {}
        self._swept = asyncio.Event()  # nothing is left of a page that was lost
        self._swept.set()
        self._touch: Callable[[], None] | None = None

    # -- what the SDK reports

    @property
    def is_open(self) -> bool:
        """Whether a page shows it."""
        return self._page is not None

    @property
    def invitation(self) -> str | None:
        """What the code says that is on the screen now."""
        scene = self._screen.scene
        idle = self._screen.state == "idle" and isinstance(scene, Inviting)
        return scene.uri if idle and isinstance(scene, Inviting) else None

    def show(self, scene: Scene) -> None:
        self._screen = self._screen.show(scene, self._clock())
        self._push()

    @contextmanager
    def visitor(self, touch: Callable[[], None]) -> Iterator[None]:
        """While somebody is here, using the screen calls ``touch``."""
        self._touch = touch
        try:
            yield
        finally:
            self._touch = None

    def renew(self) -> None:
        """This process ends, and another goes on: the page has nothing to worry."""
        if self._page is not None:
            self._page.tell({"type": "renew"})

    # -- what an app asks for

    def claim(self, uri: str, tenant: Tenant) -> None:
        """
        Give ``tenant`` a frame of its own.

        Raises:
            InvalidState: If no page is open that could show it.

        """
        if self._page is None:
            raise InvalidState(
                "The screen's own page is not open, so nothing can be shown on it. "
                "Tell whoever looks after it."
            )
        tenant.frame = self._spares.pop(uri) if uri in self._spares else self._load(uri)
        self._tenants[tenant.frame] = tenant

    def tell(self, message: Mapping[str, Any]) -> None:
        """Say it to the page; nobody hears it if there is none."""
        if self._page is not None:
            self._page.tell(message)

    def started(self, frame: str) -> None:
        self._screen = self._screen.started(frame)
        self.tell({"type": "start", "frame": frame})
        self._push()

    def stopped(self, frame: str) -> None:
        self._screen = self._screen.stopped(frame)
        self.tell({"type": "stop", "frame": frame})
        self._push()

    def hold(self, frame: str, body: bytes) -> str:
        """Keep a file until the page fetches it, once. Returns its address."""
        token = secrets.token_urlsafe(24)
        self._files[token] = frame, body
        return f"/files/{token}"

    async def release(self, frame: str) -> None:
        """
        Take a frame away with all that it held, here and in the browser.

        Returns when the page said that it is done; for a page that was lost, the next
        one says so. One that does not answer is closed.

        Raises:
            TimeoutError: The page did not say so: nobody knows what is left.

        """
        wiped = self._drop(frame)
        try:
            async with asyncio.timeout(WIPE_DEADLINE):
                if wiped is not None:
                    await wiped.wait()
                await self._swept.wait()
        except TimeoutError:
            log.warning("the page did not say that a frame was wiped")
            if self._page is not None:
                self._page.close()
            raise
        finally:
            self._wiping.pop(frame, None)
            self._preload()

    def close(self) -> None:
        """The daemon ends: so does the page's stream."""
        if self._page is not None:
            self._page.close()

    def abandon(self, frame: str) -> None:
        """The same as releasing it, without waiting."""
        self._drop(frame)

    def _drop(self, frame: str) -> asyncio.Event | None:
        if self._tenants.pop(frame, None) is None:
            return self._wiping.get(frame)
        self._screen = self._screen.stopped(frame)
        self._folders.pop(frame, None)
        self._files = {
            token: held for token, held in self._files.items() if held[0] != frame
        }
        wiped = self._wiping[frame] = asyncio.Event()
        if self._page is None:
            wiped.set()
        self.tell({"type": "wipe", "frame": frame})
        self._push()
        return wiped

    # -- what the web edge needs

    def folder(self, frame: str) -> AppSettings | None:
        """What a frame's origin serves; None once it was used."""
        return self._folders.get(frame)

    def take(self, token: str) -> bytes | None:
        """A held file, which is then no longer held."""
        _, body = self._files.pop(token, ("", None))
        return body

    @contextmanager
    def open(self) -> Iterator[Page]:
        """A page was opened: it takes over from an older one, and gets everything."""
        if self._page is not None:
            self._page.tell({"type": "replaced"})
            self._page.close()
        page = self._page = Page()
        log.info("the page is open")
        page.tell({"type": "hello", "page": page.id, "venue": self._introduction()})
        self._forget_frames()
        for tenant in tuple(self._tenants.values()):
            self._move(tenant)
            tenant.resume()
        self._preload()
        self._push()
        try:
            yield page
        finally:
            if self._page is page:
                self._page = None
                self._forget_frames()
                log.info("the page was closed")

    async def heard(self, upload: wire.Upload) -> bool:
        """Pass on what came up; False if it is from a page that was replaced."""
        if self._page is None or upload.page != self._page.id:
            return False
        for message in upload.messages:
            await self._hear(message)
        return True

    async def _hear(self, message: wire.Up) -> None:
        match message:
            case wire.Touched():
                if self._touch is not None:
                    self._touch()
            case wire.Swept():
                self._swept.set()
            case wire.Wiped(frame):
                if frame in self._wiping:
                    self._wiping.pop(frame).set()
                    self._preload()
            case _:
                if message.frame in self._tenants:
                    await self._tenants[message.frame].heard(message)

    # -- frames

    def _forget_frames(self) -> None:
        """The last page has gone; what its frames held, the next one clears."""
        if self._tenants or self._wiping:
            self._swept.clear()
        self._spares.clear()
        for wiped in self._wiping.values():
            wiped.set()
        self._wiping.clear()
        self._files.clear()
        self._folders = {
            frame: app for frame, app in self._folders.items() if frame in self._tenants
        }

    def _move(self, tenant: Tenant) -> None:
        """A used origin is never used again, not even by the same session."""
        old, app = tenant.frame, self._folders.pop(tenant.frame)
        del self._tenants[old]
        tenant.frame = self._load(app.uri)
        self._tenants[tenant.frame] = tenant
        if old in self._screen.running:
            self._screen = self._screen.stopped(old).started(tenant.frame)

    def _load(self, uri: str) -> str:
        frame = secrets.token_hex(12)
        self._folders[frame] = self._apps[uri]
        self.tell({"type": "load", "frame": frame, "src": self._origin(frame)})
        return frame

    def _preload(self) -> None:
        if self._page is None or self._tenants or self._wiping:
            return
        for uri in tuple(self._apps)[:PRELOADED]:
            if uri not in self._spares:
                self._spares[uri] = self._load(uri)

    # -- the view

    def _introduction(self) -> dict[str, object]:
        venue = self._venue
        return {
            "name": venue.name,
            "operator": venue.operator,
            "place": venue.place,
            "apps": list(venue.apps),
        }

    def _push(self) -> None:
        view = self._screen.view(self._clock())
        scene = self._screen.scene
        if view["screen"] == "idle" and isinstance(scene, Inviting):
            view["code"] = outline(scene.uri)
        self.tell({"type": "view", "view": view})
