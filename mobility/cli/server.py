"""`mobility server`: the private XMPP server and its accounts."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mobility.cli.settings import Account, load_account
from mobility.errors import ServerError
from mobility.public.places import looking
from mobility.server import (
    Accounts,
    Guests,
    Ports,
    Server,
    default_folder,
    make_private,
    served_domain,
    write_production,
)

__all__ = ["server"]

_PORTS = Ports()

PASSWORD_VARIABLE = "MOBILITY_NEW_PASSWORD"  # noqa: S105 - its name, not its value

server = typer.Typer(
    invoke_without_command=True,
    help="Run a private XMPP server, or manage its accounts.",
)

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of accounts, certificates and the log."),
]
Jid = Annotated[str, typer.Argument(metavar="JID", help="As in alice@localhost.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="Read the password from this file's first line; - is stdin."),
]


@server.callback()
def run(
    context: typer.Context,
    data: Data = None,
    domain: Annotated[
        str | None, typer.Option(help="Domain of the accounts.  [default: localhost]")
    ] = None,
    listen: Annotated[
        str, typer.Option(help="IP address; 0.0.0.0 is every interface.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="For clients; 0 picks a free one.")
    ] = _PORTS.c2s,
    http_port: Annotated[
        int, typer.Option(min=0, max=65535, help="For browsers and uploads.")
    ] = _PORTS.http,
    proxy_port: Annotated[
        int, typer.Option(min=0, max=65535, help="For the file transfer proxy.")
    ] = _PORTS.proxy,
    hibernation: Annotated[
        int, typer.Option(min=1, help="Seconds to resume a cut connection in.")
    ] = 300,
    guests: Annotated[
        bool,
        typer.Option("--guests", help="Let visitors in who have no account."),
    ] = False,
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOMAIN=FILE",
            help="Let this component in; the file has its secret, or will have.",
        ),
    ] = None,
    component_port: Annotated[
        int, typer.Option(min=0, max=65535, help="For components, on this machine.")
    ] = 5347,
    write_config: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write what a production Prosody needs; start nothing."
        ),
    ] = None,
) -> None:
    """Run a private XMPP server in the foreground until Ctrl-C."""
    context.obj = data
    if context.invoked_subcommand is not None:
        return
    if write_config is not None:
        _write_config(write_config, domain, "welcome" if guests else "refused")
        return
    private = Server(
        data,
        domain=domain or served_domain(data or default_folder()) or "localhost",
        host=listen,
        ports=Ports(port, http_port, proxy_port, component_port if service else 0),
        hibernation=hibernation,
        guests="welcome" if guests else "refused",
        services=dict(_service(each) for each in service or ()),
    )
    asyncio.run(_serve(private))


@server.command()
def adduser(
    context: typer.Context,
    jid: Jid,
    password_file: PasswordFile = None,
    data: Data = None,
) -> None:
    """Make an account; the server may be running or not."""
    accounts, name = _account(jid, data or context.obj)
    make_private(accounts.folder)
    if accounts.jid(name) in accounts:
        raise ServerError(f"The account {jid} exists already")
    print(f"Added {accounts.add(name, _new_password(jid, password_file))}.")


@server.command()
def passwd(
    context: typer.Context,
    jid: Jid,
    password_file: PasswordFile = None,
    data: Data = None,
) -> None:
    """Give an account another password, for logins from now on."""
    accounts, name = _account(jid, data or context.obj)
    if accounts.jid(name) not in accounts:
        raise ServerError(f"The account {jid} does not exist")
    accounts.change(name, _new_password(jid, password_file))
    print(f"Changed the password of {jid}.")


@server.command()
def deluser(context: typer.Context, jid: Jid, data: Data = None) -> None:
    """Delete an account and all that is stored of it; its sessions are closed."""
    accounts, name = _account(jid, data or context.obj)
    print(f"Deleted {accounts.delete(name)}.")


@server.command()
def users(context: typer.Context, data: Data = None) -> None:
    """List the accounts, one a line."""
    folder = _folder(data or context.obj)
    for jid in Accounts(folder, served_domain(folder) or "localhost").jids():
        print(jid)


@server.command()
def displays(
    context: typer.Context,
    jids: Annotated[
        list[str] | None, typer.Argument(metavar="JID", help="Of displays.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="They may be there no more.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="SERVICE", help="On another server, with your account: its pubsub."
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Say which accounts may be in the list of displays; without a JID, who may."""
    if at is not None:
        asyncio.run(_admit(load_account(), at, jids or [], remove=remove))
        for jid in jids or []:
            print(f"{jid} may {'no longer ' if remove else ''}list itself at {at}.")
        return
    chosen = data or context.obj
    for jid in jids or []:
        accounts, name = _account(jid, chosen)
        if remove:
            print(f"{accounts.unlist_display(name)} may no longer list itself.")
        else:
            print(f"{accounts.list_display(name)} may list itself now.")
    if not jids:
        folder = _folder(chosen)
        for jid in Accounts(folder, served_domain(folder) or "localhost").displays():
            print(jid)


