"""How long a display keeps its login once its visitor has revoked it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mobility import Client, Introduction, PublicDisplay
from mobility.cli.rounds import Place
from mobility.protocol.delegation import Level
from mobility.protocol.invitation import Invitation
from mobility.public.scene import Comparing, Inviting, Scene
from tests.bench.figures import RunFailed

__all__ = ["revocation"]

DEADLINE = 20.0


class Watched(PublicDisplay):
    """A display in this process, that notes when its login was ended."""

    def __init__(self, place: Place) -> None:
        super().__init__(
            *place.display,
            name="Watched screen",
            show=self._note,
            scans=600,
            **place.address,
        )
        loop = asyncio.get_running_loop()
        self.code: asyncio.Future[str] = loop.create_future()
        self.digits: asyncio.Future[str] = loop.create_future()
        self.ended: asyncio.Future[float] = loop.create_future()

    def _note(self, scene: Scene) -> None:
        if isinstance(scene, Inviting) and not self.code.done():
            self.code.set_result(scene.uri)
        elif isinstance(scene, Comparing) and not self.digits.done():
            self.digits.set_result(scene.code)

    def _on_account(self, online: bool) -> None:
        if not online and not self.ended.done():
            self.ended.set_result(time.perf_counter())
        super()._on_account(online)


async def revocation(phone: Client, place: Place) -> float:
    """
    Milliseconds from `Client.revoke` to the end of the display's stream, as it sees it.

    The display is one of this process, so there is one clock; it logs in by a token,
    and what it is asked for at the end plays no part: the server ends the login.

    Raises:
        MobilityError, RunFailed: If anything did not hold.

    """
    async with asyncio.timeout(DEADLINE), _display(place) as display:

        async def approve(_: Introduction) -> str:
            return await display.digits

        invitation = Invitation.parse(await display.code)
        async with phone.visit(invitation, approve=approve, level=Level.TOKEN) as there:
            id = await _id(phone, there.jid)
            started = time.perf_counter()
            await phone.revoke(id)
            return (await display.ended - started) * 1000


async def _id(phone: Client, jid: str) -> str:
    for visit in (await phone.active_visits()).visits:
        if visit.resource == jid.partition("/")[2]:
            return visit.id
    raise RunFailed("The visit is not in the list of visits.")


@asynccontextmanager
async def _display(place: Place) -> AsyncIterator[Watched]:
    async with Watched(place) as display:
        hosting = asyncio.create_task(_host(display))
        try:
            yield display
        finally:
            hosting.cancel()
            await asyncio.wait({hosting})


async def _host(display: PublicDisplay) -> None:
    async for visit in display.visits():
        async with visit:
            await visit.gone()
