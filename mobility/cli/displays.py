"""`mobility displays`: which screens there are, and how far each is."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mobility.cli.history import moment, screen
from mobility.cli.settings import load_account, load_guest
from mobility.errors import InvalidState, SettingsError
from mobility.protocol.place import Coordinates
from mobility.public.places import (
    DisplayList,
    ListedDisplay,
    Places,
    looking,
    looking_as_guest,
)

__all__ = ["displays"]

console = Console(highlight=False)
_GUESTS = "guests"  # the domain below a server's where `mobility server` lets them in


def displays(
    near: Annotated[
        str | None,
        typer.Option(
            metavar="LAT,LON", help="Measure from here; it stays on this device."
        ),
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(metavar="KM", min=0, help="None that are farther from there."),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVER", help="A venue's server, instead of yours; repeatable."
        ),
    ] = None,
    guest: Annotated[
        bool, typer.Option("--guest", help="Ask as a guest of SERVER, without account.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: one JSON object.")
    ] = False,
) -> None:
    """List the public displays of a venue's server, and where they are."""
    here = _here(near, within)
    found = asyncio.run(_displays(on or [], here, guest=guest))
    shown = [display for display in found.displays if _is_within(display, within)]
    if as_json:
        fields = [_fields(display) for display in shown]
        print(json.dumps({"displays": fields, "problems": found.problems}, indent=2))
        return
    if shown:
        console.print(_table(shown))
        console.print("To use one, go there and scan its code: [bold]mobility visit[/]")
    else:
        console.print(_nothing(found.displays, within))
    for problem in found.problems:
        console.print(f"[yellow]{escape(problem)}[/]")


def _here(near: str | None, within: float | None) -> Coordinates | None:
    if near is None:
        if within is not None:
            raise SettingsError("--within needs --near: within so many km of where?")
        return None
    try:
        return Coordinates.parse(near)
    except InvalidState as exc:
        raise SettingsError(f"--near: {exc}") from None


async def _displays(
    on: list[str], near: Coordinates | None, *, guest: bool
) -> DisplayList:
    async with _asking(on, guest=guest) as places:
        return await places.displays(on, near=near)


def _asking(on: list[str], *, guest: bool) -> AbstractAsyncContextManager[Places]:
    if guest:
        if len(on) != 1:
            raise SettingsError("A guest asks one server: name it with --on.")
        return looking_as_guest(f"{_GUESTS}.{on[0]}", **_where_is(load_guest(on[0])))
    account = load_account()
    where = _where_is(account.options())
    return looking(account.jid, account.password, **where)


def _where_is(options: dict[str, Any]) -> dict[str, Any]:
    """Of the options of a device, those that are about its server."""
    return {key: options[key] for key in ("host", "port", "ca_file")}


def _is_within(display: ListedDisplay, within: float | None) -> bool:
    """A display whose place nobody knows is not near."""
    if within is None:
        return True
    return display.distance is not None and display.distance <= within * 1000


def _nothing(found: tuple[ListedDisplay, ...], within: float | None) -> str:
    if not found:
        return "No display is listed there."
    far = [each.distance for each in found if each.distance is not None]
    if not far:
        return "No display says how far it is. Without --within you see all."
    return f"No display within {within:g} km. The nearest is {_length(min(far))} away."


def _table(found: list[ListedDisplay]) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), pad_edge=False)
    measured = any(display.distance is not None for display in found)
    if measured:
        table.add_column("Away", justify="right", no_wrap=True)
    table.add_column("Screen's server", overflow="fold")
    table.add_column("Says it is", overflow="fold")
    for display in found:
        away = "?" if display.distance is None else _length(display.distance)
        cells = [_who(display), "\n".join(_spot(display))]
        table.add_row(*([away] if measured else []), *cells)
    return table


def _who(display: ListedDisplay) -> str:
    of = f"\n[dim]of[/] {escape(display.operator)}" if display.operator else ""
    return f"{screen(display.domain, display.name)}{of}"


def _spot(display: ListedDisplay) -> list[str]:
    spot, where = display.spot, display.spot.coordinates
    inside = [f"floor {spot.floor}" if spot.floor else "", spot.room]
    house = ", ".join(filter(None, [spot.building, *inside]))
    lines = [escape(line) for line in (house, spot.text) if line]
    if where is not None:
        lines.append(f"[dim]{where.lat:.5f}, {where.lon:.5f}[/]")
    if display.silent:
        lines.append(f"[yellow]may be off: not heard since {moment(display.heard)}[/]")
    elif display.in_use is not None:
        lines.append("in use" if display.in_use else "free")
    return lines or ["[dim]nothing about its place[/]"]


def _length(metres: float) -> str:
    """As exact as it helps somebody who walks there."""
    if metres < 995:
        return f"{round(metres, -1 if metres >= 100 else 0):.0f} m"
    return f"{metres / 1000:.1f} km" if metres < 99_950 else f"{metres / 1000:,.0f} km"


def _fields(display: ListedDisplay) -> dict[str, Any]:
    spot, where = display.spot, display.spot.coordinates
    return {
        "domain": display.domain,
        "id": display.id,
        "claimed_name": display.name,
        "claimed_operator": display.operator,
        "lat": where and where.lat,
        "lon": where and where.lon,
        "building": spot.building,
        "floor": spot.floor,
        "room": spot.room,
        "text": spot.text,
        "distance_metres": display.distance and round(display.distance, 1),
        "apps": dict(display.apps),
        "heard": display.heard.isoformat(timespec="seconds"),
        "may_be_off": display.silent,
        "in_use": display.in_use,
    }
