"""What slixmpp alone takes on the same way: one login with its own mechanisms."""

from __future__ import annotations

import asyncio
import time

from slixmpp import ClientXMPP

from mobility.cli.rounds import Place
from tests.bench.figures import RunFailed

__all__ = ["scram_login"]

DEADLINE = 20.0


async def scram_login(place: Place) -> float:
    """Milliseconds from connecting to a bound session: TCP, STARTTLS, SCRAM, bind."""
    jid, password = place.phone
    xmpp = ClientXMPP(f"{jid}/beside", password)
    xmpp.ca_certs = place.server.ca_file
    xmpp.enable_direct_tls = False  # it would be tried first, in vain
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[float] = loop.create_future()

    def end(_: object) -> None:
        if not ended.done():
            ended.set_result(time.perf_counter())

    xmpp.add_event_handler("session_start", end)
    started = time.perf_counter()
    xmpp.connect("127.0.0.1", place.port)
    try:
        async with asyncio.timeout(DEADLINE):
            return (await ended - started) * 1000
    except TimeoutError:
        raise RunFailed("slixmpp did not log in.") from None
    finally:
        await _close(xmpp)


async def _close(xmpp: ClientXMPP) -> None:
    await xmpp.disconnect(wait=1.0)
    # WORKAROUND: slixmpp 1.17 leaves its sending task to the garbage collector.
    task = xmpp._run_out_filters
    if task is not None:
        task.cancel()
        await asyncio.wait({task}, timeout=1)
