"""A session whose state lives in a node: what is said goes there, in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from mobility.errors import InvalidState
from mobility.protocol.capture import Logged, PacketLog, Place
from mobility.protocol.session import Stanza
from mobility.xmpp.published import MobilityPublished

__all__ = ["Publication"]


_AT_ONCE = 16  # items on their way to the service


class Publication:
    """
    The node of one session.

    Whoever made it owns it, and says who else may read and publish. Only who runs the
    session publishes; `Session` sees to that.

    Attributes:
        place: Where it is, and how far; None as long as there is no node.

    """

    def __init__(self, nodes: MobilityPublished) -> None:
        self.place: Place | None = None
        self._nodes = nodes
        self._done = 0  # packets of the log that are in the node
        self._publishing = asyncio.Lock()

    async def flush(self, log: PacketLog) -> Place:
        """
        Publish what is not there yet; what is said meanwhile is left for the next time.

        Raises:
            PeerUnreachable: If the service does not take it; the rest stays to be done.

        """
        until = log.added
        async with self._publishing:
            place = self.place = self.place or await self._nodes.create()
            while self._done < until:
                waiting = self.waiting(log)
                if len(waiting) < log.added - self._done:  # it went before it was sent
                    place = replace(place, cut=log.cut)
                    self._done = log.added - len(waiting)
                    continue
                some = waiting[: min(_AT_ONCE, until - self._done)]
                await self._publish(place, some)
                self._done += len(some)
                last, count = some[-1].stanza.id, place.count + len(some)
                place = self.place = replace(place, last=last, count=count)
            return place

    async def _publish(self, place: Place, some: list[Logged]) -> None:
        """Without waiting in between: a service takes what we say in its order."""
        await asyncio.gather(
            *(self._nodes.publish(place, each.stanza, each.direction) for each in some)
        )

    def waiting(self, log: PacketLog) -> list[Logged]:
        """What is not published yet."""
        return log.since(self._done)

    async def catch_up(
        self, place: Place, log: PacketLog, heard: Callable[[Stanza], None], now: float
    ) -> None:
        """
        Fetch all packets into the log, and follow what comes.

        Raises:
            InvalidState: If the last packet is not there, or it is another node than
                that which this session has.
            PeerUnreachable: If the service does not let us.

        """
        self.expect(place)
        items = await self._nodes.follow(place, lambda item: heard(item[0]))
        ids = [stanza.id for stanza, _ in items]
        if place.last and place.last not in ids:
            raise InvalidState("Where the session is published, its end is missing.")
        log.clear()
        for stanza, direction in items:
            log.add(stanza, direction, now=now)
        self._done = log.added
        if len(items) < place.count and items:
            place = replace(place, cut=items[0][0].delay)
        self.place = replace(place, last=ids[-1] if ids else "", count=len(ids))

    def expect(self, place: Place) -> None:
        """
        See that a state is published where this session is.

        Raises:
            InvalidState: If it is elsewhere.

        """
        if self.place is not None and self.place.node_of != place.node_of:
            raise InvalidState("The session is published in another place than it was.")

    @property
    def cut(self) -> float | None:
        """Up to this stamp packets are missing, if any are."""
        return None if self.place is None else self.place.cut

    @property
    def _owns(self) -> bool:
        return self.place is not None and self.place.owner == self._nodes.jid

    async def grant(self, jid: str, affiliation: str) -> None:
        """
        Let a device in or out, if that is ours to say; see `MobilityPublished`.

        A device of the owner's own is in, and cannot be put out.
        """
        if self.place is None or not self._owns or not jid:
            return
        if jid.partition("/")[0] != self.place.owner:
            await self._nodes.grant(self.place, jid, affiliation)

    def leave(self) -> None:
        """Hear no more of it."""
        if self.place is not None:
            self._nodes.leave(self.place)

    async def delete(self) -> None:
        """Remove it from the service, if it is ours."""
        if self.place is not None and self._owns:
            await self._nodes.delete(self.place)
            self.place, self._done = None, 0
