"""Text that XML 1.0 can carry (§2.2): anything else would end the whole stream."""

from __future__ import annotations

import re

__all__ = ["legal"]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text: str) -> str:
    """`text` without what XML cannot carry."""
    return _FORBIDDEN.sub("", text)
