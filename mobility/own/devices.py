"""One of the user's devices: what it says of itself, and what it shares with others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mobility.app import App, AppFactory
from mobility.errors import (
    DirectoryUnavailable,
    InvalidState,
    MobilityError,
    PeerUnreachable,
)
from mobility.own.acquaintances import Acquaintances
from mobility.own.device import Device
from mobility.protocol.agreement import Between, Party, agreement_key, recover, share
from mobility.protocol.device import DeviceDescription, describe
from mobility.protocol.filtering import Way
from mobility.store import Store
from mobility.xmpp.devices.stanza import Listing
from mobility.xmpp.offers.stanza import Waiting
from mobility.xmpp.stream import Stream

__all__ = ["Device", "OwnDevices"]

log = logging.getLogger(__name__)
_FRESH = timedelta(hours=1)  # of when we were seen: nobody needs it more exactly


class OwnDevices:
    """
    One device among the others.

    Attributes:
        us: What we say of ourselves.
        known: The others.
        way: Finds out, on a new session, how packets of services come to us.

    Args:
        stream, store: Of this device; the stream is not open yet.
        identity: Our Ed25519 private key.
        name, kind: What we say of ourselves.
        apps: What we can run. Who can run something is on the list from the beginning,
            others once they ask for it.
        size: Largest state that we take, in bytes.

    """

    def __init__(
        self,
        stream: Stream,
        store: Store,
        identity: bytes,
        *,
        name: str,
        kind: str,
        apps: Iterable[type[App] | AppFactory],
        size: int,
    ) -> None:
        self._plugin = stream.devices
        self._resources = stream.resources
        self._stream = stream
        self._identity = identity
        apps = tuple(apps)
        self.us = describe(
            identity,
            name=name,
            kind=kind,
            apps={app.uri: app.schema for app in apps},
            parts={app.uri: _parts(app) for app in apps},
            size=size,
        )
        self._wanted = bool(apps)  # whether we are to be on the list
        self._said = False  # whether what is there is right
        self.known = Acquaintances(
            *(self._plugin, self._resources, store, self.us.id), us=self.us
        )
        self._resources.describe(self.us)
        stream.prepare = self._prepare
        self.way: Callable[[], Awaitable[Way | None]] = _unknown

    @property
    def jid(self) -> str:
        """Our full JID."""
        return self._stream.jid

    async def _prepare(self) -> None:
        """On a new session: others read what we are before they see us."""
        self._said = False
        self.known.renew()
        self._resources.come_by(await self.way())
        if self._wanted:
            with suppress(DirectoryUnavailable, PeerUnreachable):
                await self.join()

    async def join(self) -> None:
        """
        Be on the account's list.

        Raises:
            DirectoryUnavailable, PeerUnreachable: If the server keeps no list.

        """
        self._wanted = True
        await self.known.update()
        self.known.check()
        if not self._said:
            await self._publish()
            self._said = True

    async def _publish(self) -> None:
        """Say who we are, unless the list says so already."""
        listing = await self._listing()
        there = self._plugin.listings.get(self.us.id)
        if (
            there is None
            or replace(there, seen=listing.seen) != listing
            or abs(listing.seen - there.seen) > _FRESH
        ):
            await self._plugin.publish(listing)

    async def _listing(self) -> Listing:
        seen = datetime.now(UTC).replace(microsecond=0)
        ver, way = await self._resources.ver(), self._resources.way
        return Listing(self.us, self.jid, seen, ver, way)

    async def come_by(self, way: Way) -> None:
        """Packets of services come to us so from now on: others are told."""
        if way is self._resources.way:
            return
        self._resources.come_by(way)
        if self._stream.online:
            await self._resources.ver()
            self._stream.show()
            if self._said:
                with suppress(MobilityError):
                    await self._publish()

    async def goodbye(self) -> None:
        """Say when we were seen last."""
        self.known.close()
        if self._said and self._stream.online:
            with suppress(MobilityError):
                await self._plugin.publish(await self._listing())

    async def all(self) -> list[Device]:
        """The devices that are known, this one first."""
        try:
            await self.join()
        except (DirectoryUnavailable, PeerUnreachable) as exc:
            log.info("only devices that are there, or were seen, are known: %s", exc)
        return await self.known.all()

    def share(self, device: Device, sid: str, ephemeral: bytes) -> bytes:
        """
        The secret of a transfer that we begin.

        Raises:
            PeerUnreachable: If there is no such device any more.

        """
        described = self.known.describe(device.id)
        if described is None:
            raise PeerUnreachable(f"{device.name} is not one of your devices any more.")
        between = self._between(sid, self.us, described[0])
        private = agreement_key(self._identity)
        return share(between, private=private, ephemeral=ephemeral)

    async def where(self, device: str) -> str:
        """The full JID of a device now, or as it was listed last; empty if unknown."""
        await self.known.update()
        described = self.known.describe(device)
        return "" if described is None else described[1]

    async def recover(self, waiting: Waiting) -> tuple[Device, bytes]:
        """
        Who offers something, and the secret of that transfer.

        Raises:
            InvalidState: If no device of ours offers it.
            DirectoryUnavailable, PeerUnreachable: If the server keeps no list.

        """
        if self.known.describe(waiting.initiator) is None:
            await self.known.look()
            self.known.check()
        described = self.known.describe(waiting.initiator)
        device = self.known.device(waiting.initiator)
        if described is None or device is None or device.this:
            raise InvalidState("None of your devices offers this.")
        between = self._between(waiting.sid, described[0], self.us)
        private = agreement_key(self._identity)
        return device, recover(between, private=private, ephemeral=waiting.key)

    def _between(
        self, sid: str, initiator: DeviceDescription, responder: DeviceDescription
    ) -> Between:
        account = self.jid.partition("/")[0]
        parties = (
            Party(each.identity, each.agreement) for each in (initiator, responder)
        )
        return Between(account, sid, *parties)


async def _unknown() -> None:
    return None


def _parts(app: type[App] | AppFactory) -> tuple[str, ...]:
    return tuple(part.name for part in getattr(app, "parts", ()))
