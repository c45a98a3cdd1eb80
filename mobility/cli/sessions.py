"""`mobility sessions`: what runs on the user's devices, seen by an onlooker."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mobility.cli.devices import short
from mobility.cli.history import moment
from mobility.cli.settings import Account, load_account
from mobility.cli.watching import watched
from mobility.own.directory import Directory, ListedSession, observing

__all__ = ["observed", "sessions", "shown"]

console = Console(highlight=False)
Show = Callable[[list[ListedSession]], None]


def sessions(
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and show whatever changes.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: an array, on one line a list.")
    ] = False,
) -> None:
    """List what runs on your devices, and where it is now."""
    account = load_account()
    if not watch:
        (_in_json if as_json else _in_print)(asyncio.run(_once(account)))
        return
    with contextlib.suppress(KeyboardInterrupt):
        if as_json:
            asyncio.run(_watch(account, _in_json))
            return
        with watched(console) as show:
            asyncio.run(_watch(account, lambda now: show(shown(now))))


async def _once(account: Account) -> list[ListedSession]:
    async with observed(account) as directory:
        return await directory.all()


async def _watch(account: Account, show: Show) -> None:
    async with (
        observed(account) as directory,
        aclosing(directory.watch()) as lists,
    ):
        async for listed in lists:
            show(listed)


def observed(account: Account) -> AbstractAsyncContextManager[Directory]:
    """The sessions of the account, without being one of its devices."""
    options = account.options()
    del options["device"], options["data"]
    return observing(account.jid, account.password, **options)


def _in_json(listed: list[ListedSession]) -> None:
    print(json.dumps([_fields(each) for each in listed]), flush=True)


def _in_print(listed: list[ListedSession]) -> None:
    console.print(shown(listed))


def shown(listed: Sequence[ListedSession]) -> RenderableType:
    """A table for people, each with its number."""
    if not listed:
        return "None of your devices lists a session."
    table = Table(box=None, padding=(0, 2, 1, 0), pad_edge=False)
    table.add_column("#", no_wrap=True)
    table.add_column("ID", no_wrap=True)
    table.add_column("Session", overflow="fold")
    for number, each in enumerate(listed, 1):
        table.add_row(str(number), escape(each.id), _lines(each))
    return table


def _lines(each: ListedSession) -> Text:
    lines = [Text(each.title, style="bold")] if each.title else []
    lines.append(Text(short(each.app), style="dim" if each.title else "bold"))
    lines.append(Text(f"on {each.place} since {moment(each.since)}"))
    if each.owner_name != each.place:
        lines.append(Text(f"belongs to {each.owner_name}"))
    if not each.online:
        lines.append(Text(f"{each.owner_name} is offline", style="yellow"))
    return Text("\n").join(lines)


def _fields(each: ListedSession) -> dict[str, Any]:
    return {
        "id": each.id,
        "app": each.app,
        "schema": each.schema,
        "title": each.title,
        "epoch": each.epoch,
        "owner": each.owner,
        "owner_name": each.owner_name,
        "owner_online": each.online,
        "place": each.place,
        "since": each.since.isoformat(timespec="seconds"),
        "size": each.size,
    }
