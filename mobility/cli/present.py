"""`mobility present` and `mobility continue`: a document on this device."""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from mobility.cli import progress
from mobility.cli.choosing import chosen, once_online, scanned, session_code
from mobility.cli.control import agreed, control, keys
from mobility.cli.lines import Lines
from mobility.cli.presenter import load_presenter
from mobility.cli.saving import saved
from mobility.cli.settings import Account, load_account
from mobility.client import Client
from mobility.dispatch import bare
from mobility.errors import (
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    SessionAway,
    SettingsError,
    TransferAborted,
    TransferRefused,
)
from mobility.moved import MovedSession
from mobility.own import awake
from mobility.own.asking import Asked, OnAsk, always
from mobility.own.directory import ListedSession
from mobility.own.requesting import check_online
from mobility.session import Session
from mobility.tasks import Tasks

__all__ = ["continue_", "present"]

console = Console(highlight=False)
ARRIVES: Final = 15.0  # seconds for what was on its way here when we were stopped
LEAVE: Final = {"": "stop, and keep it here", "x": "end it for good"}


class Give(enum.Enum):
    """Whether another device of the user may have what runs here."""

    ASK = "ask"
    ALWAYS = "always"


GiveOption = Annotated[
    Give, typer.Option(help="When another of your devices wants it: ask you, or give.")
]


def present(
    doc: Annotated[
        Path | None,
        typer.Argument(help="The PDF; else what was kept here, or the sample."),
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="The page to begin at.")] = 1,
    give: GiveOption = Give.ASK,
) -> None:
    """Present a document here; your other devices can go on with it."""
    account = load_account()
    presenter = None if doc is None else load_presenter(doc, page)
    asyncio.run(_present(account, presenter, give))


async def _present(account: Account, presenter: Any, give: Give) -> None:
    lines = Lines()
    async with _device(account, give, lines) as device:
        session = await _begun(device, presenter, lines)
        ended = await _control(device, session, lines)
    console.print(_outcome(session, ended=ended))


def continue_(
    session: Annotated[
        str,
        typer.Argument(help="Its number or ID in mobility sessions, title, or code."),
    ],
    save: Annotated[
        Path | None, typer.Option(help="Folder to save the document in.")
    ] = None,
    give: GiveOption = Give.ASK,
) -> None:
    """Go on here with what runs on another of your devices."""
    account = load_account()
    if save is not None and not save.is_dir():
        raise SettingsError(f"There is no folder {save}.")
    asyncio.run(_continue(account, session, save, give))


async def _continue(
    account: Account, wanted: str, save: Path | None, give: Give
) -> None:
    lines = Lines()
    async with _device(account, give, lines) as device:
        session = await _taken(device, wanted, lines)
        _announce(session, "runs here now")
        if save is not None:
            console.print(f"Saved as {escape(str(await saved(session.app, save)))}.")
        ended = await _control(device, session, lines)
    console.print(_outcome(session, ended=ended))


@contextlib.asynccontextmanager
async def _device(account: Account, give: Give, lines: Lines) -> AsyncIterator[Client]:
    async with Tasks() as tasks:
        on_ask: OnAsk = always if give is Give.ALWAYS else _Person(lines, tasks).ask
        client = Client(
            account.jid,
            account.password,
            kind="pc",
            apps=[load_presenter(None, 1).__class__],
            on_ask=on_ask,
            **account.options(),
        )
        async with client as device, awake.watching(device.stream.check):
            yield device


class _Person:
    """Who sits here, and is asked whether another device may have it."""

    def __init__(self, lines: Lines, tasks: Tasks) -> None:
        self._lines = lines
        self._tasks = tasks
        self._one = asyncio.Lock()

    async def ask(self, asked: Asked) -> bool:
        async with self._one:
            try:
                yes = await agreed(self._lines, console, escape(asked.question))
            except asyncio.CancelledError:
                console.print("\nNobody answered, so it stays here.")
                raise
        if yes:
            self._tasks.start(self._tell(asked))
        return yes

    async def _tell(self, asked: Asked) -> None:
        problem, session = await asked.over(), asked.app.session
        if problem and session is not None and not session.over:
            console.print(f"[yellow]{escape(problem)}[/] {_title(asked.app)} is here.")


# --- what runs here ------------------------------------------------------------


