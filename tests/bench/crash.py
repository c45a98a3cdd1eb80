"""
Whether a session is ever lost, doubled or stuck.

`python -m tests.bench.crash --seeds 1000` plays so many rounds in a simulation, see
`tests.simulation.rounds`; ``--real`` runs every cell of `tests.fakes.cells` with real
programs and servers.
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.bench.crash_real import crash
from tests.bench.crash_simulated import simulate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--real", action="store_true")
    way.add_argument("--seeds", type=int, default=1000)
    arguments = parser.parse_args()
    result = crash() if arguments.real else simulate(arguments.seeds)
    if arguments.json:
        print(json.dumps(result))
    else:
        for cell in result.pop("cells") if arguments.real else ():
            print(*cell.values(), sep=", ")
        print(*(f"{name} {value}" for name, value in result.items()), sep="\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
