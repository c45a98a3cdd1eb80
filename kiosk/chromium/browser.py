"""
The browser on the screen: one for each visit, held in memory.

A browser that closes a page, or a whole profile of the incognito kind, keeps much of it
in the memory of its other processes. So after a visit all its processes are killed, and
another browser goes on, which was started before. Its profile is a folder on a memory
file system: it ends with the visit, with the power, or at the next start at the latest.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from kiosk.chromium.profiles import (
    memory_folder,
    new_profile,
    remove_empty,
    wipe_left_over,
)
from kiosk.chromium.window import Window
from kiosk.systemd.notify import unheard
from mobility import SettingsError
from mobility.chromium import find_chromium

__all__ = ["HEADLESS", "Browser", "memory_folder", "wipe_left_over"]

FLAGS = (
    "--kiosk",
    "--incognito",
    "--disable-pinch",
    "--overscroll-history-navigation=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, "
    "EXCLUDE 127.0.0.1",
)
# No key of the browser's own: Ctrl+O would open a dialog. Without a screen there are no
# keys, and Chromium would not fill what it draws on.
KEYLESS = "--force-app-mode"
HEADLESS = ("--headless=new", "--disable-gpu", "--hide-scrollbars")

log = logging.getLogger(__name__)


class Browser:
    """
    The Chromium that shows `address`.

    Args:
        program: The browser; None for the first Chromium that is found.
        address: Of the page, which may be there later than the browser.
        folder: Where profiles are made; see `memory_folder`.
        flags: Beyond those that it always gets, such as `HEADLESS`.
        env: Beyond our own environment, such as DISPLAY.

    Raises (on entering):
        SettingsError: There is no browser.
        MobilityError: It does not start.

    """

    def __init__(
        self,
        program: Path | None,
        address: str,
        *,
        folder: Path,
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._program = program
        self._address = address
        self._folder = folder
        seen = not any(flag.startswith("--headless") for flag in flags)
        self._flags = (*FLAGS, *([KEYLESS] if seen else []), *flags)
        self._env = unheard(os.environ) | dict(env or {})

    async def __aenter__(self) -> Self:
        for name in wipe_left_over(self._folder):
            log.warning("what an interrupted run left was removed: %s", name)
        self._window = await self._prepare()
        self._window.show()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._window.close()
        remove_empty(self._folder)

    @property
    def pid(self) -> int:
        """Of the browser that is shown, which leads a process group of its own."""
        return self._window.pid

    async def fresh(self) -> None:
        """
        Close what was shown with all that it held, and show the page in a new browser.

        The new one is up before the old one goes, and opens the page after that. When
        this returns, the old one is gone, also if it raises.

        Raises:
            MobilityError: The new one does not start; then `ended` returns.

        """
        last = self._window
        try:
            self._window = await self._prepare()
        finally:
            await last.close()
        self._window.show()

    async def ended(self) -> None:
        """Wait until there is no browser: it crashed, or was killed."""
        while True:
            window = self._window
            await window.ended()
            if window is self._window:
                return

    async def _prepare(self) -> Window:
        program = self._program or find_chromium()
        if program is None:
            raise SettingsError(
                "There is no Chromium here. Install it: apt install chromium"
            )
        window, profile = Window(self._address), new_profile(self._folder)
        await window.open(program, self._flags, profile=profile, env=self._env)
        return window
