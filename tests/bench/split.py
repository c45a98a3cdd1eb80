"""
What a split session costs, and what it survives: `python -m tests.bench.split --json`.

How many stanzas a second our rules decide, by the number of names that they allow: from
the parsed element to the decision, on one core, for what comes to the account of a
player. Beside it, in the same run, slixmpp's own `MatchXPath` for one name.

How much later a stanza comes if the server has a filter of 50 names for the device that
it is for: the medians of many, with the filter and without it by turns.

Bytes on the phone's connection, as they are on the wire, while a service sends
positions and some talk: with all parts on the phone, and with the map elsewhere.

The time from SIGKILL of a device to its part running on another one.

And a soak: a service sends 1,000 packets a second to a part that moves from one device
to another every second, while all streams are cut every ten seconds. The part carries
the count of what it has with it. `moves` are those that were completed, of
`moves_asked`. It is `ok` if nothing is missing or doubled, the rate was held, and there
was a move every two seconds at least.

All of it over a private Prosody, with real devices: those that parts go to are in
processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobility import MobilityError
from tests.bench.deciding import decisions_per_s, matchxpath_per_s
from tests.bench.delaying import added_delay
from tests.bench.dying import failover
from tests.bench.figures import RunFailed
from tests.bench.soaking import held, soak
from tests.bench.sparing import GAME, SECRET, bytes_to_phone
from tests.fakes.running import RunningServer

NAMES = (1, 10, 50)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    How thorough a run is.

    Args:
        seconds: For each rate.
        blocks: Of stanzas that are timed.
        positions: That the phone gets, or is spared.
        deaths: Of devices.
        packets: Of the soak.

    """

    seconds: float
    blocks: int
    positions: int
    deaths: int
    packets: int


FULL = Plan(seconds=2.0, blocks=40, positions=2000, deaths=5, packets=100_000)
QUICK = Plan(seconds=0.2, blocks=4, positions=200, deaths=1, packets=5_000)


async def _over_a_server(
    server: RunningServer, folder: Path, plan: Plan
) -> dict[str, Any]:
    result: dict[str, Any] = await added_delay(server, plan.blocks)
    result |= await bytes_to_phone(server, folder / "bytes", plan.positions)
    deaths = [
        await failover(server, folder / f"death-{number}")
        for number in range(plan.deaths)
    ]
    result["failover_ms"] = round(statistics.median(deaths))
    result["soak"] = await soak(server, folder / "soak", plan.packets)
    return result


def run(plan: Plan) -> dict[str, Any]:
    """
    Everything, as it is printed.

    Raises:
        MobilityError, RunFailed: If something did not come that had to.

    """
    result: dict[str, Any] = {
        "decisions_per_s": {str(n): decisions_per_s(n, plan.seconds) for n in NAMES},
        "matchxpath_per_s": matchxpath_per_s(plan.seconds),
    }
    with tempfile.TemporaryDirectory(prefix="mobility-bench-") as name:
        folder = Path(name)
        with RunningServer(folder / "server", services={GAME: SECRET}) as server:
            result |= asyncio.run(_over_a_server(server, folder, plan))
    return {"ok": held(result["soak"]), **result}


def table(result: Mapping[str, Any]) -> str:
    """For people."""
    return "\n".join(f"{name:20} {figure}" for name, figure in result.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="some of it")
    arguments = parser.parse_args()
    try:
        result = run(QUICK if arguments.quick else FULL)
    except (MobilityError, RunFailed, TimeoutError) as exc:
        result = {"ok": False, "error": str(exc) or "Something took too long."}
    print(json.dumps(result) if arguments.json or "error" in result else table(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
