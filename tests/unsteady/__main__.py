"""
Run tests on a machine that stands still for moments, as a busy one does.

Event loops of all programs pause; servers and browsers are stopped and go on. What
fails here and not elsewhere takes an order for granted that nobody promised: a test, or
the product. The pauses are short, and no deadline should pass for them.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests import unsteady

STOPPABLE = {"prosody", "lua5.4", "beam.smp", "chromium", "node-MainThread"}
STOPPED = 0.06  # seconds, on average, and
LONGEST = 0.5  # at most
EVERY = 0.15  # seconds between two of them, on average


def descendants(pid: int) -> Iterator[int]:
    """The processes that it started, and theirs."""
    with suppress(OSError):
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, listed.read_text().split()):
                yield child
                yield from descendants(child)


def name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def stop_one(found: list[int]) -> None:
    pid = random.choice(found)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(min(random.expovariate(1 / STOPPED), LONGEST))
        finally:
            os.kill(pid, signal.SIGCONT)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.unsteady", epilog=__doc__)
    parser.add_argument("--often", type=float, default=0.01, help="pauses a turn")
    parser.add_argument("--seconds", type=float, default=0.03, help="of a pause")
    options, arguments = parser.parse_known_args()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([*unsteady.__path__, str(Path.cwd())]),
        "UNSTEADY": f"{options.often} {options.seconds}",
    }
    command = [sys.executable, "-m", "pytest", *(arguments or ["-n", "3"])]
    with subprocess.Popen(command, env=environment) as tests:
        while tests.poll() is None:
            found = [pid for pid in descendants(tests.pid) if name(pid) in STOPPABLE]
            if found:
                stop_one(found)
            time.sleep(random.expovariate(1 / EVERY))
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())
