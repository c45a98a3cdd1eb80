"""Who runs what: at most one device each, and in the end exactly one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mobility.app import App
from mobility.session import Session
from mobility.testing.device import Device
from mobility.testing.phone import Phone

__all__ = ["Owners"]


@dataclass(frozen=True, slots=True)
class _Runner:
    """A device that runs an app now."""

    device: Device
    app: App

    @property
    def sid(self) -> str:
        session = self.app.session
        return "" if session is None else session.sid


class Owners:
    """
    Follows every app from device to device.

    A reclaimed session may still run where it was, for as long as that device has not
    heard of it: it is fenced out by its epoch, and does not count.

    Attributes:
        doubled: Every time that two devices were seen with one app.
        reclaimed: The transfers after which a phone took its session back by itself.

    """

    def __init__(self) -> None:
        self.doubled: list[str] = []
        self._numbers = itertools.count(1)
        self._apps: dict[App, int] = {}
        self._sessions: dict[str, int] = {}
        self.reclaimed: dict[str, Device] = {}
        self._double: set[int] = set()

    def adopt(self, app: App) -> None:
        if app not in self._apps:
            self._apps[app] = next(self._numbers)

    def look(self, devices: Sequence[Device]) -> Iterator[str]:
        """
        Look at all devices.

        Yields:
            What is wrong, once.

        """
        self.follow(devices)
        running = self._running(devices)
        for number, runners in running.items():
            if len(runners) < 2:
                self._double.discard(number)
            elif number not in self._double:
                self._double.add(number)
                names = " and ".join(each.device.name for each in runners)
                self.doubled.append(f"app {number} runs on {names}")
                yield self.doubled[-1]

    def missing(self, devices: Sequence[Device]) -> Iterator[str]:
        """Apps that nobody runs."""
        running = self._running(devices)
        for number in sorted(set(self._apps.values())):
            if number not in running:
                yield f"app {number} runs nowhere"

    def follow(self, devices: Iterable[Device]) -> None:
        """See which app is which, and what was taken back."""
        for device in devices:
            if not device.on:
                continue
            for app in device.life.apps:
                self._know(app, app.session)
            if isinstance(device, Phone):
                self._see_reclaimed(device)

    def _know(self, app: App, session: Session | None) -> None:
        if session is None:
            return
        if app in self._apps:
            self._sessions.setdefault(session.id, self._apps[app])
        elif session.id in self._sessions:
            self._apps[app] = self._sessions[session.id]

    def _see_reclaimed(self, phone: Phone) -> None:
        """A phone that lost its power before it had reclaimed has not done so."""
        for moved, sid in phone.seen.items():
            if moved.as_saved:
                self.reclaimed[sid] = phone
            elif moved.away:
                self.reclaimed.pop(sid, None)

    def _running(self, devices: Iterable[Device]) -> dict[int, list[_Runner]]:
        running: dict[int, list[_Runner]] = {}
        for device in devices:
            for app in device.life.apps if device.on else ():
                runner = _Runner(device, app)
                if app in self._apps and _runs(app) and not self._fenced(runner):
                    running.setdefault(self._apps[app], []).append(runner)
        return running

    def _fenced(self, runner: _Runner) -> bool:
        return self.reclaimed.get(runner.sid, runner.device) is not runner.device


def _runs(app: App) -> bool:
    return app.session is None or app.session.runs
