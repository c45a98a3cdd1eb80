"""
How smooth the map of a chase is: ``python -m tests.bench.frames --json``.

A kiosk's page in a real Chromium, without a graphics card, shows players of whom ten a
second, in total, say where they are. What is measured are the frames of the app that
its compositor draws: tokens glide there, whatever else the page does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from playwright.async_api import Browser, async_playwright

from examples.chase.board import Map
from examples.chase.city import City
from examples.chase.generated import generate
from examples.chase.geojson import geojson
from examples.chase.packets import city_pieces
from examples.chase.words import URI, q
from mobility import Stanza, State
from mobility.chromium import find_chromium
from tests.e2e.conftest import FLAGS
from tests.e2e.wall import Wall, wall

PAGE = Path(__file__).parents[2] / "examples/chase/display"
SIZES = ((1920, 1080), (1080, 1920), (800, 480))
RATE = 10  # positions a second, of all players together
STEP = 0.0006  # degrees that a player goes between two of them
DRAWN = "MainFrame.Draw"  # what Chromium's compositor calls a frame in its trace


async def _game(city: City, count: int) -> State:
    map, stations = Map(), list(city.stations.values())
    packets = [*city_pieces(geojson(city))]
    for number in range(1, count + 1):
        station, target = (stations[(number + n) % len(stations)].id for n in (0, 7))
        about = {"id": f"p{number}", "name": f"Player {number}", "role": "agent"}
        about |= {"number": str(number), "here": "yes"}
        packets.append(
            Stanza(q("player"), about | {"station": station, "target": target})
        )
    for packet in packets:
        await map.replay(packet)
    return await map.snapshot()


async def _walk(screen: Wall, state: State, seconds: float) -> None:
    dice = Random(1)
    spots = {one["id"]: [one["lon"], one["lat"]] for one in state.data["players"]}
    begun = time.monotonic()
    for number in range(round(seconds * RATE)):
        id = f"p{1 + number % len(spots)}"
        spots[id] = [at + dice.uniform(-STEP, STEP) for at in spots[id]]
        lon, lat = (f"{at:.6f}" for at in spots[id])
        await screen.say("position", player=id, lon=lon, lat=lat)
        await asyncio.sleep(max(0.0, begun + (number + 1) / RATE - time.monotonic()))


async def _measured(
    browser: Browser, size: tuple[int, int], count: int, seconds: float
) -> dict[str, Any]:
    viewport = {"width": size[0], "height": size[1]}
    state = await _game(generate(1), count)
    async with wall(browser, URI, PAGE, "map", viewport=viewport) as screen:
        await screen.show(state)
        await browser.start_tracing(page=screen.page, categories=["cc"])
        await _walk(screen, state, seconds)
        frames = _frames(await browser.stop_tracing())
    return {
        "size": f"{size[0]}x{size[1]}",
        "players": count,
        "load": round(os.getloadavg()[0], 1),
        "frames_per_s": round(1000 / statistics.fmean(frames), 1),
        "p95_ms": round(statistics.quantiles(frames, n=20)[-1], 1),
        "longest_ms": round(max(frames), 1),
    }


def _frames(trace: bytes) -> list[float]:
    """Milliseconds between two frames of the app, whose process draws the most."""
    drawn: dict[int, list[int]] = defaultdict(list)
    for event in json.loads(trace)["traceEvents"]:
        if event.get("name") == DRAWN and event["ph"] == "X":
            drawn[event["pid"]].append(event["ts"])
    _, stamps = max((len(stamps), sorted(stamps)) for stamps in drawn.values())
    return [(later - earlier) / 1000 for earlier, later in pairwise(stamps)]


async def measure(count: int, seconds: float) -> list[dict[str, Any]]:
    """One run for each size of a screen."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        runs = [await _measured(browser, size, count, seconds) for size in SIZES]
        await browser.close()
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--players", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    runs = asyncio.run(measure(options.players, options.seconds))
    if options.json:
        print(json.dumps({"runs": runs}))
    else:
        for run in runs:
            print("  ".join(f"{key} {value}" for key, value in run.items()))


if __name__ == "__main__":
    main()
