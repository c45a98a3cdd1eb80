"""Points in time on the wire (XEP-0082 §3.2): always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from mobility.errors import RemoteProtocolError

__all__ = ["moment", "stamp"]

_UTC: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


def stamp(time: datetime) -> str:
    """In whole seconds."""
    return f"{time.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def moment(text: str) -> datetime:
    """
    The time that a text names.

    Raises:
        RemoteProtocolError: If it names none.

    """
    try:
        if _UTC.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise RemoteProtocolError("That is not a point in time.")