async def _begun(device: Client, presenter: Any, lines: Lines) -> Session:
    """What is presented: what was kept here, if nothing else is named."""
    kept = await _resumed(device, lines)
    if presenter is None and kept:
        session = kept.pop()
        _announce(session, "goes on here")
    else:
        presenter = presenter or load_presenter(None, 1)
        session = await device.list_session(presenter)
        await device.keep(presenter)
        _announce(session, "is open here")
    for other in kept:
        console.print(f"{_title(other.app)} is kept here too.")
    return session


async def _resumed(device: Client, lines: Lines) -> list[Session]:
    """What was here, or on its way here or from here, when this device stopped."""
    factory = load_presenter(None, 1).__class__
    sessions = await device.kept(factory)
    for moved in device.away(factory):
        if moved.given and await _returned(moved, lines):
            sessions.append(moved.session)
    for offer in device.arriving():
        with contextlib.suppress(MobilityError, TimeoutError):
            async with asyncio.timeout(ARRIVES):
                sessions.append(await offer.accept())
    for session in sessions:
        # Else it was only lent to us, or whoever gave it has not let go yet.
        with contextlib.suppress(LocalProtocolError, PeerUnreachable):
            await device.list_session(session.app)
    return sessions


async def _returned(moved: MovedSession, lines: Lines) -> bool:
    """Whether what was to be another device's is here, since it did not arrive."""
    title = escape(moved.session.title or "what was here")
    with contextlib.suppress(MobilityError):  # it did arrive, or cannot run here
        try:
            async with asyncio.timeout(ARRIVES):
                await moved.retrieve()
        except (SessionAway, TimeoutError):
            place = escape(moved.place)
            question = (
                f"{place} has not said that it has {title}. Take it back, as it was "
                f"when it went? If {place} has it, it ends there."
            )
            if not await agreed(lines, console, question):
                return False
            await moved.reclaim()
        return True
    return False


async def _taken(device: Client, wanted: str, lines: Lines) -> Session:
    """From the device that has it, unless that is this one."""
    code = session_code(wanted, bare(device.jid))
    here = await _resumed(device, lines)
    now = await device.sessions()
    listed = scanned(now, code) if code else chosen(now, wanted)
    for session in here:
        if session.id == listed.id:
            return session
    _check_app(listed)
    listed = await once_online(listed, device.watch_sessions())
    check_online(listed)
    if code is not None:  # any page can have a link opened
        await _check_wish(listed, lines)
    owner, title = listed.owner_name, listed.title or listed.app
    console.print(f"Asking {escape(owner)} for {escape(title)} …")
    with progress.shown(console, f"From {owner}") as report:
        proof = device.codes.proof(code) if code else b""
        asking = device.request(listed, proof=proof, progress=report)
        found = await lines.unless_stopped(asking)
    if found is None:
        raise TransferAborted(
            "Stopped. It stays where it was; if it was here already, mobility present "
            "goes on with it."
        )
    return found


async def _check_wish(listed: ListedSession, lines: Lines) -> None:
    title, place = escape(listed.title or listed.app), escape(listed.place)
    if not await agreed(lines, console, f"Go on here with {title} from {place}?"):
        raise TransferAborted(f"Nothing has moved: it stays on {listed.place}.")


def _check_app(listed: ListedSession) -> None:
    if listed.app != load_presenter(None, 1).uri:
        raise TransferRefused(
            f"{listed.title or listed.id} is no presentation, and this command shows "
            f"nothing else. It needs the app {listed.app}.",
            condition="no-such-app",
        )


async def _control(device: Client, session: Session, lines: Lines) -> bool:
    """Until it has gone, or the person has; whether they have ended it for good."""
    console.print(keys(LEAVE))
    device.busy = True  # one terminal shows one document
    until = session.ended()
    word = await control(session.app, lines, console, until=until, leave=LEAVE)
    if word == "x":
        await device.end(session.app)
    return word == "x"


def _announce(session: Session, what: str) -> None:
    presenter: Any = session.app
    console.print(f"[green]{_title(presenter)}[/] {what}, at page {presenter.page}.")


def _outcome(session: Session, *, ended: bool) -> str:
    """What has become of it."""
    presenter: Any = session.app
    title, given = _title(presenter), escape(session.given)
    if ended:
        return f"{title} is closed, and nothing of it is kept here."
    if session.over:
        return f"{title} goes on at {given}."
    if not session.runs:
        return (
            f"{title} was just going to {given or 'another device'}. If it is not "
            "there, mobility present goes on with it here."
        )
    return (
        f"{title} is kept here, at page {presenter.page}: mobility present goes on "
        "with it. Until then your other devices cannot have it."
    )


def _title(app: Any) -> str:
    return f"[bold]{escape(app.title or 'Presentation')}[/]"
