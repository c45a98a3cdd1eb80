"""Commands of the user's: one that decides, and others that are told what happened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import shutil
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from kiosk.systemd.notify import unheard
from mobility.errors import SettingsError
from mobility.own.deciding import News, Word

__all__ = ["Command", "Hooks", "environment"]

log = logging.getLogger(__name__)
PREFIX = "MOBILITY_"
GRACE = 2.0  # seconds from being asked to end to being ended


class Command:
    """
    A command, split into words as a shell would, and run without one.

    Raises:
        SettingsError: If there is no such program.

    """

    def __init__(self, text: str) -> None:
        try:
            self._words = shlex.split(text)
        except ValueError as exc:
            raise SettingsError(
                f"The command {text!r} cannot be read: {exc}."
            ) from None
        if not self._words or shutil.which(self._words[0]) is None:
            raise SettingsError(f"There is no program for the command {text!r}.")
        self.name = Path(self._words[0]).name

    async def __call__(self, news: News) -> bool:
        """Whether it ended with 0; whoever is cancelled ends it."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                env=environment(news, os.environ),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as exc:
            log.warning("the command %s: %s", self.name, exc.strerror)
            return False
        try:
            return await process.wait() == 0
        finally:
            await asyncio.shield(_ended(process))


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End it with all that it has started, if it has not come to its end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await process.wait()


def environment(news: News, environ: Mapping[str, str]) -> dict[str, str]:
    """What a command is told: facts, and none of what this program was told itself."""
    passed = {
        name: value
        for name, value in unheard(environ).items()
        if not name.startswith(PREFIX) and name != "CREDENTIALS_DIRECTORY"
    }
    facts = {
        "EVENT": news.word,
        "APP": news.app,
        "TITLE": news.title,
        "FROM": news.place,
        "SIZE": str(news.size),
    }
    return passed | {PREFIX + name: value for name, value in facts.items()}


class Hooks:
    """
    Who is told what.

    Args:
        commands: For each kind of news.
        limit: After which a command is ended.

    """

    def __init__(self, commands: Mapping[Word, Command], limit: timedelta) -> None:
        self._commands = commands
        self._limit = limit

    async def tell(self, news: News) -> None:
        """Run the command that there is for it, and wait for its end."""
        command = self._commands.get(news.word)
        if command is None:
            return
        try:
            async with asyncio.timeout(self._limit.total_seconds()):
                if not await command(news):
                    log.warning("the command %s failed (%s)", command.name, news.word)
        except TimeoutError:
            log.warning("the command %s took too long (%s)", command.name, news.word)
