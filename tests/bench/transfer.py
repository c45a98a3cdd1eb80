"""
How fast a session moves: `python -m tests.bench.transfer --json [--quick]`.

Each way of ours (a format and its carrier) is measured between two programs over a
private Prosody, from the call of `transfer` until the session runs there. In the same
run others carry the same files: asyncio over TLS 1.3, slixmpp's XEP-0047 and XEP-0065,
and magic-wormhole. All read a file; the others write one. MB are 10^6 bytes.

`added_rss_mb` is the peak of the resident set over that of the program before its first
transfer, of the side that took more. What would take too long is listed in `left_out`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from mobility import MobilityError
from tests.bench.figures import FULL, QUICK, Plan
from tests.bench.loads import make_loads
from tests.bench.measured import measure
from tests.bench.table import print_tables
from tests.fakes.running import RunningServer


def run(plan: Plan) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mobility-bench-") as name:
        folder = Path(name)
        loads = make_loads(folder, plan.rounds)
        with RunningServer(folder / "server") as server:
            return asyncio.run(measure(server, loads, folder, plan))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--quick", action="store_true", help="under a minute, without 1 GiB"
    )
    arguments = parser.parse_args()
    try:
        result = run(QUICK if arguments.quick else FULL)
    except (MobilityError, OSError) as exc:
        result = {"ok": False, "error": str(exc)}
    if arguments.json:
        print(json.dumps(result))
    else:
        print_tables(result)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
