"""
The parts of an app that its page can show: a file beside the page says which.

``parts.json`` in the app's folder maps the name of each part to a list of the packets
that it listens to, named as the page names them: ``{"map": ["position", "round"]}``.
A page that can show the whole app, too, has ``"": []`` there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from kiosk.page.packets import InvalidPacket, qualified
from mobility import App, Part, PartedApp, SettingsError

__all__ = ["PageParts", "read_parts", "takes_whole"]

FILE = "parts.json"
SIZE = 64 * 1024
WHOLE = ""  # stands for the whole app among its parts
NAMES = 256  # packets that a part may listen to


def read_parts(folder: Path, uri: str) -> tuple[Part, ...]:
    """
    Which parts the page in a folder can show; none if no file says so.

    Raises:
        SettingsError: If it is not understood.

    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            return _read(json.loads(file.read(SIZE)), uri)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError):
        raise SettingsError(
            f'{path} must be like {{"map": ["position", "round"]}}: the names of the '
            "parts, and of the packets that each listens to."
        ) from None


def _read(parts: object, uri: str) -> tuple[Part, ...]:
    """ValueError if it is none of these."""
    if not isinstance(parts, dict):
        raise ValueError
    if parts.get(WHOLE, []) != []:
        raise ValueError
    return tuple(Part(_name(name), _allow(names, uri)) for name, names in parts.items())


def takes_whole(parts: tuple[Part, ...]) -> bool:
    """Whether a page with these can show the whole app."""
    return not parts or any(part.name == WHOLE for part in parts)


def _name(name: str) -> str:
    """A session of it is called so, with dots between; a state, with bars."""
    if not name.isprintable() or {*name} & {*".| "} or len(name) > 64:
        raise ValueError
    return name


def _allow(names: object, uri: str) -> tuple[str, ...]:
    if not isinstance(names, list) or len(names) > NAMES:
        raise ValueError
    try:
        return tuple(qualified(name, uri) for name in names)
    except InvalidPacket:
        raise ValueError from None


class PageParts(PartedApp):
    """
    An app whose parts are pages, each in a frame of its own.

    Args:
        uri, schema: Of the app.
        parts: Those that it has here.
        page: Makes the app of one, by its name.

    """

    def __init__(
        self,
        uri: str,
        schema: int,
        parts: tuple[Part, ...],
        page: Callable[[str], App],
    ) -> None:
        self.uri, self.schema = uri, schema
        self.parts = tuple(
            Part(part.name, part.allow, lambda name=part.name: page(name))  # type: ignore[misc]
            for part in parts
            if part.name != WHOLE
        )
