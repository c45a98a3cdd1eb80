"""The `mobility` command: parse, call the API, print, exit code."""

from __future__ import annotations

import typer
from rich.console import Console

from mobility.cli.agent import agent
from mobility.cli.demo import demo
from mobility.cli.desktop import desktop
from mobility.cli.devices import devices
from mobility.cli.displays import displays
from mobility.cli.history import history
from mobility.cli.opening import open_uri, read
from mobility.cli.present import continue_, present
from mobility.cli.qr import qr
from mobility.cli.sending import send
from mobility.cli.server import server
from mobility.cli.sessions import sessions
from mobility.cli.share import join, share
from mobility.cli.visit import reclaim, visit
from mobility.cli.visits import revoke, visits
from mobility.errors import MobilityError

__all__ = ["main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it may print values, and some are secret
    help="Carry a running app from the phone to the screen on the wall, and back.",
)

SCREENS = "Public screens"
app.command(rich_help_panel=SCREENS)(visit)
app.command(rich_help_panel=SCREENS)(reclaim)
app.command(rich_help_panel=SCREENS)(visits)
app.command(rich_help_panel=SCREENS)(revoke)
app.command(rich_help_panel=SCREENS)(history)
app.command(rich_help_panel=SCREENS)(displays)

OWN = "Your own devices"
app.command(rich_help_panel=OWN)(sessions)
app.command(rich_help_panel=OWN)(present)
app.command("continue", rich_help_panel=OWN)(continue_)
app.command(rich_help_panel=OWN)(send)
app.add_typer(devices, name="devices", rich_help_panel=OWN)
app.add_typer(agent, name="agent", rich_help_panel=OWN)

PEOPLE = "Other people"
app.command(rich_help_panel=PEOPLE)(share)
app.command(rich_help_panel=PEOPLE)(join)

CODES = "Codes"
app.command(rich_help_panel=CODES)(qr)
app.command(rich_help_panel=CODES)(read)
app.command("open", rich_help_panel=CODES)(open_uri)
app.command(rich_help_panel=CODES)(desktop)

TRY = "Try it, run it"
app.command(rich_help_panel=TRY)(demo)
app.add_typer(server, name="server", rich_help_panel=TRY)


def main() -> None:
    """Run the command; a refusal is one sentence on standard error and exit code 1."""
    try:
        app()
    except MobilityError as exc:
        refuse(str(exc), Console(stderr=True))
        raise SystemExit(1) from exc


def refuse(sentence: str, console: Console) -> None:
    """In a file it is one line; a terminal has it wrapped between words."""
    wide = not console.is_terminal
    console.print(sentence, soft_wrap=wide, markup=False, highlight=False, emoji=False)
