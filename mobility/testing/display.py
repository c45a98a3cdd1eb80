"""A public display, and whoever looks at it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, TypeVar

from mobility.app import App, AppFactory
from mobility.errors import PeerUnreachable
from mobility.protocol.invitation import Invitation
from mobility.public.display import PublicDisplay
from mobility.public.scene import Comparing, Inviting, Offline, Scene
from mobility.store import Store
from mobility.testing.device import Device, World
from mobility.testing.hostile import Distortion
from mobility.visit.introduction import Introduction
from mobility.xmpp.stream import Stream

__all__ = ["Display"]

T = TypeVar("T")
_PATIENCE = 1800.0  # seconds that a visitor waits for a screen to be free


class _PublicDisplay(PublicDisplay):
    def __init__(self, device: Device, jid: str, **options: Any) -> None:
        self._device = device
        super().__init__(jid, "", name=device.name, **options)

    def _connect(self, jid: str, password: str, **where: Any) -> Stream:
        return self._device.connected(jid, self._on_change)

    def _journal(self) -> Store:
        return self._device.journal()


class Display(Device):
    """
    A public display, and whoever looks at it.

    Args:
        distort: For one that is hostile.
        options: As for `PublicDisplay`.

    """

    def __init__(
        self,
        world: World,
        name: str,
        *apps: type[App] | AppFactory,
        distort: Distortion | None = None,
        **options: Any,
    ) -> None:
        self._options = options
        self.scene: Scene = Offline()
        super().__init__(world, name, *apps)
        self.distort = distort or self.distort

    @property
    def jid(self) -> str:
        return "" if self._stream is None else self._stream.jid

    async def _program(self) -> None:
        self.scene = Offline()
        display = _PublicDisplay(
            self,
            f"{self.name}@displays.example",
            apps=self._made,
            show=self._show,
            **self._options,
        )
        self._left = {}  # a display keeps nothing
        async with display, contextlib.aclosing(display.visits()) as visits:
            self._is_ready()
            async for visit in visits:
                async with visit:
                    async for _ in visit.sessions():
                        pass

    def _show(self, scene: Scene) -> None:
        if self.on:
            self.scene = scene
            self._tell()

    async def code(self) -> Invitation:
        """Scan the code on its screen, as soon as there is one."""
        scene = await self._shows(Inviting)
        return Invitation.parse(scene.uri)

    async def digits(self, _: Introduction) -> str | None:
        """Stands for the visitor, who reads them from the screen and types them."""
        return (await self._shows(Comparing)).code

    async def _shows(self, kind: type[T]) -> T:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE if kind is Inviting else 30):
                while not isinstance(self.scene, kind):
                    await self._news.wait()
                return self.scene
        raise PeerUnreachable(f"{self.name} does not show what it should.")
