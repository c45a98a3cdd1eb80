"""
How long a visit takes: `python -m tests.bench.visit --json [--rounds 30] [--quick]`.

Each round is the real thing: a private Prosody, the kiosk daemon with a headless
Chromium, a phone; the code is read from a picture of the screen, live is when the page
says so, and a round counts only if the signed receipt was verified. A round has a visit
at each level; the visitor types the digits two seconds after they are on the screen,
and what comes after that is measured. Besides, a visit of a display in this process is
revoked.

There are two runs: directly, and with 80 ms of round trip added between each device and
its server. Phone and display both have that way, so what one tells the other takes as
long as a round trip; the page is beside the display and is not slowed down.

In the same rounds, on the same ways: the raw IQ round trip between the two devices
(XEP-0199), and a login of slixmpp as it comes, with its own SCRAM, from connecting to
the bound session.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mobility import MobilityError
from mobility.chromium import find_chromium
from tests.bench.figures import RunFailed
from tests.bench.visits import measure

FEWEST = 20
QUICK = 2  # says that it can be measured, and not how long it takes
DELAYS = (0, 80)
AIMS: Final[Mapping[tuple[str, int], str]] = {
    ("scan_to_prompt_ms", 0): "150",
    ("approve_to_live_ms", 0): "400, p95 800",
    ("approve_to_live_ms", 80): "1000",
    ("retrieve_ms", 0): "300",
}


def run(rounds: int, *, fewest: int) -> dict[str, Any]:
    """
    Everything, as it is printed.

    Raises:
        MobilityError, RunFailed: If a round did not hold.

    """
    if find_chromium() is None:
        raise RunFailed("There is no Chromium here, so nothing could be live.")
    with tempfile.TemporaryDirectory(prefix="mobility-bench-") as folder:
        runs = asyncio.run(measure(Path(folder), rounds, DELAYS))
    result = {"ok": rounds >= fewest, "rounds": rounds, "page": "chromium"}
    return result | {"runs": runs}


def table(result: Mapping[str, Any]) -> str:
    """For people, with the aims beside the figures."""
    lines = [f"{name:34} {result[name]}" for name in result if name != "runs"]
    for each in result.get("runs", ()):
        lines.append(f"\n+{each['rtt_ms']} ms of round trip{'median':>21} {'p95':>9}")
        for name, value in each.items():
            if name != "rtt_ms":
                lines += _rows(name, value, AIMS.get((name, each["rtt_ms"]), ""))
    return "\n".join(lines)


def _rows(name: str, value: Mapping[str, Any], aim: str) -> list[str]:
    if "median" not in value:
        return [row for key in value for row in _rows(f"{name} {key}", value[key], aim)]
    figures = f"{value['median']:>9.1f} {value['p95']:>9.1f}"
    return [f"{name:34} {figures}{f'   aim {aim}' if aim else ''}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--rounds", type=int, default=FEWEST)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} rounds will do")
    arguments = parser.parse_args()
    rounds, fewest = arguments.rounds, FEWEST
    if arguments.quick:
        rounds = fewest = QUICK
    try:
        result = run(rounds, fewest=fewest)
    except (MobilityError, RunFailed, TimeoutError) as exc:
        result = {"ok": False, "error": str(exc) or "Something took too long."}
    print(json.dumps(result) if arguments.json else table(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
