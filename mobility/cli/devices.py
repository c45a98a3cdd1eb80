"""`mobility devices`: the user's own devices, from any of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from mobility.cli.choosing import device_names
from mobility.cli.history import moment
from mobility.cli.scan import read_file
from mobility.cli.settings import Account, load_account
from mobility.cli.watching import watched
from mobility.dispatch import bare
from mobility.own.acquaintances import Acquaintances, found
from mobility.own.device import Device
from mobility.own.observing import observing
from mobility.protocol.filtering import Way

__all__ = ["devices", "short"]

console = Console(highlight=False)
devices = typer.Typer(
    invoke_without_command=True,
    help="List, name, compare and forget your own devices.",
)
_MOST_SHOWN = 8  # apps of a device
_LONGEST = 100  # characters of one
Wanted = Annotated[str, typer.Argument(help="Its name or id.", metavar="DEVICE")]


@devices.callback()
def listed(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on showing them, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="For programs: one JSON object; one a line to watch."
        ),
    ] = False,
) -> None:
    """List your devices: those that are connected now, and those seen before."""
    if context.invoked_subcommand is not None:
        return
    show = _print_json if as_json else _print
    if watch:
        _run(lambda known: _watch(known, as_json=as_json))
    else:
        _run(lambda known: _once(known, show))


@devices.command()
def rename(
    device: Wanted,
    name: Annotated[
        str, typer.Argument(help="What to call it; its own name again, if left out.")
    ] = "",
) -> None:
    """Call a device something else, on all your devices."""

    async def run(known: Acquaintances) -> None:
        wanted = found(await known.all(), device)
        await known.rename(wanted, name)
        now = known.device(wanted.id) or wanted
        console.print(f"{escape(wanted.name)} is called {escape(now.name)} now.")

    _run(run)


@devices.command()
def forget(device: Wanted) -> None:
    """Take a device that you do not use any more off the list, everywhere."""

    async def run(known: Acquaintances) -> None:
        wanted = found(await known.all(), device)
        await known.forget(wanted)
        console.print(
            f"{escape(wanted.name)} is forgotten. If it logs in again, it is back: "
            "only a new password keeps it out."
        )

    _run(run)


@devices.command()
def verify(
    fingerprint: Annotated[
        list[str] | None,
        typer.Argument(
            help="As the other device shows it of itself, or what its code says."
        ),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="A photo of its code, or the file of a tag.")
    ] = None,
) -> None:
    """
    Note that you have compared a device: its fingerprint, or the code on its screen.

    Without one, show the fingerprints of all your devices.
    """
    account = load_account()
    said = " ".join(fingerprint or []) if image is None else read_file(image)
    (name,) = device_names([said], bare(account.jid))

    async def compare(known: Acquaintances) -> None:
        device = await known.verify(name)
        console.print(f"[green]{escape(device.name)}[/] is the device in your hands.")

    async def show(known: Acquaintances) -> None:
        for device in await known.all():
            if device.id:
                console.print(f"{_named(device)}\n{device.fingerprint}")

    _run(compare if name else show)


def _run(job: Callable[[Acquaintances], Awaitable[None]]) -> None:
    account = load_account()  # a loop would keep Ctrl-C from who is asked for it

    async def run() -> None:
        async with _observing(account) as known:
            await job(known)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _observing(account: Account) -> AbstractAsyncContextManager[Acquaintances]:
    options = account.options()
    del options["device"]
    return observing(account.jid, account.password, **options)


async def _once(known: Acquaintances, show: Callable[[list[Device]], None]) -> None:
    show(await known.all())


async def _watch(known: Acquaintances, *, as_json: bool) -> None:
    async with aclosing(known.watch()) as lists:
        if as_json:
            async for now in lists:
                _print_line(now)
            return
        with watched(console) as show:
            async for now in lists:
                show(_shown(now))


def _print(now: list[Device]) -> None:
    console.print(_shown(now))


def _print_json(now: list[Device]) -> None:
    print(json.dumps({"devices": [_fields(each) for each in now]}, indent=2))


def _print_line(now: list[Device]) -> None:
    print(json.dumps({"devices": [_fields(each) for each in now]}), flush=True)


def _shown(now: list[Device]) -> RenderableType:
    if not now:
        return "No device has logged in to this account yet."
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("Device", overflow="fold", ratio=2)
    table.add_column("State", overflow="fold", ratio=2)
    table.add_column("Takes", overflow="fold", ratio=3)
    table.add_column("Filter", overflow="fold", ratio=1)
    for device in now:
        cells = _named(device), _state(device), _takes(device), _filter(device)
        table.add_row(*cells)
    return table


def _named(device: Device) -> str:
    marks = ["this device"] * device.this + ["compared"] * device.verified
    kind = escape(", ".join([device.kind or "unknown", *marks]))
    return f"[bold]{escape(device.name)}[/]\n[dim]{kind}[/]"


def _state(device: Device) -> str:
    if device.online:
        return "[yellow]busy[/]" if device.busy else "[green]online[/]"
    return f"away\n[dim]seen {moment(device.seen)}[/]" if device.seen else "away"


def _takes(device: Device) -> str:
    if not device.id:
        return "[dim]nothing: another program[/]"
    apps = sorted(device.apps.items())
    lines = [
        escape(f"{short(uri)} {schema}{_parts(device.parts.get(uri, ()))}"[:_LONGEST])
        for uri, schema in apps[:_MOST_SHOWN]
    ]
    if len(apps) > _MOST_SHOWN:
        lines.append(f"[dim]and {len(apps) - _MOST_SHOWN} more[/]")
    return "\n".join(lines) or "[dim]nothing[/]"


_FILTERS = {
    Way.SERVICE: "the app's service",
    Way.SERVER: "your server",
    Way.RELAY: "a phone",
}


def _filter(device: Device) -> str:
    """Who keeps from it what its parts do not listen to, beside the device itself."""
    return _FILTERS.get(device.way, "") if device.way else ""


def short(uri: str) -> str:
    """An app as people call it: the last word of its URI."""
    return uri.rstrip("/").replace("/", ":").rpartition(":")[2] or uri


def _parts(parts: tuple[str, ...]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def _fields(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "name": device.name,
        "kind": device.kind,
        "jid": device.jid,
        "online": device.online,
        "busy": device.busy,
        "this": device.this,
        "verified": device.verified,
        "fingerprint": device.fingerprint,
        "seen": device.seen.isoformat(timespec="seconds") if device.seen else None,
        "client": device.client,
        "filter": device.way,
        "size": device.size,
        "apps": [
            {"uri": uri, "schema": schema, "parts": [*device.parts.get(uri, ())]}
            for uri, schema in sorted(device.apps.items())
        ],
    }
