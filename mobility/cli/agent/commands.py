"""`mobility agent run`, and the service: `install`, `remove`, `status`."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mobility.cli.agent import unit as units
from mobility.cli.agent.hooks import Command, Hooks
from mobility.cli.agent.questions import Questions
from mobility.cli.agent.serving import serve, until_signal
from mobility.cli.apps import Factory, load_apps
from mobility.cli.lines import Lines
from mobility.cli.settings import (
    AGENT,
    Account,
    config_file,
    load_account,
    load_unattended,
)
from mobility.client import Client
from mobility.errors import DirectoryUnavailable, SettingsError
from mobility.own.agent import Agent
from mobility.own.deciding import Decide, Giving, Word, always, never

__all__ = ["agent"]

console = Console(highlight=False)

MISTAKE = 2  # exit code if trying again would not help; the unit knows it
INSTEAD = "Say always or never, or name a command that asks you."
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
Give = Annotated[
    str,
    typer.Option(
        "--give",
        metavar="ask|always|never|COMMAND",
        help="What your other devices get when they ask for what runs here.",
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
    give: Give = ALWAYS,
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
        desk = _Desk(account, apps, kind, hooks, most, timedelta(seconds=limit))
        asyncio.run(_run(desk, take, give))
    except (SettingsError, DirectoryUnavailable) as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(MISTAKE) from None


@agent.command()
def install(
    take: Taking,
    give: Give = ALWAYS,
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
    if ASK in {take, give}:
        raise SettingsError(f"A service has no terminal to ask on. {INSTEAD}")
    load_apps(app or ())
    _hooks(on_taken, on_ended, on_lost, limit)
    for how in (take, give):
        _decider(how)
    environment = load_unattended()
    account = _own(load_account(), name)
    account.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "--take": take,
        "--give": give,
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


@dataclass(frozen=True)
class _Desk:
    """What the device of an agent is made from, and who looks after it."""

    account: Account
    apps: list[Factory]
    kind: str
    hooks: Hooks
    most: int
    limit: timedelta
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def device(self, give: Decide) -> Client:
        return Client(
            self.account.jid,
            self.account.password,
            kind=self.kind,
            apps=self.apps,
            on_ask=Giving(give, self.numbers, self.limit),
            **self.account.options(),
        )

    def agent(self, take: Decide, device: Client) -> Agent:
        return Agent(
            device,
            apps=self.apps,
            numbers=self.numbers,
            take=take,
            tell=self.hooks.tell,
            most=self.most,
            limit=self.limit,
        )


async def _run(desk: _Desk, take: str, give: str) -> None:
    if ASK not in {take, give}:
        deciders = (_decider(how) for how in (take, give))
        await until_signal(_served(desk, *deciders))
        return
    if not sys.stdin.isatty():
        raise SettingsError(f"There is no terminal to ask on. {INSTEAD}")
    seconds = int(desk.limit.total_seconds())
    questions = Questions(Lines(), console, seconds=seconds)
    deciders = (questions.ask if how == ASK else _decider(how) for how in (take, give))
    await until_signal(_served(desk, *deciders), questions.until_left())


async def _served(desk: _Desk, take: Decide, give: Decide) -> None:
    await serve(partial(desk.device, give), partial(desk.agent, take))


def _decider(how: str) -> Decide:
    if how == ALWAYS:
        return always
    return never if how == NEVER else Command(how)


def _hooks(taken: str | None, ended: str | None, lost: str | None, limit: int) -> Hooks:
    texts: dict[Word, str | None] = {"taken": taken, "ended": ended, "lost": lost}
    commands = {word: Command(text) for word, text in texts.items() if text}
    return Hooks(commands, timedelta(seconds=limit))


def _own(account: Account, name: str | None) -> Account:
    """The agent is a device of its own, beside the one that visits screens."""
    device = name or socket.gethostname() or "Computer"
    return replace(account, device=device, data=account.data / AGENT)


def _log() -> None:
    """A line for each thing that a person wants to know; systemd adds the time."""
    text = "%(asctime)s %(message)s" if sys.stderr.isatty() else "%(message)s"
    logging.basicConfig(level=logging.INFO, format=text, datefmt="%H:%M:%S")
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)  # it names JIDs
