"""`mobility share` and `mobility join`: a document that several people turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mobility.cli import progress, scan
from mobility.cli.control import agreed, control, keys
from mobility.cli.drawing import print_codes
from mobility.cli.lines import Lines
from mobility.cli.presenter import load_presenter
from mobility.cli.saving import saved
from mobility.cli.settings import Account, load_account
from mobility.client import Client
from mobility.errors import LocalProtocolError, SettingsError
from mobility.protocol.session import Stanza
from mobility.protocol.sharecode import ShareCode, ShareKind
from mobility.protocol.sharing import Person
from mobility.public.scene import Comparing, Inviting, Scene
from mobility.sharing.joining import SharedBy
from mobility.sharing.participation import Participation
from mobility.sharing.sharing import Sharing
from mobility.transfer import Progress, Report

__all__ = ["join", "share"]

console = Console(highlight=False)
HOST: Final = {"": "stop sharing", "c": "let one more in", "o": "put somebody out"}
GUEST: Final = {"": "leave", "k": "leave, and keep a copy"}
_SHARED: Final = {
    ShareKind.COPY: "Whoever comes in gets a copy, and goes on with it alone.",
    ShareKind.DIRECT: "Whoever comes in sees it live, and can turn the pages too.",
    ShareKind.ROOM: (
        "Whoever comes in sees it live, in a room of your server, and can turn the "
        "pages too."
    ),
}
_WHAT: Final = {
    ShareKind.COPY: "a copy",
    ShareKind.DIRECT: "live, over their device",
    ShareKind.ROOM: "live, in a room of their server",
}
_BELOW: Final = "They type mobility join, and what this says. Enter goes on without."


def share(
    doc: Annotated[
        Path | None, typer.Argument(help="The PDF to share; else the sample.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="The page to begin at.")] = 1,
    room: Annotated[
        bool,
        typer.Option("--room", help="Live in a room of your server, not over here."),
    ] = False,
    copy: Annotated[
        bool, typer.Option("--copy", help="Not live: everybody gets a copy.")
    ] = False,
) -> None:
    """Share a document: all see it live, and can turn its pages."""
    if room and copy:
        raise SettingsError("Choose one of --room and --copy: a copy is not live.")
    kind = ShareKind.ROOM if room else ShareKind.COPY if copy else ShareKind.DIRECT
    asyncio.run(_share(load_account(), load_presenter(doc, page), kind))


async def _share(account: Account, presenter: Any, kind: ShareKind) -> None:
    lines, door = Lines(), _Door()
    _tell_pages(presenter)
    async with (
        Client(account.jid, account.password, **account.options()) as device,
        device.share(presenter, kind=kind, show=door.show) as sharing,
    ):
        console.print(_SHARED[kind])
        async with _telling(sharing):
            await _host(presenter, sharing, door, lines)
    console.print("It is shared no more; what the others keep of it is theirs.")


async def _host(presenter: Any, sharing: Sharing, door: _Door, lines: Lines) -> None:
    word: str | None = "c"
    while word:
        if word == "c":
            await door.invite(lines)
        elif word == "o":
            await _put_out(sharing, lines)
        console.print(keys(HOST))
        until = sharing.ended()
        word = await control(presenter, lines, console, until=until, leave=HOST)


async def _put_out(sharing: Sharing, lines: Lines) -> None:
    others = [person for person in sharing.people if not person.hosts]
    if not others:
        console.print("Nobody else takes part.")
        return
    for person in others:
        console.print(f"[bold]{person.id}[/] {_named(person)}")
    console.print("Whom? (their number; Enter for nobody) ", end="")
    typed = (await lines.next()).strip()
    for person in others:
        if typed == str(person.id):
            with contextlib.suppress(LocalProtocolError):  # has just left
                await sharing.put_out(person)


class _Door:
    """Shows codes while somebody is wanted, and the digits when somebody knocks."""

    def __init__(self) -> None:
        self._code = ""
        self._renewed = asyncio.Event()
        self._knocked = asyncio.Event()

    def show(self, scene: Scene) -> None:
        match scene:
            case Inviting(uri):
                self._code = uri
                self._renewed.set()
            case Comparing(code, device, rival):
                self._knocked.set()
                console.print(
                    f"{escape(device)} wants to come in. If you know who that is, tell "
                    f"them these digits: [bold]{code}[/]"
                )
                if rival:
                    console.print(
                        "[yellow]Somebody else has scanned the same code. If that was "
                        "not meant to be, do not tell the digits.[/]"
                    )

    async def invite(self, lines: Lines) -> None:
        """Until somebody knocks, or the person has had enough."""
        self._knocked.clear()
        jobs = [
            asyncio.ensure_future(print_codes(self._codes(), _BELOW)),
            asyncio.ensure_future(self._knocked.wait()),
            asyncio.ensure_future(lines.next()),
        ]
        try:
            await asyncio.wait(jobs[1:], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()

    async def _codes(self) -> AsyncIterator[str]:
        while True:
            self._renewed.clear()
            if self._code:
                yield self._code
            await self._renewed.wait()


# --- the other side --------------------------------------------------------------


def join(
    code: Annotated[
        str | None,
        typer.Argument(help="What their code says; asked for if left out."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="A photo of the code instead.")
    ] = None,
    save: Annotated[
        Path, typer.Option(help="Folder for the document, if you keep a copy.")
    ] = Path(),
) -> None:
    """Take part in what somebody else shares."""
    account = load_account()
    if not save.is_dir():
        raise SettingsError(f"There is no folder {save}.")
    asyncio.run(_join(account, scan.share_code(code, image), save))


async def _join(account: Account, code: ShareCode, save: Path) -> None:
    lines = Lines()
    with contextlib.ExitStack() as bar:  # nothing moves before the digits are typed
        reports: list[Report] = []

        def report(now: Progress) -> None:
            if not reports:
                shown = progress.shown(console, f"From {code.account}")
                reports.append(bar.enter_context(shown))
            reports[0](now)

        async with (
            Client(
                account.jid,
                account.password,
                apps=[_Presenters()],
                **account.options(),
            ) as device,
            device.join(
                str(code),
                approve=lambda shared: _approve(shared, lines),
                progress=report,
            ) as part,
        ):
            bar.close()
            await _take_part(device, part, lines, save)


async def _take_part(
    device: Client, part: Participation, lines: Lines, save: Path
) -> None:
    presenter: Any = part.app
    if part.kind is ShareKind.COPY:
        await _keep(device, part, save)
        return
    device.busy = True  # nothing offered is looked at
    async with _telling(part):
        console.print(f"Page {presenter.page}.")
        console.print(keys(GUEST))
        until = part.ended()
        word = await control(presenter, lines, console, until=until, leave=GUEST)
    if part.goodbye:
        console.print(escape(part.goodbye))
        question = "Keep a copy of what is here?"
        word = "k" if await agreed(lines, console, question) else ""
    if word == "k":
        await _keep(device, part, save)


async def _keep(device: Client, part: Participation, save: Path) -> None:
    await part.keep()
    path = escape(str(await saved(part.app, save)))
    await device.keep(part.app)
    console.print(
        f"Your copy is {path}, at page {part.app.page}; "  # type: ignore[attr-defined]
        "mobility present goes on with it."
    )


async def _approve(shared: SharedBy, lines: Lines) -> str | None:
    if shared.tries_left == 3:
        console.print(_question(shared))
    else:
        console.print(
            f"[red]Those are not the digits.[/] Tries left: {shared.tries_left}."
        )
    while True:
        console.print(
            "Type the two digits that their device shows (Enter to decline): ", end=""
        )
        typed = (await lines.next()).strip()
        if not typed or (len(typed) == 2 and typed.isdecimal()):
            return typed or None
        console.print("Their device shows two digits, and nothing else counts.")


def _question(shared: SharedBy) -> Panel:
    """Who shares, what, and what taking part gives away."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_row("Account", f"[bold]{escape(shared.account)}[/] (verified)")
    facts.add_row("Device", f"{escape(shared.name)} [dim](what it says of itself)[/]")
    facts.add_row("App", escape(", ".join(shared.apps)))
    facts.add_row("You get", _WHAT[shared.kind])
    facts.add_row("Gives away", Text(shared.gives))
    return Panel(facts, title="Take part in this?", expand=False)


