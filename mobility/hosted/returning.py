"""The transfer by which a session goes back to the device that sent it."""

from __future__ import annotations

from dataclasses import replace

from mobility.dispatch import Transfers
from mobility.errors import TransferAborted
from mobility.protocol.transfer import Phase
from mobility.session import Session
from mobility.transfer import Incoming, Link, Outgoing

__all__ = ["has_gone", "way_back"]


def way_back(
    link: Link, sid: str, peer: str, session: Session, incoming: Incoming
) -> Outgoing:
    """What its owner asks for it by, who has the files that came with it."""
    return Outgoing(
        replace(link, frames=None),  # after a crash it is asked for again
        *(sid, peer, session),
        known=incoming.framed,
        before_commit=lambda state, word: incoming.leave(
            *(sid, state, session.app.schema, session.heard),
            *(incoming.framed, word),
        ),
    )


async def has_gone(
    link: Link, session: Session, incoming: Incoming, transfers: Transfers
) -> bool:
    """If it was going back when we crashed, only its owner knows whether it has."""
    kept = incoming.gone
    phase = None if kept is None else transfers.phase(kept.gone)
    if kept is None or phase not in {Phase.COMMITTED, Phase.CONFIRMED}:
        return False
    if phase is Phase.COMMITTED:
        outgoing = Outgoing.committed(link, session, kept)
        transfers.add(outgoing)
        try:
            await outgoing.settle()
        except TransferAborted:
            return False  # they do not have it, so we do
        finally:
            transfers.close(outgoing)
    return True
