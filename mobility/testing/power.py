"""A device's time between two power cuts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

from mobility.app import App
from mobility.testing.loop import VirtualLoop

__all__ = ["Life", "PowerCut", "life_of"]

_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
_HOOKS = ("snapshot", "restore", "start", "stop", "close", "replay", "receive")


class PowerCut(BaseException):
    """
    The device that should do this has lost its power.

    Nothing that handles an ``Exception`` handles this: a device that is off does not
    clean up.
    """


async def _off(*_: Any) -> Any:
    raise PowerCut("This app's device is off.")


class Life:
    """
    From the moment that a device is switched on until it loses its power.

    Args:
        loop: The world's.
        at_point: Called at each step; a power cut may come of it.

    Attributes:
        on: Whether it still has power. If not, nothing that is left of it reaches its
            journal, the wire or its apps any more.
        over: Done as soon as it has not.
        apps: Every app that was made or handed over on it.

    """

    def __init__(self, loop: VirtualLoop, at_point: Callable[[str], None]) -> None:
        self.on = True
        self.over: asyncio.Future[None] = loop.create_future()
        self.apps: list[App] = []
        self.context = copy_context()
        self.context.run(_LIFE.set, self)
        self._loop = loop
        self._at_point = at_point
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def start(self, job: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something on this device."""
        return self._loop.create_task(job, context=self.context)

    def own(self, task: asyncio.Task[Any]) -> None:
        """It was started by something that runs on this device, and ends with it."""
        self._tasks[task] = None
        task.add_done_callback(self._disown)
        if not self.on:
            task.cancel()

    def _disown(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def point(self, name: str) -> None:
        """
        Pass a point where the power may go.

        Raises:
            PowerCut: If it has gone, now or before.

        """
        if self.on:
            self._at_point(name)
        if not self.on:
            raise PowerCut(name)

    def end(self) -> None:
        """The power goes."""
        if not self.on:
            return
        self.on = False
        self.over.set_result(None)
        for app in self.apps:
            vars(app).update(dict.fromkeys(_HOOKS, _off))
        for task in tuple(self._tasks):
            task.cancel()

    def revive(self, app: App) -> None:
        """What an app had kept outlives a power cut: it goes on in this life."""
        for hook in _HOOKS:
            vars(app).pop(hook, None)
        self.apps.append(app)


def life_of(context: Context) -> Life | None:
    """The device on which something runs in this context."""
    return context.get(_LIFE)
