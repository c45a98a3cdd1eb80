"""
Whether a session is ever lost, doubled or stuck when everything goes wrong.

`python -m tests.bench.crash --seeds 1000 --json`: so many rounds in a simulation, each
with its own faults, cuts, crashes and people (tests/simulation/rounds.py).
`python -m tests.bench.crash --real --json`: each cell of `tests.fakes.cells`, with
real programs and servers. Both then run with a planted bug, and must find it.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

from tests.bench.crash_real import crash
from tests.bench.crash_seeds import run

_LISTS = ("cells", "bad")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--real", action="store_true", help="programs and servers")
    kind.add_argument("--seeds", type=int, default=1000, help="rounds in a simulation")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what devices have to say about their faults
    result = crash() if arguments.real else run(arguments.seeds)
    print(json.dumps(result)) if arguments.json else _print(result)
    return 0 if result["ok"] else 1


def _print(result: Mapping[str, Any]) -> None:
    for name in _LISTS:
        for row in result.get(name, ()):
            print(*row.values(), sep=", ")
    for name, value in result.items():
        if name not in _LISTS:
            print(f"{name:14} {value}")


if __name__ == "__main__":
    sys.exit(main())
