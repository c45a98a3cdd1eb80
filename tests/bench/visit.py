"""
How long a visit takes: `python -m tests.bench.visit --json [--rounds 30]`.

Each round is the real thing: a private Prosody, the kiosk daemon with a headless
Chromium, a phone; the code is read from a picture of the screen. The raw IQ round trip
between the same two connections is measured in each round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mobility import MobilityError
from mobility.cli.rounds import measure

FEWEST = 30


def summary(figures: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    p95 = statistics.quantiles(figures, n=20, method="inclusive")[-1]
    return {"median": round(statistics.median(figures), 2), "p95": round(p95, 2)}


def run(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mobility-bench-") as folder:
        figures = asyncio.run(measure(Path(folder), rounds))
    page = figures.pop("page")
    # Without a browser there is no display to be live on: that is no valid run.
    result: dict[str, Any] = {"ok": page == "chromium" and rounds >= FEWEST}
    result |= {"rounds": rounds, "page": page}
    return result | {name: summary(values) for name, values in figures.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--rounds", type=int, default=FEWEST)
    arguments = parser.parse_args()
    try:
        result = run(arguments.rounds)
    except (MobilityError, TimeoutError) as exc:
        result = {"ok": False, "error": str(exc) or "Something took too long."}
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:22} {value}")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
