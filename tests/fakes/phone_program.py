"""A phone as a process of its own: `python -m tests.fakes.phone_program`."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from mobility import Client, Introduction, Invitation, MobilityError, SessionAway
from mobility import screen as screens
from mobility.tasks import Tasks
from tests.fakes.programs import Observed, begin, heard, tell

DOCUMENT = b"canary document" * 5000  # two frames
PAUSE = 0.05  # seconds until a user tries again
OPENS = 0.2  # seconds until a user opens the app: meanwhile the other side may ask


class Notebook(Observed):
    """An app that keeps its own strokes in a file, for as long as it runs here."""

    file: Path

    @classmethod
    def opened(cls) -> Notebook:
        """As it was when this device last ran it."""
        strokes = ["canary first"]
        if cls.file.exists():
            strokes = json.loads(cls.file.read_text())
        board = cls(DOCUMENT, tuple(strokes))
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
    screens.CLEANING = 1.0
    names = ("host", "port", "ca_file", "data")
    options = {name: order[name] for name in names}
    async with Client(order["jid"], order["password"], **options) as phone:
        phone.stream.xmpp.add_event_handler("disconnected", lambda _: tell("offline"))
        if order["code"]:
            await visit(phone, order)
        else:
            await go_on(phone)


async def visit(phone: Client, order: dict[str, Any]) -> None:
    async def approve(_: Introduction) -> str:
        tell("asks")
        return await heard()

    code = Invitation.parse(order["code"])
    board = Notebook.opened()
    async with phone.visit(code, approve=approve) as screen, Tasks() as tasks:
        drawing: list[object] = []

        def progress(_: object) -> None:
            if not drawing:
                drawing.append(tasks.start(board.draw("phone early")))

        try:
            await phone.transfer(board, to=screen, progress=progress)
        except MobilityError as exc:
            if order["mutant"] and isinstance(exc, SessionAway):
                assert board.session is not None
                await board.session.resume()  # two owners: the display may start yet
            tell("ended", error=type(exc).__name__, text=str(exc))
        else:
            tell("ended")
        await obey(phone, board)


async def go_on(phone: Client) -> None:
    """After a start: with what was away, or else with what the app itself has kept."""
    await asyncio.sleep(OPENS)
    found = phone.away(Notebook)
    app = found[0].app if found else Notebook.opened()
    assert isinstance(app, Notebook)
    await obey(phone, app)


async def obey(phone: Client, board: Notebook) -> None:
    while line := await heard():
        match line.partition(" "):
            case "retrieve" | "reclaim" as way, _, stroke:
                async with Tasks() as tasks:
                    tasks.start(board.draw(stroke))  # meanwhile
                    await bring_back(phone, way)
                tell("back", document=board.document == DOCUMENT)
            case "draw", _, stroke:
                await board.draw(stroke)
        tell("shows", strokes=board.strokes, running=board.running)


async def bring_back(phone: Client, way: str) -> None:
    """As a user would: try, wait, and try again."""
    for moved in tuple(phone._moved.values()):
        while moved.away or moved.leaving:
            try:
                await (moved.retrieve() if way == "retrieve" else moved.reclaim())
            except MobilityError as exc:
                tell("waits", text=str(exc))
                await asyncio.sleep(PAUSE)


if __name__ == "__main__":
    asyncio.run(main())
