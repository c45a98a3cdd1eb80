"""`mobility visits` and `mobility revoke`: what goes on, from any own device."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mobility.cli.history import LEVELS, moment, screen
from mobility.cli.settings import Account, load_account
from mobility.visit.visits import ActiveVisit, Revoked, VisitList, Visits, overseeing

__all__ = ["revoke", "visits"]

console = Console(highlight=False)
_STATES = {"waiting": "not there yet", "hibernating": "its connection is cut"}


def visits(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: one JSON object.")
    ] = False,
) -> None:
    """List the screens that your devices have let in, and are there now."""
    found = asyncio.run(_visits(load_account()))
    if as_json:
        fields = [_fields(visit) for visit in found.visits]
        print(json.dumps({"visits": fields, "problem": found.problem}, indent=2))
        return
    if found.visits:
        console.print(_table(found.visits))
        console.print("[bold]mobility revoke ID[/] ends one.")
    elif not found.problem:
        console.print("No screen is let in.")
    if found.problem:
        console.print(f"[yellow]{escape(found.problem)}[/]")


async def _visits(account: Account) -> VisitList:
    async with _overseeing(account) as visits:
        return await visits.all()


def _overseeing(account: Account) -> AbstractAsyncContextManager[Visits]:
    options = account.options()
    del options["device"]
    return overseeing(account.jid, account.password, **options)


def _table(found: tuple[ActiveVisit, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), pad_edge=False)
    table.add_column("ID", no_wrap=True)
    table.add_column("Screen's server", overflow="fold")
    table.add_column("Visit", overflow="fold")
    for visit in found:
        device = [f"let in by {escape(visit.device)}"] if visit.device else []
        what = "\n".join([_what(visit), *device, *_when(visit)])
        table.add_row(escape(visit.id), _screen(visit), what)
    return table


def _screen(visit: ActiveVisit) -> str:
    if not visit.domain:
        return f"[dim]one of your devices calls it[/] {escape(visit.name)}"
    return screen(visit.domain, visit.name)


def _what(visit: ActiveVisit) -> str:
    state = _STATES.get(visit.state)
    return f"{LEVELS[visit.level]} ({state})" if state else LEVELS[visit.level]


def _when(visit: ActiveVisit) -> tuple[str, str]:
    return f"since {moment(visit.since)}", f"until {moment(visit.until)}"


def revoke(
    id: Annotated[str, typer.Argument(help="As `mobility visits` shows it.")],
) -> None:
    """End a visit now, whatever the screen does; from any device."""
    revoked = asyncio.run(_revoke(load_account(), id))
    console.print(_outcome(revoked))


async def _revoke(account: Account, id: str) -> Revoked:
    async with _overseeing(account) as visits:
        return await visits.revoke(id)


def _outcome(revoked: Revoked) -> str:
    visit = revoked.visit
    out = f"{escape(visit.name or visit.domain)} is out."
    if revoked.told:
        device = escape(visit.device)
        return f"{out} What was there goes on at {device}, as it was last saved there."
    device = escape(visit.device or "The device that let it in")
    return (
        f"{out} {device} does not answer: what was there comes back to it when it "
        "starts again (mobility reclaim)."
    )


def _fields(visit: ActiveVisit) -> dict[str, Any]:
    return {
        "id": visit.id,
        "level": visit.level.value,
        "domain": visit.domain,
        "claimed_name": visit.name,
        "device": visit.device,
        "since": visit.since.isoformat(timespec="seconds"),
        "until": visit.until.isoformat(timespec="seconds"),
        "resource": visit.resource,
        "state": visit.state,
        "address": visit.address,
    }
