"""Asking another device of the user for a session that it has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from mobility.app import App, AppFactory
from mobility.errors import (
    LocalProtocolError,
    PeerUnreachable,
    RemoteProtocolError,
    TransferAborted,
    TransferExpired,
    TransferRefused,
)
from mobility.own.arrival import IncomingOffer
from mobility.own.arrivals import Arrivals
from mobility.own.device import Device
from mobility.own.devices import OwnDevices
from mobility.own.directory import Directory, ListedSession
from mobility.protocol.asking import Ask
from mobility.refusal import needed
from mobility.session import Session
from mobility.transfer import Report
from mobility.xmpp.asking import MobilityAsking

__all__ = ["PATIENCE", "Requesting", "ask", "check_online", "send"]

ALIVE = 10.0  # seconds for the owner's program to show that it is there
PATIENCE = 180.0  # seconds for the owner, who may ask a person and fetch it first
OFFER = 20.0  # seconds until what was promised is here


class Requesting:
    """
    What one device asks of the others.

    Args:
        plugin: The wire.
        arrivals: Where the offers come that follow.
        factories: The apps that this device has.

    """

    def __init__(
        self,
        plugin: MobilityAsking,
        arrivals: Arrivals,
        factories: Mapping[str, type[App] | AppFactory],
    ) -> None:
        self._plugin = plugin
        self._arrivals = arrivals
        self._factories = factories

    async def request(
        self, listed: ListedSession, own: OwnDevices, proof: bytes, progress: Report
    ) -> Session:
        """See `Client.request`."""
        self._check(listed, own.us.id)
        with self._arrivals.wanting(listed.id, listed.owner):
            wish = Ask(listed.id, own.us.id, (own.us.id,), proof)
            await ask(self._plugin, listed, wish)
            offer = await self._offer(listed, own)
            return await self._accepted(offer, progress)

    def _check(self, listed: ListedSession, us: str) -> None:
        """Nobody need be asked for what this device cannot have, or has."""
        if listed.owner == us:
            raise LocalProtocolError(
                "This device decides about this session already. It runs here."
                if listed.here
                else f"This session is this device's own, and is on {listed.place}. "
                "Take it back from there."
            )
        needed(self._factories, listed.app, listed.schema)

    async def _offer(self, listed: ListedSession, own: OwnDevices) -> IncomingOffer:
        try:
            async with asyncio.timeout(OFFER):
                return await self._arrivals.wanted(own, listed.id, listed.owner)
        except TimeoutError:
            raise TransferExpired(
                f"{listed.owner_name} wanted to give it, but nothing came. "
                "It stays there; try again."
            ) from None

    async def _accepted(self, offer: IncomingOffer, progress: Report) -> Session:
        try:
            return await offer.accept(progress=progress)
        except TransferAborted as exc:
            if not offer.over:
                raise
            raise TransferAborted(f"{exc} It stays with {offer.place}.") from None


async def send(
    directory: Directory, listed: ListedSession, to: Sequence[Device]
) -> None:
    """
    Have the owner of a session give it to the first of these devices that takes it.

    Raises:
        TransferRefused, PeerUnreachable: As `ask`.

    """
    wish = Ask(listed.id, "", tuple(device.id for device in to))
    await ask(directory.asking, listed, wish)


def check_online(listed: ListedSession) -> None:
    """
    See that there is somebody to ask.

    Raises:
        PeerUnreachable: The owner is away.

    """
    if not listed.online or not listed.jid:
        raise PeerUnreachable(
            f"{listed.owner_name} has this session, and is not online. Switch it on, "
            "or wait until it is back."
        )


async def ask(plugin: MobilityAsking, listed: ListedSession, wish: Ask) -> None:
    """
    Ask the owner of a session; when this returns, it is being offered.

    Raises:
        TransferRefused: It is not given; the sentence and the condition say why.
        PeerUnreachable: The owner is away, or cannot give it now.

    """
    owner = listed.owner_name
    check_online(listed)
    if not await plugin.is_there(listed.jid, seconds=ALIVE):
        raise PeerUnreachable(
            f"{owner} has this session, and does not answer. It may have been cut off; "
            "try again when it is back."
        )
    try:
        await plugin.ask(listed.jid, wish, seconds=PATIENCE)
    except TransferRefused as exc:
        raise TransferRefused(f"{owner}: {exc}", condition=exc.condition) from None
    except PeerUnreachable as exc:
        raise PeerUnreachable(f"{owner}: {exc}") from None
    except RemoteProtocolError:
        raise TransferRefused(
            f"{owner} does not give sessions to other devices. Update its program.",
            condition="declined",
        ) from None
