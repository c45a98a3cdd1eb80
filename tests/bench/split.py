"""
What a split session costs, and what it survives: `python -m tests.bench.split --json`.

How many stanzas a second our rules decide, by the number of names that they allow: from
the parsed element to the decision, on one core, for what comes to the account of a
player. Beside it, in the same run, slixmpp's own `MatchXPath` for one name.

How much later a stanza comes if the server has a filter of 50 names for the device that
it is for: the medians of many, with the filter and without it by turns, over a private
Prosody.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobility import MobilityError
from tests.bench.deciding import decisions_per_s, matchxpath_per_s
from tests.bench.delaying import added_delay
from tests.bench.figures import RunFailed
from tests.fakes.running import RunningServer

NAMES = (1, 10, 50)
SECONDS = 2.0  # for each rate
BLOCKS = 40


async def _over_a_server(server: RunningServer, quick: float) -> dict[str, Any]:
    return await added_delay(server, max(1, round(BLOCKS * quick)))


def run(quick: float) -> dict[str, Any]:
    """
    Everything, as it is printed.

    Args:
        quick: Which part of a whole run, from 0 to 1.

    Raises:
        MobilityError, RunFailed: If something did not come that had to.

    """
    seconds = SECONDS * quick
    result: dict[str, Any] = {
        "decisions_per_s": {str(n): decisions_per_s(n, seconds) for n in NAMES},
        "matchxpath_per_s": matchxpath_per_s(seconds),
    }
    with tempfile.TemporaryDirectory(prefix="mobility-bench-") as name:
        with RunningServer(Path(name) / "server") as server:
            result |= asyncio.run(_over_a_server(server, quick))
    return {"ok": True, **result}


def table(result: Mapping[str, Any]) -> str:
    """For people."""
    return "\n".join(f"{name:20} {figure}" for name, figure in result.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    arguments = parser.parse_args()
    try:
        result = run(0.1 if arguments.quick else 1.0)
    except (MobilityError, RunFailed, TimeoutError) as exc:
        result = {"ok": False, "error": str(exc) or "Something took too long."}
    print(json.dumps(result) if arguments.json or not result["ok"] else table(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
