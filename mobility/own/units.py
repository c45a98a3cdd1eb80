"""What the units of systemd that we write have in common."""

from __future__ import annotations

__all__ = ["word"]


def word(text: str) -> str:
    """As one word of a unit, in which % and $ have a meaning (systemd.syntax(7))."""
    text = text.replace("%", "%%").replace("$", "$$")
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"' if any(each in text for each in " \t\"\\;'") else text
