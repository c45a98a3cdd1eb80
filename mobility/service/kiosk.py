"""
A display that a service invites on Mobilis' wire (docs/protocol/mobilis.md).

The wire of 2012 has no token: whoever knows the display's address can ask. So nothing
is shown before somebody in front of it has read a warning, and said yes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from mobility.errors import RemoteProtocolError, TransferAborted, VisitRefused
from mobility.protocol.mobilis import Invited, KioskRequest
from mobility.protocol.session import Stanza
from mobility.xmpp.mobilis import MobilisTransfer
from mobility.xmpp.stream import Stream

__all__ = ["OldInvitation", "OldKiosk", "ask_for_kiosk"]

DECIDE = 110.0  # seconds for a person to say yes or no; a service waits for 120
_MOST_WAITING = 16
_MOST_PACKETS = 10_000  # that wait for a slow display
WARNING: Final = (
    "{service} would like to show something here. Nobody can tell who asked it to."
)
PHONE_WARNING: Final = (
    "{kiosk} is an old screen: the code proves nothing about it, and both servers can "
    "read what it is sent."
)


async def ask_for_kiosk(
    stream: Stream,
    service: str,
    app: str,
    kiosk: str,
    *,
    approve: Callable[[str], Awaitable[bool]],
) -> None:
    """
    Have a service, of which we are a member, invite a kiosk that was scanned.

    Args:
        stream: Our connection.
        service: Its JID.
        app: URI of the app.
        kiosk: Full JID, the text of the code.
        approve: Is given the sentence that a person must read, and says yes or no.

    Raises:
        TransferAborted: The user does not want it.
        MobilityError: The service or the kiosk does not.

    """
    request = KioskRequest(app, kiosk)
    if not await approve(PHONE_WARNING.format(kiosk=kiosk)):
        raise TransferAborted("You did not want it; nothing is shown there.")
    stream.xmpp.register_plugin(MobilisTransfer.name)
    await MobilisTransfer.of(stream.xmpp).request(service, request, seconds=130.0)


class OldInvitation:
    """
    A service asks this display to show something.

    Attributes:
        service: Its JID, as its server vouches for it.
        app: URI of the app.
        params: What the service calls the session.
        warning: The sentence that a person reads before saying yes.

    """

    def __init__(self, stream: Stream, service: str, said: Invited) -> None:
        self.service = service
        self.app, self.params = said.app, said.params
        self.warning = WARNING.format(service=service)
        self._wire = stream.splitting
        self._packets: asyncio.Queue[Stanza] = asyncio.Queue(_MOST_PACKETS)
        self._decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def accept(self) -> None:
        """Show it: from now on there are `packets`."""
        if not self._decided.done():
            self._wire.listen_to(self.service, self._take)
            self._decided.set_result(True)

    def refuse(self) -> None:
        """Do not show it."""
        if not self._decided.done():
            self._decided.set_result(False)

    def end(self) -> None:
        """Show it no more."""
        self._wire.listen_to(self.service, None)

    async def packets(self) -> AsyncIterator[Stanza]:
        """What the service sends; nothing proves that none is missing."""
        while True:
            yield await self._packets.get()

    def _take(self, stanza: Stanza) -> None:
        if not self._packets.full() and stanza.namespace == self.app:
            self._packets.put_nowait(stanza)

    async def _decision(self) -> None:
        try:
            async with asyncio.timeout(DECIDE):
                if await self._decided:
                    return
        except TimeoutError:
            self.refuse()
        raise VisitRefused("Nobody wants it to be shown here.")


class OldKiosk:
    """
    This display, for services that know no other wire.

    Args:
        stream: Its connection.

    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._waiting: asyncio.Queue[OldInvitation] = asyncio.Queue(_MOST_WAITING)

    async def __aenter__(self) -> Self:
        self._stream.xmpp.register_plugin(MobilisTransfer.name)
        self._wire = MobilisTransfer.of(self._stream.xmpp)
        self._wire.invited = self._invited
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._wire.ignore()
        while not self._waiting.empty():
            self._waiting.get_nowait().refuse()

    async def invitations(self) -> AsyncIterator[OldInvitation]:
        """What services ask; each waits for less than two minutes."""
        while True:
            invitation = await self._waiting.get()
            if not invitation._decided.done():
                yield invitation

    async def _invited(self, service: str, said: Invited) -> None:
        if self._waiting.full():
            raise RemoteProtocolError("Too many wait for an answer here.")
        invitation = OldInvitation(self._stream, service, said)
        self._waiting.put_nowait(invitation)
        await invitation._decision()
