"""
What keeps a display from its work, and what to do about it.

Each check gives one finding. A check that would only repeat the failure of the one
before it is left out.
"""

from __future__ import annotations

from kiosk.doctor.finding import Finding
from kiosk.doctor.machine import look_at_disk, look_at_machine
from kiosk.doctor.policy import look_at_policy
from kiosk.doctor.screen import (
    look_at_apps,
    look_at_browser,
    look_at_figures,
    look_at_page,
)
from kiosk.doctor.server import look_at_server
from kiosk.settings.settings import Kiosk, Settings

__all__ = ["Finding", "examine"]


async def examine(kiosk: Kiosk) -> list[Finding]:
    """Everything about the machine, then about each display."""
    findings = [*look_at_machine(), look_at_policy(kiosk)]
    if kiosk.metrics is not None:
        findings.append(look_at_figures(kiosk.metrics))
    for display in kiosk.displays:
        findings += [each.of(display.id) for each in await _display(display)]
    return findings


async def _display(display: Settings) -> list[Finding]:
    return [
        *look_at_disk(display),
        look_at_page(display),
        *look_at_apps(display),
        *await look_at_browser(display),
        *await look_at_server(display),
    ]
