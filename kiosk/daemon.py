"""
The daemon: a public display whose screen is a page.

A process has one visitor. Freed memory still holds what was in it, so after a visit
the process is replaced by a fresh one (`__main__`), which inherits the listening
socket: the page finds the same address, and nothing of the visitor.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from kiosk.app import PageAppFactory
from kiosk.guard import Guard
from kiosk.screen import Venue
from kiosk.settings import Settings
from kiosk.stage import Stage
from kiosk.web import listen
from mobility import ConnectionFailed, Offline, PublicDisplay, SettingsError, Visit

__all__ = ["open_stage", "run"]

RETRIES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds; the last one again and again

log = logging.getLogger(__name__)


SOCKET = "MOBILITY_KIOSK_SOCKET"  # number of the descriptor that is inherited


def inherited_socket() -> socket.socket | None:
    """The listening socket of the process that we replace, if there was one."""
    number = os.environ.pop(SOCKET, "")
    return socket.socket(fileno=int(number)) if number else None


def bequeath(sock: socket.socket) -> None:
    """Keep the socket open for the process that replaces us."""
    sock.set_inheritable(True)
    os.environ[SOCKET] = str(sock.detach())


def _bind(settings: Settings) -> socket.socket:
    host, port = settings.listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"The page cannot listen on {host}:{port}: {error.strerror}. "
            "Change listen in the settings, or stop what is using it."
        ) from None


@asynccontextmanager
async def open_stage(
    settings: Settings, sock: socket.socket | None = None
) -> AsyncIterator[tuple[Stage, str]]:
    """Serve the page; gives the stage behind it, and its address."""
    host, _ = settings.listen
    sock = sock or _bind(settings)
    # what is beyond loopback is forwarded to us, and the browser sees the near end
    shown = host if host in ("127.0.0.1", "::1") else "127.0.0.1"
    guard = Guard(shown, sock.getsockname()[1])
    venue = Venue(
        settings.name,
        settings.operator,
        settings.place,
        tuple(app.name for app in settings.apps if app.name),
    )
    stage = Stage(venue, settings.apps, origin=guard.origin, clock=time.monotonic)
    async with listen(stage, guard, sock) as address:
        yield stage, address


async def run(settings: Settings, *, opened: Callable[[str], None]) -> None:
    """
    Be a kiosk until cancelled, or until one visitor has come and gone.

    Args:
        settings: What the file said.
        opened: Called with the address of the page once it can be opened; not for a
            process that goes on where another was.

    """
    inherited = inherited_socket()
    sock = inherited or _bind(settings)
    spare = sock.dup()
    async with open_stage(settings, sock) as (stage, address):
        if inherited is None:
            opened(address)
        await _one_visit(settings, stage)
        stage.renew()
    bequeath(spare)


async def _one_visit(settings: Settings, stage: Stage) -> None:
    """Connect as often as it takes: a place may have power before it has a network."""
    for attempt in itertools.count():
        try:
            async with (
                _display(settings, stage) as display,
                aclosing(display.visits()) as visits,
            ):
                await _host(await anext(visits), stage)
                return
        except ConnectionFailed as error:
            log.warning("%s", error)
            stage.show(Offline())
        await asyncio.sleep(RETRIES[min(attempt, len(RETRIES) - 1)])


def _display(settings: Settings, stage: Stage) -> PublicDisplay:
    return PublicDisplay(
        settings.jid,
        settings.password,
        name=settings.name,
        operator=settings.operator,
        place=settings.place,
        apps=[PageAppFactory(app, stage) for app in settings.apps],
        show=stage.show,
        data=settings.data,
        host=settings.host,
        port=settings.port,
        ca_file=settings.ca_file,
        guests=settings.guests,
        invitation=settings.invitation,
        scans=settings.scans,
        idle=settings.idle,
        lifetime=settings.lifetime,
    )


async def _host(visit: Visit, stage: Stage) -> None:
    """One visitor. The log knows them by a name of its own making."""
    visitor = secrets.token_hex(3)
    log.info("visitor %s came", visitor)
    with stage.visitor(visit.touch):
        async with visit:
            async for session in visit.sessions():
                log.info("visitor %s shows something in %s", visitor, session.app.uri)
    log.info("visitor %s left", visitor)
