"""``python -m kiosk settings.toml``: run a public display."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from types import FrameType

from kiosk.daemon import run
from kiosk.settings import Settings, load
from mobility import SettingsError

__all__ = ["main"]

SIGNALS = {signal.SIGTERM, signal.SIGINT}


def main() -> None:
    """The command: 0 after a signal, 2 if the settings cannot be used."""
    parser = argparse.ArgumentParser(
        prog="mobility-kiosk", description="Run a public display."
    )
    parser.add_argument("settings", type=Path, help="the TOML file, see docs/kiosk.md")
    parser.add_argument(
        "--check", action="store_true", help="only say whether the file is right"
    )
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash writes no memory to disk
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)  # it names JIDs
    try:
        settings = load(arguments.settings)
        if arguments.check:
            print(f"{arguments.settings}: this is right.")  # noqa: T201
        else:
            stopped: list[int] = []
            visited = asyncio.run(_until_signal(settings, stopped))
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            if visited and not stopped:
                _replace()
    except SettingsError as error:
        sys.exit(_complain(error))


def _complain(error: SettingsError) -> int:
    print(error, file=sys.stderr)  # noqa: T201
    return 2


async def _until_signal(settings: Settings, stopped: list[int]) -> bool:
    """Whether a visit has ended; a signal is noted at any time, also after the end."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        if not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    for number in SIGNALS:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        await run(settings, opened=_announce)
    except asyncio.CancelledError:
        return False
    return True


def _replace() -> None:
    """Become a fresh process; a signal that comes now waits until that one is up."""
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606


def _announce(address: str) -> None:
    print(f"Open {address} on the screen.", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
