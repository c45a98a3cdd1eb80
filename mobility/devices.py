"""The user's own devices: who they are, and the secrets that we share with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime

from mobility.app import App, AppFactory
from mobility.device import Device
from mobility.errors import InvalidState, PeerUnreachable, UnknownDevice
from mobility.protocol.agreement import Between, Party, agreement_key, recover, share
from mobility.protocol.device import DeviceDescription, describe
from mobility.xmpp.devices import MobilityDevices
from mobility.xmpp.devices.stanza import Listing
from mobility.xmpp.offers.stanza import Waiting

__all__ = ["Device", "OwnDevices", "found"]


class OwnDevices:
    """
    What one device knows of the others.

    Attributes:
        us: What we say of ourselves.
        listed: Whether we have said it.

    Args:
        plugin: The account's list of devices.
        identity: Our Ed25519 private key.
        name, kind: What we say of ourselves.
        apps: What we can run.
        size: Largest state that we take, in bytes.

    """

    def __init__(
        self,
        plugin: MobilityDevices,
        identity: bytes,
        *,
        name: str,
        kind: str,
        apps: Iterable[type[App] | AppFactory],
        size: int,
    ) -> None:
        self._plugin = plugin
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
        self.listed = False
        self._known: dict[str, Listing] = {}
        self._watchers: set[asyncio.Event] = set()
        plugin.watch(self._changed)

    @property
    def jid(self) -> str:
        """Our full JID."""
        return str(self._plugin.xmpp.boundjid)

    async def publish(self) -> None:
        """
        Say who we are, and under which address.

        Raises:
            DirectoryUnavailable, PeerUnreachable: If the server keeps no list.

        """
        await self._plugin.publish(Listing(self.us, self.jid, datetime.now(UTC)))
        self.listed = True

    def _changed(self) -> None:
        for changed in self._watchers:
            changed.set()

    async def all(self) -> list[Device]:
        """
        The devices that are known, this one first.

        Raises:
            DirectoryUnavailable, PeerUnreachable: If the server keeps no list.

        """
        listings = await self._plugin.devices()
        self._known = {each.device.id: each for each in listings}
        return sorted(map(self._device, listings), key=_rank)

    async def watch(self) -> AsyncGenerator[list[Device], None]:
        """See `Client.watch_devices`."""
        changed, last = asyncio.Event(), None
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                now = await self.all()
                if now != last:
                    last = now
                    yield now
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    def _device(self, listing: Listing) -> Device:
        of, online = listing.device, self._plugin.is_online(listing)
        return Device(
            *(of.id, of.name, of.kind, listing.jid, of.apps, online),
            parts=of.parts,
            size=of.size,
            seen=None if online else listing.seen,
            this=of.id == self.us.id,
        )

    def share(self, device: Device, sid: str, ephemeral: bytes) -> bytes:
        """
        The secret of a transfer that we begin.

        Raises:
            PeerUnreachable: If there is no such device any more.

        """
        if device.id not in self._known:
            raise PeerUnreachable(f"{device.name} is not one of your devices any more.")
        between = self._between(sid, self.us, self._known[device.id].device)
        private = agreement_key(self._identity)
        return share(between, private=private, ephemeral=ephemeral)

    async def recover(self, waiting: Waiting) -> tuple[Device, bytes]:
        """
        Who offers something, and the secret of that transfer.

        Raises:
            InvalidState: If no device of ours offers it.

        """
        known = self._known.get(waiting.initiator)
        if known is None or not self._plugin.is_online(known):
            await self.all()  # it may have another address by now
        initiator = self._known.get(waiting.initiator)
        if initiator is None or initiator.device.id == self.us.id:
            raise InvalidState("None of your devices offers this.")
        between = self._between(waiting.sid, initiator.device, self.us)
        private = agreement_key(self._identity)
        secret = recover(between, private=private, ephemeral=waiting.key)
        return self._device(initiator), secret

    def _between(
        self, sid: str, initiator: DeviceDescription, responder: DeviceDescription
    ) -> Between:
        account = self.jid.partition("/")[0]
        parties = (
            Party(each.identity, each.agreement) for each in (initiator, responder)
        )
        return Between(account, sid, *parties)


def _parts(app: type[App] | AppFactory) -> tuple[str, ...]:
    return tuple(part.name for part in getattr(app, "parts", ()))


def _rank(device: Device) -> tuple[bool, bool, str, str]:
    """In which order people read them: this one, those that are there, the others."""
    return not device.this, not device.online, device.name.casefold(), device.id


def found(devices: Iterable[Device], wanted: str) -> Device:
    """
    The one device with that name or id.

    Raises:
        UnknownDevice: There is none, or several.

    """
    devices = [each for each in devices if each.id]
    by_id = [each for each in devices if each.id == wanted]
    exact = by_id or [each for each in devices if each.name == wanted]
    alike = [each for each in devices if each.name.casefold() == wanted.casefold()]
    match exact or alike:
        case [device]:
            return device
        case []:
            names = ", ".join(each.name for each in devices) or "none"
            raise UnknownDevice(
                f"You have no device called {wanted}. You have: {names}."
            )
        case several:
            ids = ", ".join(each.id for each in several)
            raise UnknownDevice(
                f"{len(several)} of your devices are called {wanted}. Name one by its "
                f"id ({ids}), or give one another name."
            )
