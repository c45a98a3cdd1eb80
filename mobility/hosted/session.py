"""A session that came from another device: it goes back, or becomes our own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from mobility import changes
from mobility.app import App
from mobility.errors import TransferAborted
from mobility.failures import told, traced
from mobility.hosted.adoption import Adoption
from mobility.hosted.ground import Ground
from mobility.hosted.jobs import Jobs
from mobility.hosted.returning import has_gone, way_back
from mobility.hosted.saving import Saving
from mobility.protocol import transfer as proto
from mobility.protocol.session import State
from mobility.protocol.transfer import Phase
from mobility.session import Session
from mobility.transfer import (
    Incoming,
    Link,
    Outgoing,
    Report,
    Tail,
    timing,
    unseen,
)
from mobility.xmpp.errors import UnknownTransfer

__all__ = ["Hosted"]

log = logging.getLogger(__name__)
CLOSE = 5.0  # seconds for an app to forget what it showed


class Hosted:
    """
    One session, from the offer on.

    Attributes:
        session: Runs here once its initiator has committed.
        running: Set from then on.
        unclean: Whether its app could not be closed.

    Args:
        ground, link, incoming: Where we are, and how it comes.
        app: Fresh, to be restored.
        offer: What was offered.

    """

    def __init__(
        self,
        ground: Ground,
        link: Link,
        incoming: Incoming,
        app: App,
        offer: proto.Offer,
    ) -> None:
        wire, nodes = ground.sessions, ground.published
        self.session = Session(offer.session, app, send=wire.send_packet, nodes=nodes)
        self.incoming = incoming
        self.running = asyncio.Event()
        self.unclean = False
        self._was_here = incoming.holds  # before a crash
        self.on_change: Callable[[], None] = lambda: None
        self.on_gone: Callable[[], None] = lambda: None
        self._ground = ground
        self._link = link
        self.offer = offer
        self._saving = Saving(wire, link.secret, self.session, incoming)
        self._adoption = Adoption(self.session, incoming, link.contents)
        self._jobs = Jobs(ground.start)
        self._giving: Outgoing | None = None
        self._giver: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._forgotten = asyncio.Event()
        app.session, app._checkpoint = self.session, self._saving.ask
        self.session.touched = self._touched
        self.session.runs, self.session.size = False, offer.size
        self.session.meet(
            *(incoming.peer, incoming.sid, offer.epoch),
            life=incoming.life,
            heard=incoming.applied,
        )
        incoming.watch(self.session)
        incoming.on_peer = self.follow
        incoming.on_release = self._on_release
        self._on_release()

    def __repr__(self) -> str:
        return f"<Hosted {self.session.id}>"

    @property
    def gone(self) -> bool:
        """It is dropped, or about to be."""
        return self._closing is not None

    @property
    def lost(self) -> bool:
        """It ran here, and does not any more."""
        ran = self._was_here or self.running.is_set()
        return self.gone and ran and not self.incoming.holds

    # --- it comes ----------------------------------------------------------------

    async def arrive(self, progress: Report = unseen) -> None:
        """
        Take it, and run it.

        Raises:
            MobilityError: It stays where it was; nothing of it is left here, unless
                it was ours before a crash. Then it can be tried again.

        """
        try:
            await self._settle()
            await self.incoming.receive(self.offer, self._restore, progress)
            await self._run(await self.incoming.committed())
        except BaseException:
            await (self._put_aside() if self.incoming.holds else self.drop())
            raise

    async def _settle(self) -> None:
        """It may have gone back when we crashed."""
        about = self._link, self.session, self.incoming, self._ground.transfers
        if await has_gone(*about):
            await self.drop()
            raise TransferAborted("The session was taken back.")

    async def _restore(self, state: State) -> None:
        self.session.title = state.title
        await self.session.load(state, self.offer.schema)

    async def _run(self, tail: Tail) -> None:
        await self.session.take(tail.packets, heard=tail.heard)
        self.running.set()
        for job in (
            self.incoming.confirm(),
            self.session.apply_packets(),
            self._save(),
            self._obey(),
            self._become_own(),
        ):
            self._jobs.start(job)
        if self._was_here:  # what was said while we were away comes again
            self._jobs.start(self.incoming.inquire())

    def _touched(self) -> None:
        self._saving.touch()
        self.on_change()

    def follow(self, peer: str) -> None:
        """The other device was restarted, and has proved that it is the same."""
        self.session.peer = peer

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        if not resumed:
            self.session.resend()
        self._jobs.start(self.incoming.inquire())

    async def _save(self) -> None:
        """Until whoever sent the session has taken it back."""
        await self._saving.run()
        await self._cease()

    async def _obey(self) -> None:
        """Whoever sent the session may reclaim it at any time."""
        with contextlib.suppress(TransferAborted):
            await self.incoming.expect(proto.Reclaim, seconds=None)
        await self._cease()

    async def _cease(self) -> None:
        """It runs elsewhere."""
        self.session.runs = False
        try:
            await self.session.app.stop()
        except Exception as exc:
            log.error("an app failed to stop: %s", traced(exc))
        await self.drop()

    # --- it stays ----------------------------------------------------------------

    def _on_release(self) -> None:
        """Not while it goes back: then whoever has it stands by other words."""
        if self.session.runs or not self.running.is_set():
            self._adoption.hear_release()

    async def _become_own(self) -> None:
        """Who sent it does not keep it any more: it is this device's, for good."""
        owned = self._ground.owned
        while owned is not None and not self.gone:
            await self._adoption.until_release()
            try:
                if await self._adopt():
                    owned.follow(self.session)
                    await self._part()
                    return
            except Exception as exc:
                log.info("not yet our own: %s", told(exc))
                await asyncio.sleep(changes.CHECKPOINT)

    async def _adopt(self) -> bool:
        """Write it down as our own, in the place of how it came."""
        kept = await self._adoption.written()
        if kept is None:
            return False
        if not self.incoming.adopt(kept):
            log.warning("a session that came here is out of date, and ends")
            await self._cease()
            return False
        return True

    async def _part(self) -> None:
        """There is no other device any more; the session goes on."""
        self._ground.transfers.close(self.incoming)
        self.session.separate()
        await self.session.settle()  # nobody is to be cancelled amid a packet
        self._jobs.cancel()
        self.on_gone()
        self._forgotten.set()

    async def settle_gift(self) -> None:
        """If it was given, ask whether it is ours by now."""
        if self.incoming.given and self._ground.owned is not None:
            await self.incoming.inquire()
            if self.incoming.released:
                with contextlib.suppress(TimeoutError):  # then it is not ours yet
                    async with asyncio.timeout(timing.STEP):
                        await self._forgotten.wait()

    # --- it goes -----------------------------------------------------------------

    def give(self, sid: str, peer: str, request: proto.Request) -> None:
        """
        Hand it back, since its owner asks for it.

        Raises:
            UnknownTransfer: If it does not run here.
            InvalidState: If somebody else asks.

        """
        if not self.incoming.machine.runs:
            raise UnknownTransfer("That session does not run here.")
        outgoing = way_back(self._link, sid, peer, self.session, self.incoming)
        outgoing.exchanges += 1
        outgoing.hear(request)
        before = self._giver
        if self._giving is not None and self._giving.machine.runs:
            assert before is not None
            before.cancel()  # who asks again does not wait for the last answer
        self._ground.transfers.add(outgoing)
        self._giving = outgoing
        self._giver = self._jobs.start(self._give(outgoing, before))

    async def _give(
        self, outgoing: Outgoing, before: asyncio.Task[None] | None
    ) -> None:
        await outgoing.expect(proto.Request, seconds=None)
        if before is not None:
            await asyncio.wait({before})
        try:
            async with asyncio.timeout(timing.GOODBYE):
                await self.running.wait()
            if self.gone:
                raise TransferAborted("That session does not run here any more.")
            await outgoing.run()
        except Exception as exc:
            outgoing.abort("The session could not be handed back.")
            log.info("not given back: %s", told(exc))
            self._saving.touch()  # what was written down for the commit is out of date
            if outgoing.machine.state is Phase.LOST:  # they do not have it, so we do
                await self.session.resume()
            return
        finally:
            self._ground.transfers.close(outgoing)
        await self.drop()

    async def drop(self) -> None:
        """Forget it, and let the other device know so when it asks."""
        if self.gone:
            return
        self._ground.transfers.drop(self.incoming)
        self.incoming.discard()
        await self._leave()

    async def _put_aside(self) -> None:
        """It is ours, but cannot run now: what is written down of it stays."""
        if not self.gone:
            await self._leave()
            self.incoming.again()

    async def _leave(self) -> None:
        self.session.end()
        self.incoming.framed.clear()
        self._jobs.cancel()
        # Whoever dropped it may be cancelled when a visit ends; the wipe is not.
        self._closing = self._ground.start(self._close())
        self.on_gone()
        self._forgotten.set()
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE):
                await self.session.close()
        except Exception as exc:  # whatever an app does, the wipe goes on
            self.unclean = True
            log.error("an app failed to close: %s", traced(exc))

    async def settled(self) -> None:
        """If its transfer was ended, wait until it is dropped."""
        if self.incoming.machine.over:
            await self._forgotten.wait()

    async def closed(self) -> None:
        """Wait until its app has forgotten it."""
        if self._closing is not None:
            await asyncio.wait({self._closing})

    async def halt(self) -> None:
        """Do nothing any more; what it is, it stays."""
        self.unclean |= not await self._jobs.halt()

    async def say_goodbye(self) -> None:
        """Send a last checkpoint, if that is quickly done."""
        await self._saving.say_goodbye()