async def _admit(
    account: Account, service: str, jids: list[str], *, remove: bool
) -> None:
    where = {key: account.options()[key] for key in ("host", "port", "ca_file")}
    async with looking(account.jid, account.password, **where) as places:
        await (places.dismiss if remove else places.admit)(service, jids)


async def _serve(private: Server) -> None:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        async with private:
            print(_welcome(private), flush=True)
            await private.serve_forever()
    except asyncio.CancelledError:
        print("Stopped.", flush=True)


def _welcome(private: Server) -> str:
    http = private.http_url
    port = private.component_port
    services = [f"  component {name}, port {port}" for name in private.services]
    guests = f"  guests    {private.guests_domain}, for displays only"
    add = ["mobility", "server", "adduser", f"alice@{private.domain}"]
    if private.folder != _folder(None):
        add += ["--data", str(private.folder)]
    return "\n".join(
        [
            f"The XMPP server of {private.domain} is running.",
            f"  clients   {private.host}, port {private.c2s_port}, with STARTTLS",
            f"  browsers  {http.replace('http', 'ws', 1)}xmpp-websocket",
            f"            {http}http-bind",
            *([guests] if private.guests_domain else []),
            *services,
            f"  CA file   {private.ca_file}",
            f"  accounts  {len(private.accounts.jids())}; add one: {shlex.join(add)}",
            "Ctrl-C ends it.",
        ]
    )


def _write_config(folder: Path, domain: str | None, guests: Guests) -> None:
    if domain is None:
        raise ServerError(
            "Name the domain of the production server, as in "
            f"`mobility server --write-config {shlex.quote(str(folder))} "
            "--domain chat.example.org`"
        )
    for path in write_production(folder, domain, guests=guests):
        print(path)
    print(f"Next: follow {folder / 'README.md'}")


def _service(given: str) -> tuple[str, str]:
    """The domain of a component, and its secret."""
    domain, _, file = given.partition("=")
    if not (domain and file):
        raise ServerError(f"{given!r} names no component; write game.localhost=FILE")
    path = Path(file).expanduser()
    try:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24) + "\n")
        secret = path.read_text().split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "It is not text"
        raise ServerError(f"The secret cannot be kept in {path}: {why}") from exc
    if not secret:
        raise ServerError(f"There is no secret in the first line of {path}")
    return domain, secret


def _folder(data: Path | None) -> Path:
    return (data or default_folder()).expanduser().absolute()


def _account(jid: str, data: Path | None) -> tuple[Accounts, str]:
    name, at, domain = jid.partition("@")
    folder = _folder(data)
    served = served_domain(folder)
    if not (name and at and domain) or "/" in domain:
        example = f"{name or 'alice'}@{served or 'localhost'}"
        raise ServerError(f"{jid!r} is not an account's JID; write {example}")
    if served is not None and domain.lower() != served:
        raise ServerError(
            f"The server in {folder} is that of {served}, not of {domain}; "
            f"write {name}@{served}, or name another folder with --data"
        )
    return Accounts(folder, domain.lower()), name


def _new_password(jid: str, file: Path | None) -> str:
    """Read it from the file, else from the environment, else ask twice."""
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text()
        except (OSError, UnicodeDecodeError) as exc:
            raise ServerError(f"The password file {file} cannot be read") from exc
        return text.split("\n", 1)[0].removesuffix("\r")
    if (given := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return given
    if not sys.stdin.isatty():
        raise ServerError(
            "There is no terminal to ask for a password on; "
            f"use --password-file or the variable {PASSWORD_VARIABLE}"
        )
    password = getpass.getpass(f"Password for {jid}: ")
    if getpass.getpass("Once more: ") != password:
        raise ServerError("The two passwords differ; nothing was changed")
    return password
