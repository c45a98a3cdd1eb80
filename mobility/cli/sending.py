"""`mobility send`: have a session go on elsewhere, from any program of the account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mobility.cli.choosing import chosen, device_names, once_online, targets
from mobility.cli.control import agreed
from mobility.cli.lines import Lines
from mobility.cli.sessions import observed, shown
from mobility.cli.settings import Account, load_account
from mobility.dispatch import bare
from mobility.errors import TransferAborted, TransferRefused
from mobility.own.device import Device
from mobility.own.directory import Directory, ListedSession
from mobility.own.holding import EXPIRES
from mobility.own.requesting import check_online
from mobility.own.requesting import send as ask_to_send

__all__ = ["send"]

console = Console(highlight=False)
LATE = EXPIRES.total_seconds() + 30  # seconds until it is somewhere, or stays


def send(
    to: Annotated[
        list[str],
        typer.Option(
            help="Name or code of a device, or all: the first that takes it has it."
        ),
    ],
    session: Annotated[
        str | None,
        typer.Argument(help="Its number or ID in mobility sessions, or its title."),
    ] = None,
) -> None:
    """Have a session go on at another of your devices."""
    account = load_account()
    names = device_names(to, bare(account.jid))
    if not asyncio.run(_send(account, session, names)):
        console.print(
            "\nStopped waiting. A device that was offered it may take it still."
        )
        raise typer.Exit(130)


async def _send(account: Account, wanted: str | None, to: Sequence[str]) -> bool:
    """Whether it was waited for until it was there."""
    lines = Lines()
    async with observed(account) as directory:
        place = await lines.unless_stopped(_sent(directory, wanted, to, lines))
    return place is not None


async def _sent(
    directory: Directory, wanted: str | None, to: Sequence[str], lines: Lines
) -> str:
    """Where it goes on."""
    now = await directory.all()
    listed = await _asked(now, lines) if wanted is None else chosen(now, wanted)
    listed = await once_online(listed, directory.watch())
    check_online(listed)
    able, why_not = targets(await directory.devices(), listed, to)
    for problem in why_not:
        console.print(f"[yellow]{escape(problem)}[/]")
    title = escape(listed.title or listed.app)
    if wanted is None:  # any page can have the link of a device opened
        await _check_wish(f"Have {title} go on at {escape(_names(able))}?", lines)
    console.print(f"Asking {escape(listed.owner_name)} to give {title} away …")
    await ask_to_send(directory, listed, able)
    console.print(f"It is offered to {escape(_names(able))}.")
    place = await _settled(directory, listed, able)
    console.print(f"[green]{title} goes on at {escape(place)}.[/]")
    return place


async def _asked(now: Sequence[ListedSession], lines: Lines) -> ListedSession:
    """Which one, if there are several."""
    if len(now) < 2:
        return chosen(now, "1")
    console.print(shown(now))
    console.print("Which one? ", end="")
    typed = (await lines.next()).strip()
    if lines.ended:
        console.print()
    if not typed:
        raise TransferAborted("Nothing has moved.")
    return chosen(now, typed)


async def _check_wish(question: str, lines: Lines) -> None:
    if not await agreed(lines, console, question):
        raise TransferAborted("Nothing has moved.")


async def _settled(
    directory: Directory, listed: ListedSession, able: Sequence[Device]
) -> str:
    """Where it goes on."""
    try:
        async with asyncio.timeout(LATE), aclosing(directory.watch()) as lists:
            async for now in lists:
                for each in now:
                    if each.id == listed.id and each.owner in {d.id for d in able}:
                        return each.owner_name
    except TimeoutError:
        pass
    raise TransferRefused(
        f"Nobody took it in time. It stays with {listed.owner_name}.",
        condition="declined",
    )


def _names(devices: Sequence[Device]) -> str:
    return ", ".join(device.name for device in devices)
