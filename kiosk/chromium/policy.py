"""
What Chromium may do on this machine: a managed policy, and whether it is in force.

A keyboard before the screen opens dialogs for files, printing and bookmarks, and those
read and write what outlives a visit. See https://chromeenterprise.google/policies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kiosk.settings.settings import Kiosk

__all__ = ["INSTALLED", "in_force", "policy", "weaker"]

INSTALLED = Path("/etc/chromium/policies/managed/mobility-kiosk.json")
CLOSED: Mapping[str, Any] = {
    "AllowFileSelectionDialogs": False,
    "DownloadRestrictions": 3,  # none at all
    "EditBookmarksEnabled": False,
    "ExtensionInstallBlocklist": ["*"],
    "PasswordManagerEnabled": False,
    "PrintingEnabled": False,
    "SavingBrowserHistoryDisabled": True,
    "SyncDisabled": True,
    # a name includes those below it: each app has one of its own under localhost
    "URLAllowlist": ["http://127.0.0.1", "http://[::1]", "http://localhost", "data:*"],
    "URLBlocklist": ["*"],
}
TOOLS = "DeveloperToolsAvailability"
NOBODY = 2


def policy(kiosk: Kiosk) -> dict[str, Any]:
    """
    The policy for a machine with these displays.

    A browser of ours has no keys for the developer tools (kiosk/chromium/browser.py),
    and their protocol is how we speak to it; so they are only closed where we start
    none.
    """
    ours = any(display.browser for display in kiosk.displays)
    return {**CLOSED} if ours else {**CLOSED, TOOLS: NOBODY}


def in_force(folder: Path = INSTALLED.parent) -> dict[str, Any]:
    """
    What all files of a folder say together; of two, Chromium takes the last.

    Raises:
        OSError, ValueError: One cannot be read.

    """
    found: dict[str, Any] = {}
    for file in sorted(folder.glob("*.json")):
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def weaker(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Names of what is not as it should be."""
    for name, value in wanted.items():
        if name not in found or found[name] != value:
            yield name
