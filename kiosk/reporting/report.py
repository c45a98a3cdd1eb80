"""What a display's process notes of its visitor for the supervisor."""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kiosk.reporting.line import Beat, Came, Failed, Left, Refused, Rival, Showed, Word
from mobility import (
    App,
    AppFactory,
    Comparing,
    Hosting,
    Part,
    PublicDisplay,
    Scene,
    Visit,
)

__all__ = ["Report"]

DAY = 86_400.0


class Report:
    """
    Tells what happens as it happens, and how the display is when it is asked.

    Args:
        tell: Takes each message.

    """

    def __init__(self, tell: Callable[[Word], None]) -> None:
        self._tell = tell
        self._display: PublicDisplay | None = None
        self._refused = 0
        self._rival = False
        self._tried: Counter[str] = Counter()

    @contextmanager
    def connected(self, display: PublicDisplay) -> Iterator[None]:
        """While the display is logged in."""
        self._display, self._refused = display, 0
        try:
            yield
        finally:
            self._count_refused()
            self._display = None

    @contextmanager
    def visit(self, visit: Visit, name: str) -> Iterator[None]:
        """From the approval until all is wiped."""
        self._tell(Came(name, visit.terms.level.value))
        try:
            yield
        finally:
            for app in self._tried.elements():
                self._tell(Failed(app))
            self._tried.clear()
            self._tell(Left(visit.ended, visit.clean))

    def showed(self, app: str) -> None:
        self._tried[app] -= 1
        self._tell(Showed(app))

    def scene(self, scene: Scene) -> None:
        rival = isinstance(scene, Comparing | Hosting) and scene.rival
        if rival and not self._rival:
            self._tell(Rival())
        self._rival = rival

    def counted(self, factory: AppFactory) -> AppFactory:
        """The same factory; whatever it makes must be shown, or has failed."""
        return _Counted(factory, self._tried)

    def beat(self, *, page: bool) -> None:
        self._count_refused()
        display = self._display
        online = display is not None and display.stream.online
        days = _days(display) if display is not None and online else None
        self._tell(Beat(online, page, days))

    def _count_refused(self) -> None:
        if self._display is not None:
            while self._refused < self._display.refused:
                self._refused += 1
                self._tell(Refused())


@dataclass(frozen=True, slots=True)
class _Counted:
    factory: AppFactory
    tried: Counter[str]

    @property
    def uri(self) -> str:
        return self.factory.uri

    @property
    def schema(self) -> int:
        return self.factory.schema

    @property
    def parts(self) -> tuple[Part, ...]:
        return getattr(self.factory, "parts", ())

    def __call__(self) -> App:
        self.tried[self.uri] += 1
        return self.factory()


def _days(display: PublicDisplay) -> float | None:
    """Until the certificate of the connection that is open runs out."""
    transport: Any = display.stream.xmpp.transport
    tls = transport and transport.get_extra_info("ssl_object")
    certificate = tls and tls.getpeercert()
    if not certificate:
        return None
    return (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / DAY
