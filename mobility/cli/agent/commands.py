"""`mobility agent run`, and the service: `install`, `remove`, `status`."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mobility.agent import Agent, Take, Word, always, never
from mobility.cli.agent import unit as units
from mobility.cli.agent.hooks import Command, Hooks
from mobility.cli.agent.questions import Questions
from mobility.cli.agent.serving import serve, until_signal
from mobility.cli.apps import Factory, load_apps
from mobility.cli.lines import Lines
from mobility.cli.settings import Account, config_file, load_account, load_unattended
from mobility.client import Client
from mobility.errors import DirectoryUnavailable, SettingsError

__all__ = ["agent"]

console = Console(highlight=False)
FOLDER = "agent"  # of its journal, in that of the phone
MISTAKE = 2  # exit code if trying again would not help; the unit knows it
ASK, ALWAYS, NEVER = "ask", "always", "never"

agent = typer.Typer(
    no_args_is_help=True,
    help="Let this machine take sessions of your other devices at any time.",
)

Taking = Annotated[
    str,
    typer.Option(
        "--take",
        metavar="ask|always|never|COMMAND",
        help="What is taken: you are asked on the terminal, or a command decides "
        "(exit code 0 takes it; see docs/agent.md).",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(help="What your devices call it.  [default: the machine's name]"),
]
Kind = Annotated[str, typer.Option(help="What it is: pc, web, phone ...")]
Apps = Annotated[
    list[str] | None,
    typer.Option("--app", help="An app beside those that are installed: module:Class."),
]
Most = Annotated[int, typer.Option(min=1, help="Sessions at once.")]
Limit = Annotated[
    int, typer.Option(min=1, max=86_400, help="Seconds for an answer or a command.")
]
OnTaken = Annotated[
    str | None, typer.Option(metavar="COMMAND", help="Run when a session is here.")
]
OnEnded = Annotated[
    str | None, typer.Option(metavar="COMMAND", help="Run when one has ended here.")
]
OnLost = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND", help="Run when one went elsewhere while this was off."
    ),
]


@agent.command()
def run(
    take: Taking = ASK,
    name: Name = None,
    kind: Kind = "pc",
    app: Apps = None,
    most: Most = 20,
    limit: Limit = 60,
    on_taken: OnTaken = None,
    on_ended: OnEnded = None,
    on_lost: OnLost = None,
) -> None:
    """Take sessions in the foreground, until Ctrl-C."""
    _log()
    try:
        apps = load_apps(app or ())
        hooks = _hooks(on_taken, on_ended, on_lost, limit)
        account = _own(load_account(), name)
        make = partial(_device, account, apps, kind)
        asyncio.run(_run(make, take, hooks, most=most, limit=limit))
    except (SettingsError, DirectoryUnavailable) as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(MISTAKE) from None


@agent.command()
def install(
    take: Taking,
    name: Name = None,
    kind: Kind = "pc",
    app: Apps = None,
    most: Most = 20,
    limit: Limit = 60,
    on_taken: OnTaken = None,
    on_ended: OnEnded = None,
    on_lost: OnLost = None,
) -> None:
    """Make it a service of yours (systemd), and start it."""
    if take == ASK:
        raise SettingsError(
            "A service has no terminal to ask on. Say --take always, --take never, or "
            "name a command that asks you."
        )
    load_apps(app or ())
    _hooks(on_taken, on_ended, on_lost, limit)
    _decider(take)
    environment = load_unattended()
    account = _own(load_account(), name)
    account.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "--take": take,
        "--name": name,
        "--kind": kind,
        "--most": str(most),
        "--limit": str(limit),
        "--on-taken": on_taken,
        "--on-ended": on_ended,
        "--on-lost": on_lost,
    }
    given = [f"{option}={text}" for option, text in options.items() if text is not None]
    named = [f"--app={each}" for each in app or ()]
    data = account.data.resolve()
    needed = [data, config_file(os.environ).resolve(), Path(sys.prefix)]
    needed += [account.ca_file.resolve()] if account.ca_file else []
    units.install(units.unit(given + named, environment, data), needed)
    console.print(f"{escape(account.device)} takes sessions now, and at each login.")
    console.print("To let it do so without a login: loginctl enable-linger")
    console.print("What happens is in: journalctl --user -u mobility-agent")


@agent.command()
def remove() -> None:
    """End the service, and remove it; what it had stays in its folder."""
    there = units.remove()
    console.print("The agent is removed." if there else "No agent is installed.")


@agent.command()
def status() -> None:
    """Say whether the service runs; exit code 3 if it does not."""
    if not units.unit_file().exists():
        console.print("No agent is installed: mobility agent install --take always")
        raise typer.Exit(3)
    said = units.status()
    if not said:
        console.print("The agent is installed; your systemd cannot be asked about it.")
        raise typer.Exit(3)
    runs = said.get("ActiveState") == "active"
    text = said.get("StatusText") or "No reason is given."
    how = "The agent runs." if runs else f"The agent is {said.get('ActiveState')}."
    console.print(f"{how} {escape(text)}")
    if not runs:
        raise typer.Exit(3)


async def _run(
    make: partial[Client], take: str, hooks: Hooks, *, most: int, limit: int
) -> None:
    def look_after(device: Client, take: Take) -> Agent:
        within = timedelta(seconds=limit)
        return Agent(device, take=take, tell=hooks.tell, most=most, limit=within)

    if take != ASK:
        await until_signal(serve(make, partial(look_after, take=_decider(take))))
        return
    if not sys.stdin.isatty():
        raise SettingsError(
            "There is no terminal to ask on. Say --take always, --take never, or name "
            "a command that asks you."
        )
    questions = Questions(Lines(), console, seconds=limit)
    job = serve(make, partial(look_after, take=questions.take))
    await until_signal(job, questions.until_left())


def _decider(take: str) -> Take:
    if take == ALWAYS:
        return always
    return never if take == NEVER else Command(take)


def _hooks(taken: str | None, ended: str | None, lost: str | None, limit: int) -> Hooks:
    texts: dict[Word, str | None] = {"taken": taken, "ended": ended, "lost": lost}
    commands = {word: Command(text) for word, text in texts.items() if text}
    return Hooks(commands, timedelta(seconds=limit))


def _own(account: Account, name: str | None) -> Account:
    """The agent is a device of its own, beside the one that visits screens."""
    device = name or socket.gethostname() or "Computer"
    return replace(account, device=device, data=account.data / FOLDER)


def _device(account: Account, apps: list[Factory], kind: str) -> Client:
    options = account.options()
    return Client(account.jid, account.password, kind=kind, apps=apps, **options)


def _log() -> None:
    """A line for each thing that a person wants to know; systemd adds the time."""
    text = "%(asctime)s %(message)s" if sys.stderr.isatty() else "%(message)s"
    logging.basicConfig(level=logging.INFO, format=text, datefmt="%H:%M:%S")
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)  # it names JIDs
