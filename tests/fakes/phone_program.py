"""A phone as a process of its own: `python -m tests.fakes.phone_program`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from mobility import Client, Introduction, Invitation, MobilityError, SessionAway
from mobility.protocol.delegation import Level
from mobility.tasks import Tasks
from mobility.transfer import Report
from mobility.visit import lending
from mobility.visit import screen as screens
from tests.fakes.programs import Observed, begin, document, heard
from tests.fakes.telling import tell

PAUSE = 0.05  # seconds until a user tries again, and more each time
PATIENT = 8  # times; a device that was killed needs a while to start on a slow machine
OPENS = 0.2  # seconds until a user opens the app: meanwhile the other side may ask


class Notebook(Observed):
    """An app that keeps its own strokes in a file, for as long as it runs here."""

    file: Path
    page: bytes

    @classmethod
    def opened(cls) -> Notebook:
        """As it was when this device last ran it."""
        strokes = ["canary first"]
        if cls.file.exists():
            strokes = json.loads(cls.file.read_text())
        board = cls(cls.page, tuple(strokes))
        board._write()
        tell("starts", board=board.number)
        return board

    def _write(self, *more: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps([*self.strokes, *more]))
        os.replace(new, self.file)

    async def start(self) -> None:
        self._write()
        await super().start()

    async def draw(self, stroke: str) -> None:
        if self.running:
            self._write(stroke)
        await super().draw(stroke)


async def main() -> None:
    order = begin()
    Notebook.file = order["data"].parent / "notebook"
    Notebook.page = document(order["size"])
    screens.CLEANING = lending.LOGIN = 1.0
    names = ("host", "port", "ca_file", "data")
    options = {name: order[name] for name in names}
    async with Client(order["jid"], order["password"], **options) as phone:
        phone.stream.xmpp.add_event_handler("disconnected", lambda _: tell("offline"))
        if order["life"] > 1:
            await go_on(phone)
        elif order["code"]:
            await visit(phone, order)
        else:
            await offer(phone)


async def visit(phone: Client, order: dict[str, Any]) -> None:
    async def approve(_: Introduction) -> str:
        tell("asks")
        return await heard()

    code = Invitation.parse(order["code"])
    board = Notebook.opened()
    level = Level(order.get("level", "guest"))
    async with AsyncExitStack() as stack:
        visit = phone.visit(code, approve=approve, level=level)
        try:
            screen = await stack.enter_async_context(visit)
        except MobilityError as exc:
            tell("ended", error=type(exc).__name__, text=str(exc))
            return
        tell("visits", jid=screen.jid)
        with drawing(board) as progress:
            error = await ended(phone.transfer(board, to=screen, progress=progress))
        if order["mutant"] and isinstance(error, SessionAway):
            assert board.session is not None
            await board.session.resume()  # two owners: the display may start yet
        await obey(phone, board)


async def offer(phone: Client) -> None:
    board = Notebook.opened()
    devices = await phone.devices()
    with drawing(board) as progress:
        await ended(phone.offer(board, to=devices, progress=progress))
    await obey(phone, board)


@contextlib.contextmanager
def drawing(board: Notebook) -> Iterator[Report]:
    """Its user draws as soon as something moves."""
    tasks: list[asyncio.Task[None]] = []

    def progress(_: object) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(board.draw("phone early")))

    yield progress


async def ended(moving: Awaitable[object]) -> MobilityError | None:
    """How the session went away, or did not."""
    try:
        await moving
    except MobilityError as exc:
        tell("ended", error=type(exc).__name__, text=str(exc))
        return exc
    tell("ended")
    return None


async def go_on(phone: Client) -> None:
    """After a start: with what was away or leaving, or else with what the app kept."""
    await asyncio.sleep(OPENS)
    found = phone.away(Notebook)
    app = found[0].app if found else Notebook.opened()
    assert isinstance(app, Notebook)
    if found and found[0].leaving:
        await ended(found[0].go_on())
    await obey(phone, app)


async def obey(phone: Client, board: Notebook) -> None:
    while line := await heard():
        match line.partition(" "):
            case "retrieve" | "reclaim" as way, _, stroke:
                async with Tasks() as tasks:
                    tasks.start(board.draw(stroke))  # meanwhile
                    await bring_back(phone, way)
                whole = board.document == board.page and board.whole
                tell("back", document=whole)
            case "draw", _, stroke:
                await board.draw(stroke)
        tell("shows", strokes=board.strokes, running=board.running)


async def bring_back(phone: Client, way: str) -> None:
    """As a user would: try, wait, and try again, or have it as it was saved."""
    for moved in phone._away:
        lent = moved.peer.partition("/")[0] == phone.jid.partition("/")[0]
        tries = 0
        while moved.away or moved.leaving:
            try:
                await (moved.retrieve() if way == "retrieve" else moved.reclaim())
            except MobilityError as exc:
                tell("waits", text=str(exc))
                tries += isinstance(exc, SessionAway) and lent
                way = "reclaim" if tries > PATIENT else way
                await asyncio.sleep(PAUSE * (1 + tries))


if __name__ == "__main__":
    asyncio.run(main())
