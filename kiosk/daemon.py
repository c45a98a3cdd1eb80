"""
A display's own process: a public display whose screen is a page.

A process has one visitor. Freed memory still holds what was in it, so after a visit the
process ends and its supervisor starts a fresh one with the same listening socket: the
page finds the same address, and nothing of the visitor.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from kiosk.reporting.line import Word, encode
from kiosk.reporting.report import Report
from kiosk.settings.settings import Settings, load
from kiosk.stage.app import PageAppFactory
from kiosk.stage.screen import Venue
from kiosk.stage.stage import Stage
from kiosk.web.sockets import bind, guard
from kiosk.web.web import listen
from mobility import (
    ConnectionFailed,
    Level,
    Listing,
    Offline,
    PublicDisplay,
    Scene,
    SettingsError,
    Visit,
)

__all__ = ["main", "open_stage", "run"]

RETRIES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds; the last one again and again
BEAT = 1.0  # seconds between two signs of life
ORPHAN = 12.0  # seconds to end in order once the supervisor has gone
LOST = "cannot be reached any more; this is tried again until it can"
STOPPED = 1  # exit code after a signal; 0 is for the end of a visit

log = logging.getLogger(__name__)


def main() -> None:
    """``python -m kiosk.daemon FILE ID SOCKET LINE``, as the supervisor starts it."""
    file, name, sock, number = sys.argv[1:]
    line = socket.socket(fileno=int(number))
    go, _, key = line.recv(64).decode().partition(" ")
    if go != "go":  # the supervisor has gone before the browser was fresh
        return
    threading.Thread(target=_watch, args=(line,), daemon=True).start()
    try:
        kiosk = load(Path(file))
        _log(name if len(kiosk.displays) > 1 else "")
        work = _until_signal(kiosk.display(name), int(sock), _teller(line), key)
        sys.exit(0 if asyncio.run(work) else STOPPED)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _log(name: str) -> None:
    text = f"{name}: %(message)s" if name else "%(message)s"
    logging.basicConfig(level=logging.INFO, format=text)
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)  # it names JIDs


def _teller(line: socket.socket) -> Callable[[Word], None]:
    def tell(word: Word) -> None:
        try:
            line.send(encode(word), socket.MSG_DONTWAIT)
        except OSError:
            return  # the supervisor is stuck or gone, and then we end soon

    return tell


def _watch(line: socket.socket) -> None:
    """End with the supervisor: a thread, since the event loop may be what hangs."""
    poll = select.poll()
    poll.register(line, 0)  # nothing but the hang-up
    poll.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN)
    os._exit(STOPPED)


async def _until_signal(
    settings: Settings, sock: int, tell: Callable[[Word], None], key: str
) -> bool:
    """Whether a visit has ended; False after a signal."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await run(settings, socket.socket(fileno=sock), tell, key=key)
    except asyncio.CancelledError:
        return False
    return True


@asynccontextmanager
async def open_stage(
    settings: Settings, sock: socket.socket | None = None, *, key: str = ""
) -> AsyncIterator[tuple[Stage, str]]:
    """
    Serve the page; gives the stage behind it, and its address.

    Args:
        settings: Of the display.
        sock: Where to listen, if it was opened before.
        key: Without it the page is not given away; empty for one that others open.

    """
    sock = sock or bind(settings.listen, "The page")
    rules = guard(sock, key)
    venue = Venue(
        settings.name,
        settings.operator,
        settings.place,
        tuple(app.name for app in settings.apps if app.name),
    )
    stage = Stage(venue, settings.apps, origin=rules.origin, clock=time.monotonic)
    async with listen(stage, rules, sock) as address:
        yield stage, address


async def run(
    settings: Settings,
    sock: socket.socket,
    tell: Callable[[Word], None],
    *,
    key: str = "",
) -> None:
    """Be a kiosk until cancelled, or until one visitor has come and gone."""
    report = Report(tell)
    async with open_stage(settings, sock, key=key) as (stage, _):
        beating = asyncio.create_task(_beat(report, stage))
        try:
            await _one_visit(settings, stage, report)
        finally:
            beating.cancel()
        stage.renew()


async def _beat(report: Report, stage: Stage) -> None:
    while True:
        report.beat(page=stage.is_open)
        await asyncio.sleep(BEAT)


async def _one_visit(settings: Settings, stage: Stage, report: Report) -> None:
    """Connect as often as it takes: a place may have power before it has a network."""
    for attempt in itertools.count():
        try:
            async with _display(settings, stage, report) as display:
                with report.connected(display):
                    async with (
                        _listed(settings, display) as in_use,
                        aclosing(display.visits()) as visits,
                    ):
                        visit = await anext(visits)
                        in_use()
                        await _host(visit, stage, report)
                return
        except ConnectionFailed as error:
            log.warning("%s", error)
            stage.show(Offline())
        await asyncio.sleep(RETRIES[min(attempt, len(RETRIES) - 1)])


@asynccontextmanager
async def _listed(
    settings: Settings, display: PublicDisplay
) -> AsyncIterator[Callable[[], None]]:
    """
    In the list of the display's server, if the settings say where it is.

    After a visit the entry stays: the next process goes on with it. Gives what is to be
    called when a visitor has come.
    """
    where = settings.location
    if where is None:
        yield lambda: None
        return
    async with Listing(display, where.spot, in_use=where.in_use) as listing:
        yield lambda: listing.use("taken")
        listing.stay()


def _display(settings: Settings, stage: Stage, report: Report) -> PublicDisplay:
    reached = True

    def show(scene: Scene) -> None:
        nonlocal reached
        if reached == isinstance(scene, Offline):
            reached = not reached
            log.warning("the server %s", "is reached again" if reached else LOST)
        report.scene(scene)
        stage.show(scene)

    return PublicDisplay(
        settings.jid,
        settings.password,
        name=settings.name,
        operator=settings.operator,
        place=settings.place,
        apps=[report.counted(PageAppFactory(app, stage)) for app in settings.apps],
        show=show,
        data=settings.data,
        host=settings.host,
        port=settings.port,
        ca_file=settings.ca_file,
        guests=settings.guests,
        invitation=settings.invitation,
        scans=settings.scans,
        idle=settings.idle,
        lifetime=settings.lifetime,
        levels=map(Level, settings.levels),
        servers=settings.servers,
        own_connection=settings.own_connection,
    )


async def _host(visit: Visit, stage: Stage, report: Report) -> None:
    """One visitor. The log knows them by a name of its own making."""
    visitor = secrets.token_hex(3)
    log.info("visitor %s came", visitor)
    with stage.visitor(visit.touch), report.visit(visit, visitor):
        async with visit:
            async for session in visit.sessions():
                report.showed(session.app.uri)
                log.info("visitor %s shows something in %s", visitor, session.app.uri)
    log.info("visitor %s left", visitor)


if __name__ == "__main__":
    main()
