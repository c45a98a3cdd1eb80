"""
Rounds in a simulation, each with its own faults, cuts, crashes and people.

What a round is says `tests.simulation.rounds`. Afterwards the same are played with a
planted bug, until it is found: that proves that they would find one.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from tests.simulation.rounds import Outcome, play, two_owners_planted

__all__ = ["simulate"]

MOST_FOR_MUTANT = 500  # seeds until the planted bug must have been found


def simulate(seeds: int) -> dict[str, Any]:
    """So many rounds; `ok` if nothing went wrong, and the planted bug was found."""
    logging.disable(logging.CRITICAL)  # what devices have to say about their faults
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
