"""What every plugin of ours shares: it is found by its class, not by a string."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from slixmpp.basexmpp import BaseXMPP
from slixmpp.plugins import BasePlugin

__all__ = ["SECONDS", "Feature"]


SECONDS = 20.0  # to wait for the account's server


class Feature(BasePlugin):
    dependencies: ClassVar[set[str]] = set()

    @classmethod
    def of(cls, xmpp: BaseXMPP) -> Self:
        """The instance that serves `xmpp`; the one place with a string key."""
        plugin: Any = xmpp.plugin[cls.name]  # type: ignore[literal-required]
        assert isinstance(plugin, cls)
        return plugin
