"""One place of a part, as the device that has split the session keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mobility.moved import MovedSession
from mobility.parts.piece import Piece
from mobility.protocol.numbering import Cursor
from mobility.protocol.standing import standing_of
from mobility.session import Session
from mobility.split.place import Target

__all__ = ["Seat"]


class Seat:
    """
    A session of a part, here or away.

    Attributes:
        part: Its name.
        session, piece: What runs, or stands here for what runs elsewhere.
        moved: What follows it while it is away; None while it is here.
        to: Where it was sent, as far as that is known.
        watcher: Who looks after its device.
        behind: Set if its device has missed more packets than are kept.

    """

    def __init__(self, part: str, session: Session, piece: Piece) -> None:
        self.part = part
        self.session = session
        self.piece = piece
        self.moved: MovedSession | None = None
        self.to: Target | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.behind = asyncio.Event()
        piece.on_behind = self.behind.set

    def __repr__(self) -> str:
        return f"<Seat {self.session.id}: {'away' if self.moved else 'here'}>"

    @property
    def id(self) -> str:
        return self.session.id

    def standing(self) -> tuple[Mapping[str, Cursor], Mapping[str, int]]:
        """How far it is in what it hears, and what became of that; as it has told."""
        if self.moved is None or not self.moved.away:
            return self.piece.cursors, self.piece.counts
        state, _ = self.moved.last_known()
        _, standing = standing_of(state)
        return standing.cursors, standing.counts

    def follow(self, moved: MovedSession) -> None:
        """It is on its way by that."""
        self.moved = moved

    def settle(self, to: Target | None) -> None:
        """What was on its way has arrived, or is here."""
        if self.moved is None or not self.moved.away:
            self.come()
        else:
            self.to = to

    def come(self) -> None:
        """It is here."""
        self.moved = self.to = None
        if self.watcher is not None and self.watcher is not asyncio.current_task():
            self.watcher.cancel()
        self.watcher = None
