"""The `mobility` command: parse, call the API, print, exit code."""

from __future__ import annotations

import sys

import typer

from mobility.cli.server import server
from mobility.errors import MobilityError

__all__ = ["main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Carry a running app from the phone to the screen on the wall, and back.",
)
app.add_typer(server, name="server")


@app.callback()
def mobility() -> None:
    """Make typer list commands even while there is one only."""


def main() -> None:
    """Run the command; a refusal is one sentence on standard error and exit code 1."""
    try:
        app()
    except MobilityError as exc:
        print(exc, file=sys.stderr)
        raise SystemExit(1) from exc
