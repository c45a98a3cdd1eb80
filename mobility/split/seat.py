"""One place of a part, as the device that has split the session keeps it."""

from __future__ import annotations

import asyncio

from mobility.moved import MovedSession
from mobility.session import Session
from mobility.split.piece import Piece
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

    """

    def __init__(self, part: str, session: Session, piece: Piece) -> None:
        self.part = part
        self.session = session
        self.piece = piece
        self.moved: MovedSession | None = None
        self.to: Target | None = None
        self.watcher: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Seat {self.session.id}: {'away' if self.moved else 'here'}>"

    @property
    def id(self) -> str:
        return self.session.id

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
