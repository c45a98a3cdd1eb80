"""
Every event loop stands still at random moments: Python imports this first of all.

What a program hears, it hears later then, and in another order than on a quiet machine.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import Any

_loop: Any = asyncio.BaseEventLoop
_turn = _loop._run_once


def _hesitate(loop: Any) -> None:
    if random.random() < often:
        time.sleep(min(random.expovariate(1 / seconds), 8 * seconds))
    _turn(loop)


if "UNSTEADY" in os.environ:
    often, seconds = map(float, os.environ["UNSTEADY"].split())
    _loop._run_once = _hesitate