# --- what others do --------------------------------------------------------------


class _Presenters:
    """Makes presenters that tell what the others do."""

    def __init__(self) -> None:
        kind = load_presenter(None, 1).__class__
        self.uri, self.schema, self._kind = kind.uri, kind.schema, kind

    def __call__(self) -> Any:
        presenter = self._kind()
        _tell_pages(presenter)
        return presenter


def _tell_pages(presenter: Any) -> None:
    receive = presenter.receive

    async def telling(stanza: Stanza) -> None:
        await receive(stanza)
        if stanza.local == "turn":
            console.print(f"Page {presenter.page}.")
        elif stanza.local == "write":
            console.print(f"On the screen: {escape(presenter.text)}")

    presenter.receive = telling


@contextlib.asynccontextmanager
async def _telling(shared: Sharing | Participation) -> AsyncIterator[None]:
    """Say who comes and goes meanwhile."""
    job = asyncio.create_task(_tell_people(shared))
    try:
        yield
    finally:
        job.cancel()
        await asyncio.wait({job})


async def _tell_people(shared: Sharing | Participation) -> None:
    known: dict[int, Person] | None = None
    async for people in shared.watch():
        now = {person.id: person for person in people}
        if known is None and len(now) > 1:
            names = ", ".join(map(_named, now.values()))
            console.print(f"Taking part: {names}.")
        elif known is not None:
            _compare(known, now)
        known = now


def _compare(known: dict[int, Person], now: dict[int, Person]) -> None:
    for id, person in now.items():
        if id not in known:
            console.print(f"{_named(person)} takes part now.")
        elif known[id].here != person.here:
            back = "is back" if person.here else "does not answer"
            console.print(f"{_named(person)} {back}.")
    for id, person in known.items():
        if id not in now:
            console.print(f"{_named(person)} does not take part any more.")


def _named(person: Person) -> str:
    host = ", who shares it" if person.hosts else ""
    return f"{escape(person.name)} ({escape(person.address)}{host})"
