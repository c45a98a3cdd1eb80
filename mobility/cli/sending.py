"""`mobility send`: have a session go on elsewhere, from any program of the account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mobility.cli.choosing import chosen, targets
from mobility.cli.sessions import observed
from mobility.cli.settings import Account, load_account
from mobility.device import Device
from mobility.directory import Directory, ListedSession
from mobility.errors import TransferRefused
from mobility.holding import EXPIRES
from mobility.requesting import send as ask_to_send

__all__ = ["send"]

console = Console(highlight=False)
LATE = EXPIRES.total_seconds() + 30  # seconds until it is somewhere, or stays


def send(
    session: Annotated[
        str,
        typer.Argument(help="Its number or ID in mobility sessions, or its title."),
    ],
    to: Annotated[
        list[str],
        typer.Option(help="Name of a device, or all; the first that takes it has it."),
    ],
) -> None:
    """Have a session go on at another of your devices."""
    try:
        asyncio.run(_send(load_account(), session, to))
    except KeyboardInterrupt:
        console.print(
            "\nStopped waiting. A device that was offered it may take it still."
        )
        raise typer.Exit(130) from None


async def _send(account: Account, wanted: str, to: Sequence[str]) -> None:
    async with observed(account) as directory:
        listed = chosen(await directory.all(), wanted)
        able, why_not = targets(await directory.devices(), listed, to)
        for problem in why_not:
            console.print(f"[yellow]{escape(problem)}[/]")
        title, owner = escape(listed.title or listed.app), escape(listed.owner_name)
        console.print(f"Asking {owner} to give {title} away …")
        await ask_to_send(directory, listed, able)
        console.print(f"It is offered to {escape(_names(able))}.")
        place = await _settled(directory, listed, able)
        console.print(f"[green]{title} goes on at {escape(place)}.[/]")


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
