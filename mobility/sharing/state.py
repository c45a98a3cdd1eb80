"""The state of what is shared: from its host to somebody else."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from mobility.app import App
from mobility.errors import MobilityError
from mobility.protocol import transfer as proto
from mobility.protocol.session import State
from mobility.session import Session
from mobility.sharing.gathering import Site
from mobility.transfer import Incoming, Outgoing, Report, timing

__all__ = ["give_state", "take_state"]

log = logging.getLogger(__name__)


async def give_state(
    site: Site, app: App, state: State, secret: bytes, name: str, jid: str, *, sid: str
) -> None:
    """
    Give it by a transfer like any other, of a session that is a fork of the shared one.

    Args:
        site: The device.
        app, state: What is shared, and as it was.
        secret, name, jid: Of who gets it.
        sid: Of the transfer.

    """
    session = Session(secrets.token_urlsafe(12), _still(app, state), send=_mute)
    link = site.link(secret, name)
    outgoing = Outgoing(link, sid, jid, session)
    site.transfers.add(outgoing)
    try:
        await outgoing.run(patience=timing.PATIENCE)
    except MobilityError as exc:
        log.info("somebody did not get the state: %s", type(exc).__name__)
    finally:
        site.transfers.close(outgoing)
        link.unlink(sid)


def _still(app: App, state: State) -> App:
    """The app as it was: what a transfer captures of it."""

    class Still(App):
        uri, schema, formats = app.uri, app.schema, app.formats

        async def snapshot(self) -> State:
            return state

    return Still()


def _mute(peer: str, packet: Any) -> None:
    """A fork says nothing."""


async def take_state(
    incoming: Incoming,
    check: Callable[[proto.Offer], Awaitable[None]],
    migrated: Callable[[State], State],
    progress: Report,
) -> State:
    """
    Take it, as far as `confirm`.

    Args:
        incoming: The transfer.
        check: Refuses an offer that is not to be taken.
        migrated: Makes of it what our app understands.
        progress: Told how far it has come.

    Raises:
        MobilityError: It does not come, or cannot be used.

    """
    taken: list[State] = []

    async def aside(state: State) -> None:
        taken.append(migrated(state))

    offer, _ = await incoming.expect(proto.Offer, seconds=None)
    await check(offer)
    await incoming.receive(offer, aside, progress)
    await incoming.committed(patience=timing.PATIENCE)
    await incoming.confirm()
    return taken[0]
