"""The `mobility` command: parse, call the API, print, exit code."""

from __future__ import annotations

import sys

import typer

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
app.command()(visit)
app.command()(reclaim)
app.command()(sessions)
app.command()(present)
app.command("continue")(continue_)
app.command()(send)
app.command()(share)
app.command()(join)
app.command()(visits)
app.command()(revoke)
app.command()(history)
app.command()(displays)
app.command()(qr)
app.command()(read)
app.command("open")(open_uri)
app.command()(desktop)
app.command()(demo)
app.add_typer(devices, name="devices")
app.add_typer(agent, name="agent")
app.add_typer(server, name="server")


def main() -> None:
    """Run the command; a refusal is one sentence on standard error and exit code 1."""
    try:
        app()
    except MobilityError as exc:
        print(exc, file=sys.stderr)
        raise SystemExit(1) from exc
