"""
``mobility-kiosk``: run public displays, and look after them.

The supervisor stays small, so each command imports what it needs when it is called.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """The command: 2 if the settings cannot be used."""
    words = sys.argv[1:]
    if words and words[0] not in COMMANDS and not words[0].startswith("-"):
        words.insert(0, "run")  # mobility-kiosk lobby.toml
    arguments = _parser().parse_args(words)
    command = _run if arguments.command == "run" else _other
    sys.exit(command(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobility-kiosk", description="Run public displays, and look after them."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, json) in COMMANDS.items():
        add = partial(commands.add_parser, name, description=text)
        command = add(help=text) if text else add()
        command.add_argument("settings", type=Path, help="the file, see docs/kiosk.md")
        if json:
            command.add_argument("--json", action="store_true", help="for programs")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from kiosk.supervisor.supervisor import supervise

    return supervise(arguments.settings)


def _other(arguments: argparse.Namespace) -> int:
    from kiosk.commands import command

    return command(arguments)


# name -> how it is explained, and whether it has --json
COMMANDS = {
    "run": ("Run the displays; also what a file alone does.", False),
    "check": ("Say whether the settings are right.", False),
    "doctor": ("Look for what keeps a display from its work.", True),
    "history": ("List the visits that there were.", True),
    "unit": ("Print units for systemd.", False),
    "policy": ("Print what Chromium may do on this machine, for Chromium.", False),
    "plan": ("", False),  # for the supervisor
}


if __name__ == "__main__":
    main()
