"""What a check found. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

__all__ = ["Finding", "Result", "failed", "ok", "warning"]

Result: TypeAlias = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One line.

    Args:
        check: What was looked at.
        result: ``failed`` keeps the display from its work; ``warning`` is weaker.
        text: What was found.
        advice: What to do; empty if nothing.
        display: Which display; empty if it is about the machine.

    """

    check: str
    result: Result
    text: str
    advice: str = ""
    display: str = ""

    def of(self, display: str) -> Finding:
        return replace(self, display=display)

    def __str__(self) -> str:
        about = f"{self.display} {self.check}".strip()
        said = f"{self.text} {self.advice}".strip()
        return f"{self.result:<8} {about}: {said}"


def ok(check: str, text: str) -> Finding:
    return Finding(check, "ok", text)


def warning(check: str, text: str, advice: str) -> Finding:
    return Finding(check, "warning", text, advice)


def failed(check: str, text: str, advice: str) -> Finding:
    return Finding(check, "failed", text, advice)
