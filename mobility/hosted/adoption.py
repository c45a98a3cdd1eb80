"""What it takes to make a session one's own that came from another device."""

from __future__ import annotations

import asyncio
import contextlib

from mobility import changes
from mobility.contents import Contents
from mobility.protocol.state import encode_state
from mobility.session import Session
from mobility.store import Kept
from mobility.tasks import aside
from mobility.transfer import Incoming

__all__ = ["Adoption"]


class Adoption:
    """
    One session's.

    Args:
        session, incoming: What runs here, and how it came.
        contents: Where what is large of it is to be kept.

    """

    def __init__(
        self, session: Session, incoming: Incoming, contents: Contents
    ) -> None:
        self._session = session
        self._incoming = incoming
        self._contents = contents
        self._released = asyncio.Event()

    def hear_release(self) -> None:
        """Who sent it may have said that they do not keep it any more."""
        stays = self._incoming.given or self._incoming.keeps
        if self._incoming.released and stays:
            self._released.set()

    async def until_release(self) -> None:
        """Whoever gave it lets go when they hear that it runs here, and says so."""
        while not self._released.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(changes.CHECKPOINT):
                    await self._released.wait()
            if self._incoming.given and not self._released.is_set():
                await self._incoming.inquire()

    async def written(self) -> Kept | None:
        """As our own; None if it goes back meanwhile: then it is not released."""
        session = self._session
        state, _ = await session.checkpoint()
        large = {blob.sha256: blob.size for blob in state.blobs.values()}
        await aside(sum(large.values()), self._contents.put, session.id, state)
        if not session.runs:
            self._released.clear()
            return None
        about = session.id, session.app.uri, session.app.schema, session.epoch
        return Kept(*about, encode_state(state, known=large), keeps=True)
