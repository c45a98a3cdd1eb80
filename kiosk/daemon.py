"""The daemon: a public display whose screen is a page."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def open_stage(settings: Settings) -> AsyncIterator[tuple[Stage, str]]:
    """Serve the page; gives the stage behind it, and its address."""
    host, port = settings.listen
    try:
        sock = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise SettingsError(
            f"The page cannot listen on {host}:{port}: {error.strerror}. "
            "Change listen in the settings, or stop what is using it."
        ) from None
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
    Be a kiosk until cancelled.

    Args:
        settings: What the file said.
        opened: Called with the address of the page once it can be opened.

    """
    async with open_stage(settings) as (stage, address):
        opened(address)
        attempt = 0
        while True:
            try:
                await _connected(settings, stage)
            except ConnectionFailed as error:
                log.warning("%s", error)
                stage.show(Offline())
            # a place without a server is what a screen finds after a power cut
            await asyncio.sleep(RETRIES[min(attempt, len(RETRIES) - 1)])
            attempt += 1


async def _connected(settings: Settings, stage: Stage) -> None:
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with PublicDisplay(
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
        invitation=settings.invitation,
        idle=settings.idle,
        lifetime=settings.lifetime,
    ) as display:
        log.info("connected as %s", settings.jid)
        async for visit in display.visits():
            await _host(visit, stage)


async def _host(visit: Visit, stage: Stage) -> None:
    """One visitor. The log knows them by a name of its own making."""
    visitor = secrets.token_hex(3)
    log.info("visitor %s came", visitor)
    with stage.visitor(visit.touch):
        async with visit:
            async for session in visit.sessions():
                log.info("visitor %s shows something in %s", visitor, session.app.uri)
    log.info("visitor %s left", visitor)
