"""The checkpoints of a session that came from another device."""

from __future__ import annotations

import asyncio
import logging

from mobility.changes import Changes
from mobility.errors import PeerUnreachable, TransferAborted
from mobility.failures import told
from mobility.protocol.checkpoint import frames_of
from mobility.protocol.envelope import Envelope
from mobility.protocol.session import Checkpoint
from mobility.protocol.state import encode_state
from mobility.session import Session
from mobility.tasks import few_at_once
from mobility.transfer import WINDOW, Incoming, timing
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.session import MobilitySession

__all__ = ["Saving"]

log = logging.getLogger(__name__)
_LIFE = 1 << 20  # checkpoints between two starts of a device, at most


class Saving:
    """
    One session's: they are written down here, and sent to the device that sent it.

    Args:
        sessions: Sends their frames.
        secret: Of the visit, or of both devices.
        session, incoming: What runs here, and how it came.

    """

    def __init__(
        self,
        sessions: MobilitySession,
        secret: bytes,
        session: Session,
        incoming: Incoming,
    ) -> None:
        self._sessions = sessions
        self._secret = secret
        self._session = session
        self._incoming = incoming
        self._changes = Changes()
        self._alone = False  # nobody is there to keep checkpoints
        self._number = incoming.life * _LIFE

    def touch(self) -> None:
        """What was saved last is out of date."""
        self._changes.touch()

    def ask(self) -> None:
        """The app has come to a point of its own."""
        self._changes.ask()

    async def run(self) -> None:
        """
        Send a checkpoint at the app's own points, and after 30 s of change.

        Ends when the other device has taken the session back.
        """
        while True:
            await self._changes.due()
            try:
                await self._checkpoint()
            except UnknownTransfer:
                if not (self._incoming.keeps or self._incoming.given):
                    log.info("the other device has taken a session back")
                    return
                await self._go_on_alone()
            except Exception as exc:
                self._changes.touch()
                log.info("no checkpoint: %s", told(exc))
                if isinstance(exc, PeerUnreachable):
                    await self._incoming.inquire()  # it may have another address now

    async def _go_on_alone(self) -> None:
        """What this device keeps ends only by the word of who has taken it back."""
        log.info("the other device does not know a session, which is kept here")
        self._alone = True
        await self._incoming.inquire()

    async def _checkpoint(self) -> None:
        """Where the owner's packets stand, the schema, and the state; sealed."""
        session, framed = self._session, self._incoming.framed
        state, heard = await session.checkpoint()
        if not session.runs:  # it is going back, with all that is in it
            raise TransferAborted("That session does not run here any more.")
        schema = session.app.schema
        self._incoming.save(state, schema, heard, framed)
        if self._alone:
            return
        self._number += 1
        frames = frames_of(
            Envelope(self._secret, session.sid, session.epoch),
            (session.sid, session.epoch, self._number),
            heard=heard,
            schema=schema,
            state=encode_state(state, known=framed),
        )
        await few_at_once(map(self._send, frames), WINDOW)

    async def _send(self, frame: Checkpoint) -> None:
        await self._sessions.ask(self._session.peer, frame)

    async def say_goodbye(self) -> None:
        """Send a last checkpoint, if that is quickly done."""
        if not self._session.runs:
            return
        try:
            async with asyncio.timeout(timing.GOODBYE):
                await self._checkpoint()
        except Exception as exc:
            log.info("no goodbye: %s", told(exc))
