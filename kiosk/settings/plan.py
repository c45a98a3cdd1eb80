"""
What the supervisor has to know of the settings: no secret, and no module of the SDK.

The settings are read and checked by a process of their own, which says this in JSON; so
the supervisor stays small, and never holds a password.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Address", "BrowserPlan", "DisplayPlan", "Plan"]

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class BrowserPlan:
    """
    The browser that the supervisor keeps before a display.

    Args:
        program: Path or name; empty for the first Chromium that is found.
        flags: Beyond those that it always gets.
        env: Which screen it is to open on, such as DISPLAY or WAYLAND_DISPLAY.

    """

    program: str = ""
    flags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisplayPlan:
    """
    One display: its name in figures and logs, its page, its folder, its browser.

    Args:
        apps: Their URIs; no other is written down.

    """

    id: str
    listen: Address
    data: Path
    browser: BrowserPlan | None = None
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """
    All displays of one file.

    Args:
        displays: At least one.
        metrics: Where Prometheus may ask; None for nowhere.
        keep: Days that records of visits are kept.

    """

    displays: tuple[DisplayPlan, ...]
    metrics: Address | None = None
    keep: int = 90

    def encode(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def decode(cls, text: str) -> Plan:
        value = json.loads(text)
        metrics = value["metrics"] and (value["metrics"][0], value["metrics"][1])
        displays = tuple(_display(each) for each in value["displays"])
        return cls(displays, metrics, value["keep"])


def _display(value: Mapping[str, Any]) -> DisplayPlan:
    browser = value["browser"]
    return DisplayPlan(
        value["id"],
        (value["listen"][0], value["listen"][1]),
        Path(value["data"]),
        browser and BrowserPlan(**browser | {"flags": tuple(browser["flags"])}),
        tuple(value["apps"]),
    )
