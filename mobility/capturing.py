"""What of a session moves, taken as its capture says, and loaded where it came to."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from mobility.app import App
from mobility.errors import InvalidState, MobilityError, TransferAborted
from mobility.failures import traced
from mobility.protocol.capture import (
    Capture,
    Direction,
    PacketLog,
    Place,
    packed,
    unpacked,
)
from mobility.protocol.session import Stanza, State
from mobility.publishing import Publication
from mobility.xmpp.published import MobilityPublished

__all__ = ["Capturing", "guarded"]

log = logging.getLogger(__name__)
_MOST_SNAPSHOTS = 10
_MOST_WAITING = 50  # packets that go along with a commit, rather than be published


class Capturing:
    """
    The state of one session's app, the log of its packets, and where it is published.

    Attributes:
        said: How many packets the app had a part in, also while nobody listens.

    Args:
        app: Whose state it is.
        nodes: Where a published state can live.
        hear: Takes what is published, by whomever; our own comes back.

    """

    def __init__(
        self,
        app: App,
        nodes: MobilityPublished | None,
        *,
        hear: Callable[[Stanza], None],
    ) -> None:
        self.said = 0
        self._app = app
        self._hear = hear
        self._published = None if nodes is None else Publication(nodes)
        self._expected: Capture | None = None  # once it is known how it is captured
        self._bound_for = ""  # who may read what is published, and is to go on with it

    # --- packets ---------------------------------------------------------------

    def stamped(self, stanza: Stanza, sender: str = "") -> Stanza:
        return self._app.log.stamped(stanza, at=self._app._now(), sender=sender)

    def keep(self, stanza: Stanza, direction: Direction) -> bool:
        """Whether it is new, as far as the log goes back."""
        if not self._app.capture.logs:
            return True
        return self._app.log.add(stanza, direction, now=self._app._now())

    # --- out -------------------------------------------------------------------

    def begin(self) -> None:
        """It moves: whoever hands it over later has captured it as it is now."""
        self._expected = self._app.capture

    async def undisturbed(self) -> State:
        """
        What moves, without a packet that came while it was taken.

        An app that says something while it is taken may have put it into the state or
        not. Then another one is taken.
        """
        for _ in range(_MOST_SNAPSHOTS):
            said = self.said
            state = await self.captured()
            if said == self.said or self.publishes:
                break
        return state

    async def captured(self) -> State:
        """What would move now."""
        app, capture = self._app, self._app.capture
        if capture is Capture.SNAPSHOT:
            return await app.snapshot()
        if capture is Capture.HYBRID:
            return packed(await self._based(), capture, app.log)
        if capture is Capture.REPLAY:
            return packed(await app.initial(), capture, app.log)
        state, place = await app.initial(), self.publication.place
        if place is None or len(self.publication.waiting(app.log)) > _MOST_WAITING:
            place = await self.publication.flush(app.log)
        return packed(state, capture, app.log, place)

    async def _based(self) -> State:
        """The snapshot that the log comes after; a new one, if that does not reach."""
        app = self._app
        if app._base is None or app.log.cut is not None:
            said = self.said
            state = await app.snapshot()
            if said != self.said:
                return state  # the caller will ask again
            app.compact(state)
        assert app._base is not None
        return app._base

    # --- in --------------------------------------------------------------------

    def expect(self, state: State) -> None:
        """See `Session.expect`."""
        _, self._expected, place = unpacked(state, PacketLog(self._app.log_limits))
        if place is not None:
            self.publication.place = place
        self._app._expects(state)

    def migrated(self, state: State, schema: int) -> State:
        """The state in our own layout; what the SDK added to it stays beside it."""
        if schema == self._app.schema:
            return state
        packets = PacketLog(self._app.log_limits)
        plain, capture, place = unpacked(state, packets)
        return packed(self._app.migrate(plain, schema), capture, packets, place)

    async def load(self, state: State) -> None:
        """
        Restore, and replay what comes after.

        Raises:
            InvalidState: If the state cannot be used.

        """
        app = self._app
        plain, capture, place = unpacked(state, app.log)
        if self._expected not in {None, capture}:
            raise InvalidState("The session was captured in another way than here.")
        self._expected = app.capture = capture
        cut = app.log.cut
        if place is not None:
            await self._catch_up(place)
            cut = self.publication.cut
        app._base = plain if app.capture is Capture.HYBRID else None
        await app.restore(plain)
        if cut is not None:
            await app.replay_cut(cut)
        for stanza in tuple(app.log):
            await guarded(app.replay(stanza))

    async def load_again(self, state: State) -> None:
        """It is ours already: if its node does not answer, what is here must do."""
        try:
            await self.load(state)
        except MobilityError as exc:
            log.warning("the last of a published session is missing: %s", exc)

    async def _catch_up(self, place: Place) -> None:
        app = self._app
        await self.publication.catch_up(place, app.log, self._hear, app._now())

    # --- published -------------------------------------------------------------

    @property
    def publishes(self) -> bool:
        return self._app.capture is Capture.PUBLISHED

    @property
    def publication(self) -> Publication:
        if self._published is None:
            raise TransferAborted("This device cannot publish a session.")
        return self._published

    def waiting(self) -> list[Stanza]:
        """What is still to be published."""
        if not self.publishes:
            return []
        return [logged.stanza for logged in self.publication.waiting(self._app.log)]

    async def flush(self) -> None:
        """Publish all; see `Publication.flush`."""
        await self.publication.flush(self._app.log)

    async def publish(self) -> None:
        """What cannot be published now is, with the next packet or checkpoint."""
        try:
            await self.flush()
        except (MobilityError, ValueError) as exc:
            log.warning("a packet could not be published: %s", traced(exc))

    async def admit(self, jid: str) -> None:
        """It is to go there: they may read what is published."""
        if self.publishes:
            self._bound_for = jid
            await self.publication.grant(jid, "member")

    async def hand_over(self) -> None:
        """It does not run here any more: who was admitted publishes now."""
        if self.publishes:  # what waits goes along, and is published there
            await self.publication.grant(self._bound_for, "publisher")

    async def withdraw(self) -> None:
        """Who was admitted does not get it."""
        await self.fence(self._bound_for)

    async def fence(self, jid: str) -> None:
        """It runs here: nobody else publishes, as far as the service can see to it."""
        if self.publishes and jid:
            try:
                await self.publication.grant(jid, "none")
            except MobilityError as exc:
                log.warning("a device may still publish: %s", exc)

    def leave(self) -> None:
        """Hear no more of what is published."""
        if self._published is not None:
            self._published.leave()


async def guarded(applied: Awaitable[None]) -> None:
    """An app's bug with one packet must not end the session."""
    try:
        await applied
    except Exception as exc:
        log.error("the app failed to apply a packet: %s", traced(exc))
