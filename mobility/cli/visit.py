"""`mobility visit` and `mobility reclaim`: the phone as a command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mobility.cli import progress, scan
from mobility.cli.control import control, keys
from mobility.cli.history import duration
from mobility.cli.lines import Lines
from mobility.cli.presenter import load_presenter
from mobility.cli.saving import saved
from mobility.cli.settings import Account, load_account, load_guest
from mobility.client import Client
from mobility.errors import MobilityError, SessionAway, SettingsError
from mobility.moved import MovedSession
from mobility.own import awake
from mobility.protocol.delegation import Level
from mobility.protocol.invitation import Invitation
from mobility.visit.history import Ending
from mobility.visit.introduction import Introduction
from mobility.visit.screen import Screen

__all__ = ["reclaim", "visit"]

console = Console(highlight=False)
LEAVE = {"": "take it back"}
_BY_SCREEN = "%s ended the visit."
_ENDINGS = {
    Ending.REVOKED: "The visit of %s was revoked.",
    Ending.TIME: "The time at %s is over.",
    Ending.IDLE: "Nothing has happened at %s for long, so the visit is over.",
}


def visit(
    uri: Annotated[
        str | None,
        typer.Argument(help="What the screen's code says; asked for if left out."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="A photo of the code instead.")
    ] = None,
    doc: Annotated[
        Path | None, typer.Option(help="The PDF to present; else the sample.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="The page to begin at.")] = 1,
    hours: Annotated[
        float, typer.Option(min=0.01, max=24, help="End the visit after so many hours.")
    ] = 4.0,
    level: Annotated[
        Level,
        typer.Option(help="What the screen may be: a guest, or logged in as you."),
    ] = Level.GUEST,
    guest: Annotated[
        bool,
        typer.Option(
            "--guest", help="You have no account; where the screen allows it."
        ),
    ] = False,
) -> None:
    """Show a document on a public screen, and take it back."""
    if guest and level is not Level.GUEST:
        raise SettingsError(
            "Without an account there is nothing that a screen could log in to. "
            "Leave --guest out, or --level."
        )
    account = None if guest else load_account()
    presenter = load_presenter(doc, page)
    invitation = scan.invitation(uri, image)
    phone = partial(_phone, account, invitation)
    terms = {"lifetime": timedelta(hours=hours), "level": level}
    asyncio.run(_visit(phone, invitation, presenter, terms))


def _phone(account: Account | None, invitation: Invitation) -> Client:
    if account is not None:
        return Client(account.jid, account.password, **account.options())
    if not invitation.guests:
        raise SettingsError(
            "This screen takes no guests. Set up an account, and leave --guest out."
        )
    return Client.guest(invitation.guests, **load_guest(invitation.guests))


async def _visit(
    connect: Callable[[], Client],
    invitation: Invitation,
    presenter: Any,
    terms: dict[str, Any],
) -> None:
    lines = Lines()
    async with (
        connect() as phone,
        awake.watching(phone.stream.check),
        phone.visit(
            invitation,
            approve=lambda introduction: _approve(introduction, lines),
            apps=[presenter.uri],
            **terms,
        ) as screen,
    ):
        moved = await _hand_over(phone, presenter, screen)
        console.print(f"[green]On {escape(screen.name)} now.[/]")
        console.print(keys(LEAVE))
        await _control(presenter, moved, screen, lines)
        await _take_back(moved, lines)
        console.print(f"Here again, at page {presenter.page}.")
    if screen.clean:
        console.print(f"{escape(screen.name)} reports that nothing of yours is left.")
    else:
        console.print(f"{escape(screen.name)} could not confirm that it is clean.")


async def _approve(introduction: Introduction, lines: Lines) -> str | None:
    if introduction.tries_left == 3:
        console.print(_question(introduction))
    else:
        console.print(
            f"[red]Those are not the digits on the screen.[/] "
            f"Tries left: {introduction.tries_left}."
        )
    while True:
        console.print(
            "Type the two digits that the screen shows (Enter to decline): ", end=""
        )
        typed = (await lines.next()).strip()
        if not typed or (len(typed) == 2 and typed.isdecimal()):
            return typed or None
        console.print("The screen shows two digits, and nothing else counts.")


def _question(introduction: Introduction) -> Panel:
    """Who wants to be let in, as what, and what that gives away."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_row("Server", f"[bold]{escape(introduction.domain)}[/] (verified)")
    for label, claim in (
        ("Name", introduction.name),
        ("Operator", introduction.operator),
        ("Place", introduction.place),
    ):
        if claim:
            facts.add_row(label, f"{escape(claim)} [dim](what it says of itself)[/]")
    facts.add_row("App", escape(", ".join(introduction.apps or ("any",))))
    facts.add_row("Enters", f"[bold]{introduction.enters}[/]")
    if introduction.level is not Level.GUEST:
        facts.add_row("Account", escape(introduction.account))
        facts.add_row("Talks to", escape(introduction.reaches))
    facts.add_row("Until", f"you leave, at most {duration(introduction.lifetime)}")
    style = "default" if introduction.harmless else "yellow"
    facts.add_row("Gives away", Text(introduction.gives, style))
    return Panel(facts, title="Let this screen in?", expand=False)


async def _hand_over(phone: Client, presenter: Any, screen: Screen) -> MovedSession:
    with progress.shown(console, f"To {screen.name}") as report:
        return await phone.transfer(presenter, to=screen, progress=report)


async def _control(
    presenter: Any, moved: MovedSession, screen: Screen, lines: Lines
) -> None:
    """Obey the user until they want it back, or the screen ends the visit."""
    over = moved.ended()
    if await control(presenter, lines, console, until=over, leave=LEAVE) is None:
        console.print(_ending(screen))


def _ending(screen: Screen) -> str:
    sentence = _ENDINGS.get(screen.ending or Ending.DISPLAY, _BY_SCREEN)
    return sentence % escape(screen.name)


async def _take_back(moved: MovedSession, lines: Lines) -> None:
    while moved.away:
        try:
            await _retrieve(moved)
        except SessionAway as exc:
            console.print(f"[yellow]{escape(str(exc))}[/]")
            if lines.ended:
                raise  # nobody is there to ask; `mobility reclaim` takes it back later
            console.print(
                "Take it back as last saved (y), or try again (Enter)? ", end=""
            )
            if (await lines.next()).strip().lower().startswith("y"):
                await moved.reclaim()


async def _retrieve(moved: MovedSession) -> None:
    console.print(f"Taking it back from {escape(moved.place)} ...")
    with progress.shown(console, f"From {moved.place}") as report:
        await moved.retrieve(progress=report)


def reclaim(
    save: Annotated[
        Path, typer.Option(help="Folder for the documents of these sessions.")
    ] = Path(),
) -> None:
    """Take back what was on a screen when this phone was cut off."""
    account = load_account()
    if not save.is_dir():
        raise SettingsError(f"There is no folder {save}.")
    asyncio.run(_reclaim(account, save))


async def _reclaim(account: Account, folder: Path) -> None:
    factory = load_presenter(None, 1).__class__
    async with Client(account.jid, account.password, **account.options()) as phone:
        away = phone.away(factory)
        if not away:
            console.print("Nothing of yours is away.")
        for moved in away:
            try:
                await _retrieve(moved)
            except MobilityError as exc:
                console.print(f"[yellow]{escape(str(exc))}[/] It is, now.")
                await moved.reclaim()
            path = escape(str(await saved(moved.app, folder)))
            console.print(f"{path} is here again, at page {moved.app.page}.")  # type: ignore[attr-defined]
