"""A private server with what a careless operator has loaded as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from mobility.server import process
from mobility.server.config import Lua, ServerConfig
from tests.fakes.running import RunningServer

__all__ = ["loose_server"]

_LUA = Path(__file__).parent / "lua"


class Loose(ServerConfig):
    """Passwords can be changed over XMPP, and a test can reload a module."""

    first: tuple[str, ...] = ()
    more: ClassVar[dict[str, Lua]] = {}

    def _options(self) -> dict[str, Lua]:
        options = super()._options()
        plugins, modules = options["plugin_paths"], options["modules_enabled"]
        assert isinstance(plugins, list)
        assert isinstance(modules, list)
        return {
            **options,
            "plugin_paths": [*self.first, *plugins, str(_LUA)],
            "modules_enabled": [*modules, "user_account_management", "reloading"],
            **self.more,
        }


@contextmanager
def loose_server(folder: Path, *first: Path, **more: Lua) -> Iterator[RunningServer]:
    """
    Such a server.

    Args:
        folder: For its data.
        first: Folders of modules that take the place of the product's.
        more: Options of Prosody.

    """
    config = type("Loose", (Loose,), {"first": tuple(map(str, first)), "more": more})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "ServerConfig", config)
        running = RunningServer(folder)
    with running:
        yield running
