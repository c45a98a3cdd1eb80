"""
A talk on several devices: `python -m examples.desk demo`, `... talk` and `... device`.

`talk` and `device` find the account as the commands of `mobility` do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from examples.desk.demo import SPREAD, go_round, open_desks
from examples.desk.desk import Desk, read_notes
from examples.desk.device import Device
from examples.desk.laptop import Laptop
from examples.desk.window import opened
from mobility import Client, MobilityError, SettingsError
from mobility.cli.presenter import load_presenter
from mobility.cli.rounds import open_place
from mobility.cli.settings import load_account

NOTES = Path(__file__).with_name("notes.txt")


def load_desk(doc: Path | None, notes: Path | None) -> Desk:
    """
    The talk, or the sample.

    Raises:
        SettingsError: If one of the files cannot be used.

    """
    slides = load_presenter(doc, 1)
    try:
        text = (notes or NOTES).read_text("utf-8") if notes or doc is None else ""
    except OSError as exc:
        raise SettingsError(f"{notes} cannot be read: {exc.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{notes} is not a text (UTF-8).") from None
    return Desk(slides.document, title=slides.title, notes=read_notes(text))


async def stopped() -> None:
    """Wait until the person ends it."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, done.set)
    await done.wait()


# --- one device -----------------------------------------------------------------------


async def talk(options: argparse.Namespace) -> None:
    """Have a talk here, and its parts wherever the page says; or go on with one."""
    desk = load_desk(options.doc, options.notes)
    client = _client(options.name)
    own = opened(client, lambda *it: Laptop(it[0], desk, show=it[1]))
    async with own as (laptop, page):
        await laptop.go_on()
        print(page, flush=True)
        await stopped()


async def device(options: argparse.Namespace) -> None:
    """Show here what is sent here."""
    client = _client(options.name)
    async with opened(client, lambda *it: Device(it[0], show=it[1])) as (_, page):
        print(page, flush=True)
        await stopped()


def _client(name: str) -> Client:
    account = load_account()
    account = replace(account, device=name, data=account.data / "desk")
    return Client(
        account.jid, account.password, kind="pc", apps=[Desk], **account.options()
    )


# --- four devices ---------------------------------------------------------------------


async def demo(options: argparse.Namespace) -> None:
    """Four devices of one person on this machine, with a server of their own."""
    desk = load_desk(options.doc, options.notes)
    print("Starting a private XMPP server and four devices ...")
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-"))
        place = await stack.enter_async_context(open_place(Path(folder)))
        desks = await stack.enter_async_context(
            open_desks(place, desk, substitutes={"slides": "Tablet"})
        )
        await desks.laptop.place(SPREAD)
        for name, address in desks.addresses.items():
            print(f"  {name:8} {address}")
        print(
            "Open all four. The laptop says where each part is; the phone turns the\n"
            "pages of the wall. Ctrl-C ends the demo.",
            flush=True,
        )
        await stopped()
        print("Ending the demo ...")
    print("Everything of the demo is gone.")


async def headless(options: argparse.Namespace) -> bool:
    """A whole round without a person; whether all of it held."""
    result: dict[str, Any] = {"ok": False}
    with tempfile.TemporaryDirectory(prefix="desk-") as folder:
        try:
            async with open_place(Path(folder)) as place:
                desk = load_desk(options.doc, options.notes)
                result = {"ok": True} | await go_round(place, desk)
        except (MobilityError, TimeoutError) as exc:
            result["error"] = str(exc) or "Something took too long."
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{key:16} {value}" for key, value in result.items()))
    return bool(result["ok"])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.desk", description=__doc__
    )
    parser.set_defaults(headless=False, json=False)
    roles = parser.add_subparsers(required=True)
    for run in (demo, talk):
        role = roles.add_parser(run.__name__, help=run.__doc__)
        role.add_argument("--doc", type=Path, help="the PDF; else the sample")
        role.add_argument("--notes", type=Path, help="text; --- begins the next page")
        role.set_defaults(run=run)
        if run is demo:
            role.add_argument("--headless", action="store_true")
            role.add_argument("--json", action="store_true")
        else:
            role.add_argument("--name", default="Laptop")
    role = roles.add_parser("device", help=device.__doc__)
    role.add_argument("name", help="what your other devices call it")
    role.set_defaults(run=device)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    try:
        if options.json and not options.headless:
            raise SettingsError("--json goes with --headless.")
        if options.headless:
            raise SystemExit(0 if asyncio.run(headless(options)) else 1)
        asyncio.run(options.run(options))
    except MobilityError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
