"""
Whether anything is lost when everything goes wrong.

`python -m tests.bench.crash --seeds 1000 --json`: so many rounds in a simulation, each
with its own faults, cuts, crashes and people (tests/simulation/rounds.py). Then the
same with a planted bug, until it is found: that proves that they would find one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from typing import Any

from tests.simulation.rounds import Outcome, play, two_owners_planted

MOST_FOR_MUTANT = 500  # seeds until the planted bug must have been found


def run(seeds: int) -> dict[str, Any]:
    began = time.perf_counter()
    bad = [outcome for seed in range(seeds) if not (outcome := play(seed)).well]
    seconds = time.perf_counter() - began
    result: dict[str, Any] = {"ok": False, "seeds": seeds}
    for name in ("lost", "doubled", "stuck", "bugs"):
        result[name] = sum(bool(getattr(outcome, name)) for outcome in bad)
    after = seeds_to_find_two_owners(max(seeds, MOST_FOR_MUTANT))
    result |= {"mutant_found": after is not None, "mutant_seeds": after}
    result["ok"] = not bad and after is not None
    result |= {"ms_per_seed": round(1000 * seconds / seeds, 1)}
    return result | ({"bad": [_told(outcome) for outcome in bad]} if bad else {})


def seeds_to_find_two_owners(most: int) -> int | None:
    """How many rounds it took to see two owners; None if they were never seen."""
    with two_owners_planted():
        for seed in range(most):
            if play(seed).doubled:
                return seed + 1
    return None


def _told(outcome: Outcome) -> dict[str, Any]:
    fields = ("lost", "doubled", "stuck", "bugs")
    told = {name: getattr(outcome, name) for name in fields}
    return {"seed": outcome.seed} | {name: what for name, what in told.items() if what}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seeds", type=int, default=1000)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what devices have to say about their faults
    result = run(arguments.seeds)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:14} {value}")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
