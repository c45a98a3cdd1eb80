"""The service, players without people, and a demo: `python -m examples.chase ...`."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.markup import escape

from examples.chase.chase import Chase
from examples.chase.city import BadCity, City
from examples.chase.demo import go_round, open_demo
from examples.chase.generated import generate
from examples.chase.geojson import geojson, read_city
from examples.chase.hunt import Hunt
from examples.chase.robot import Robot
from examples.chase.rules import Rules
from examples.chase.seat import Seat
from examples.chase.service import serve
from examples.chase.tracks import BadTrack, Track
from mobility import Client, MobilityError, Service, SettingsError

console = Console(highlight=False)

HELP = """
Open all three, side by side. On the phone, join the game.
To have the map on a screen, tap Map, Show the map on, Scan a screen,
and Scan the screen beside me. Ctrl-C ends the demo."""


async def service(options: argparse.Namespace, secret: str) -> None:
    """Run the game: as a component of a server, or with an account."""
    city = chosen_city(options)
    rules = Rules(
        players=options.players, rounds=options.rounds, seconds=options.seconds
    )
    where = {"host": options.host, "port": options.port, "ca_file": options.ca_file}
    async with Service(options.jid, secret, **where) as service:
        console.print(
            f"{escape(city.name)} waits for {rules.players} players"
            f" at {escape(service.jid)}."
        )
        await serve(service, Hunt(city, rules, Random()))


async def robots(options: argparse.Namespace, accounts: list[tuple[str, str]]) -> None:
    """Let players without people play one game; accounts and passwords on stdin."""
    tracks = [Track.read(path) for path in options.track]
    where = {"host": options.host, "port": options.port, "ca_file": options.ca_file}
    async with AsyncExitStack() as stack:
        playing = []
        for number, (jid, password) in enumerate(accounts):
            client = Client(jid, password, device="Robot", **where)
            chase = Chase(options.service)
            await stack.enter_async_context(client)
            await stack.enter_async_context(Seat(client, chase))
            track = tracks[number] if number < len(tracks) else None
            about = {"dice": Random(), "ride": options.ride, "track": track}
            robot = Robot(chase.map, chase.members, **about)
            playing.append(robot.play(f"Robot {number + 1}"))
        await asyncio.gather(*playing)
        over = chase.members.over
    if over is not None:
        console.print(escape(over.text))


async def demo(options: argparse.Namespace) -> None:
    """Two screens, a phone and five robots, with a server of their own."""
    console.print(
        "Starting a private XMPP server, the game, two screens and a phone ..."
    )
    with tempfile.TemporaryDirectory(prefix="chase-") as folder:
        place = Path(folder), chosen_city(options)
        async with open_demo(*place, seconds=options.seconds) as addresses:
            console.print()
            for name, address in addresses.items():
                console.print(f"  {name:14} [bold]{address}[/]")
            console.print(HELP)
            await stopped()
            console.print("Ending the demo ...")
    console.print("Everything of the demo is gone.")


async def headless(options: argparse.Namespace) -> bool:
    """A whole game without a person; whether all of it held."""
    result: dict[str, Any] = {"ok": False}
    with tempfile.TemporaryDirectory(prefix="chase-") as folder:
        try:
            figures = await go_round(Path(folder), chosen_city(options))
            result = {"ok": True} | figures
        except (MobilityError, TimeoutError) as exc:
            result["error"] = str(exc) or "Something took too long."
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            console.print(f"{key:16} {value}")
    return bool(result["ok"])


async def stopped() -> None:
    """Wait until the person ends it."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, done.set)
    await done.wait()


async def city(options: argparse.Namespace) -> None:
    """Print a city as GeoJSON: to look at, or to change and give to `service`."""
    print(geojson(chosen_city(options)))


def chosen_city(options: argparse.Namespace) -> City:
    return read_city(options.city) if options.city else generate(options.seed)


# What is asked for is asked before the event loop runs: Ctrl-C ends the question then.


def ask_secret() -> str:
    """
    The secret of the component, or the password of the account.

    Raises:
        SettingsError: There is none, and nobody to ask.

    """
    if known := os.environ.get("MOBILITY_SECRET"):
        return known
    if not sys.stdin.isatty():
        raise SettingsError("Nobody is there to type the secret: set MOBILITY_SECRET.")
    return getpass.getpass("Secret: ")


def ask_accounts() -> list[tuple[str, str]]:
    """
    What is typed, or piped, until an empty line.

    Raises:
        SettingsError: That is no accounts.

    """
    if sys.stdin.isatty():
        console.print("An address and a password a line, and an empty line at the end:")
    accounts = []
    for line in iter(lambda: sys.stdin.readline().strip(), ""):
        jid, _, password = line.partition(" ")
        if not password:
            raise SettingsError("Each line is an address, a space and a password.")
        accounts.append((jid, password.strip()))
    if not accounts:
        raise SettingsError("No robots: give an address and a password a line.")
    return accounts


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.chase", description=__doc__
    )
    parser.set_defaults(ask=None, headless=False, json=False)
    roles = parser.add_subparsers(required=True)
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--host")
    where.add_argument("--port", type=int)
    where.add_argument("--ca-file", type=Path)
    map = argparse.ArgumentParser(add_help=False)
    map.add_argument("--city", type=Path, help="a GeoJSON file of your own")
    map.add_argument("--seed", type=int, default=1, help="of a generated city")
    one = roles.add_parser("service", parents=[where, map], help=service.__doc__)
    one.add_argument("jid", help="a component's domain or a JID; MOBILITY_SECRET")
    one.add_argument("--players", type=int, default=6)
    one.add_argument("--rounds", type=int, default=12)
    one.add_argument("--seconds", type=float, default=30.0)
    one.set_defaults(run=service, ask=ask_secret)
    other = roles.add_parser("robots", parents=[where], help=robots.__doc__)
    other.add_argument("service", help="the game's JID")
    other.add_argument("--ride", type=float, default=4.0, help="seconds of a ride")
    track = "a GPX file for the next robot"
    other.add_argument("--track", type=Path, action="append", default=[], help=track)
    other.set_defaults(run=robots, ask=ask_accounts)
    show = roles.add_parser("demo", parents=[map], help=demo.__doc__)
    show.add_argument("--seconds", type=float, default=30.0)
    show.add_argument("--headless", action="store_true", help=headless.__doc__)
    show.add_argument("--json", action="store_true", help="with --headless")
    show.set_defaults(run=demo)
    third = roles.add_parser("city", parents=[map], help=city.__doc__)
    third.set_defaults(run=city)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    try:
        if options.json and not options.headless:
            raise SettingsError("--json goes with --headless.")
        if options.headless:
            raise SystemExit(0 if asyncio.run(headless(options)) else 1)
        asked = [options.ask()] if options.ask else []
        asyncio.run(options.run(options, *asked))
    except (MobilityError, BadCity, BadTrack, ValueError) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
