"""A device of the user's own, as the user sees it: what it is, and what it can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from mobility.app import App, AppFactory
from mobility.protocol.device import spelled
from mobility.protocol.filtering import Way
from mobility.refusal import apart, readable

__all__ = ["Device"]


@dataclass(frozen=True, slots=True)
class Device:
    """
    A device of the user's own, as it describes itself.

    Attributes:
        id: Outlives its addresses; empty if it is a client that knows nothing of us.
        name, kind: What its user calls it; phone, pc, web ...
        jid: The full JID that it uses, or used last.
        apps: What it can run, with the schema version of each.
        online: Whether it is connected now.
        parts: What it can show of an app that can be split, by the app's URI.
        size: Largest state that it takes, in bytes.
        seen: When it was connected last, as far as anybody knows; None while it is.
        client: What a client that knows nothing of us calls itself.
        busy: Whether it says that it can take no more now.
        verified: Whether the user has compared its fingerprint.
        this: Whether it is the one that asks.
        way: How packets of an app's service come to it while it is connected, if the
            service was not asked to invite it.

    """

    id: str
    name: str
    kind: str
    jid: str
    apps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    online: bool = False
    parts: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    size: int = 0
    seen: datetime | None = None
    client: str = ""
    busy: bool = False
    verified: bool = False
    this: bool = False
    way: Way | None = None

    @property
    def takes(self) -> bool:
        """Whether sessions can be offered to it at all."""
        return bool(self.id) and not self.this

    @property
    def fingerprint(self) -> str:
        """Of its identity key, for people to compare; empty if it has none."""
        return spelled(self.id) if self.id else ""

    def problem(
        self, app: App | type[App] | AppFactory, *, size: int = 0, part: str = ""
    ) -> str:
        """
        Why it cannot take a session: a sentence; empty if it can.

        Whether it is online is not asked: an offer waits for it.

        Args:
            app: Of the session.
            size: Of its state in bytes, as far as that is known.
            part: Which part shall go there; all of it, if empty.

        """
        if not self.takes:
            return self._takes_none()
        if app.uri not in self.apps:
            return f"{self.name} does not have the app that this needs."
        if not readable(app, self.apps[app.uri]):
            return apart(self.name, self.apps[app.uri], app.schema)
        if part and part not in self.parts.get(app.uri, ()):
            return f"{self.name} cannot show this part of the app."
        if size > self.size:
            most = self.size // 1000
            return f"This is too large for {self.name}: it takes {most} kB."
        return f"{self.name} is busy. Try again later." if self.busy else ""

    def _takes_none(self) -> str:
        if self.this:
            return "This is the device that you are using."
        return f"{self.name} is another program, which cannot take sessions."
