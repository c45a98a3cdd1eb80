"""What a visitor's keyboard could make Chromium do."""

from __future__ import annotations

from pathlib import Path

from kiosk.chromium.policy import INSTALLED, NOBODY, TOOLS, in_force, policy, weaker
from kiosk.doctor.finding import Finding, failed, ok, warning
from kiosk.settings.settings import Kiosk

__all__ = ["look_at_policy"]

INSTALL = (
    "Install it: mobility-kiosk policy SETTINGS | sudo install -D -m 644 /dev/stdin "
    f"{INSTALLED}."
)


def look_at_policy(kiosk: Kiosk, folder: Path = INSTALLED.parent) -> Finding:
    try:
        found = in_force(folder)
    except (OSError, ValueError, TypeError):
        text = f"a file in {folder} cannot be read."
        return warning("policy", text, "Repair it; Chromium cannot read it either.")
    wanted = policy(kiosk)
    if TOOLS not in wanted and found.get(TOOLS) == NOBODY:
        text = f"{TOOLS} keeps the kiosk from its own browser."
        return failed("policy", text, INSTALL)
    if not found:
        text = "Chromium's dialogs for files and printing are open to a keyboard."
        return warning("policy", text, INSTALL)
    if names := list(weaker(found, wanted)):
        text = f"Chromium is told something else of {', '.join(names)}."
        return warning("policy", text, INSTALL)
    return ok("policy", "Chromium opens no file and no page elsewhere.")
