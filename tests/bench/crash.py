"""
Whether a session is ever lost, doubled or stuck: `python -m tests.bench.crash --real`.

``--real`` runs every cell of `tests.fakes.cells` with real programs and servers.
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.bench.crash_real import crash


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--real", action="store_true", required=True)
    arguments = parser.parse_args()
    result = crash()
    if arguments.json:
        print(json.dumps(result))
    else:
        for cell in result.pop("cells"):
            print(*cell.values(), sep=", ")
        print(*(f"{name} {value}" for name, value in result.items()), sep="\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
