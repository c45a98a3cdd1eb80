"""A device to which its server brings only what the parts that run there listen to."""

from __future__ import annotations

from mobility.client.devices import Devices
from mobility.feeding.feeding import Feeding
from mobility.feeding.filtering import Filter, Filtering
from mobility.feeding.relaying import Relaying
from mobility.parts.piece import Piece
from mobility.parts.whole import PartedApp
from mobility.protocol.filtering import Way
from mobility.protocol.session import Stanza
from mobility.session import Session

__all__ = ["Filters"]


class Filters(Devices):
    """What a device does so that packets of an app's service come where they belong."""

    def _wire(self) -> None:
        super()._wire()
        self._filtering = Filtering(self.stream, self._tasks)
        self._relaying = Relaying(self.stream, self._filtering, self._tasks)
        self._feeding = Feeding(self.stream, self._tasks)
        self._relaying.fed = self._feeding.way
        self._feeding.changed = self._relaying.news.set
        self._arrivals.on_come = self._come
        self._arrivals.on_go = self._gone
        if self._own is not None:
            self._own.known.watchers.add(self._relaying.news)
            self._own.way = self._checked
            self._filtering.changed = self._say_so

    def _on_change(self, online: bool) -> None:
        super()._on_change(online)
        if online:
            self._filtering.online(resumed=self.stream.resumed)
            self._feeding.online(resumed=self.stream.resumed)

    async def _checked(self) -> Way:
        return (await self._filtering.check()).way

    def _come(self, session: Session) -> None:
        if isinstance(session.app, Piece):
            self._relaying.host(session.app)
            self._feeding.host(session.app)

    def _gone(self, session: Session) -> None:
        if isinstance(session.app, Piece):
            self._relaying.release(session.app)
            self._feeding.release(session.app)

    def _say_so(self) -> None:
        self._tasks.start(self._devices().come_by(self._filtering.now.way))

    def attend(self, app: PartedApp) -> None:
        """
        Bring the parts of an app what its services say, wherever they run.

        A service that knows of parts (`Service`) is told where each one runs, and sends
        it what is for it. Others write to this device, or to the account. Parts on
        devices for which the account's server filters (`filtering`) have it from there,
        as far as it is written to the account; to the others this device passes it on.
        Until the app's session ends.
        """
        self._relaying.attend(app)
        self._feeding.attend(app)

    async def tell(self, service: str, stanza: Stanza) -> None:
        """
        Say a packet to a service; when this returns, it has it, once.

        Raises:
            PeerUnreachable: It does not answer for a minute: it may have it or not.
            RemoteProtocolError: It does not know of parts.
            ValueError: If the packet cannot be said in XML.

        """
        await self._feeding.feeds.say(service, stanza)

    async def filtering(self) -> Filter:
        """
        What the server of the account does so that parts get what they listen to.

        It is asked, and tried, on each new session, and again now if it did not do so.
        """
        if self._filtering.now.problem:
            await self._filtering.check()
        return self._filtering.now
