"""The user's own devices: who they are, and the secrets that we share with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mobility.app import App, AppFactory
from mobility.errors import InvalidState, PeerUnreachable
from mobility.protocol.agreement import Between, Party, agreement_key, recover, share
from mobility.protocol.device import DeviceDescription, describe
from mobility.xmpp.devices import MobilityDevices
from mobility.xmpp.offers.stanza import Waiting

__all__ = ["Device", "OwnDevices"]


@dataclass(frozen=True, slots=True)
class Device:
    """
    A device of the user's own, as it describes itself.

    Attributes:
        id: Outlives its addresses.
        name, kind: What its user calls it; phone, pc, web ...
        jid: The full JID that it used last.
        apps: What it can run, with the schema version of each.
        online: Whether it is connected now.

    """

    id: str
    name: str
    kind: str
    jid: str
    apps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    online: bool = False


class OwnDevices:
    """
    What one device knows of the others.

    Args:
        plugin: The account's list of devices.
        identity: Our Ed25519 private key.
        name, kind: What we say of ourselves.
        apps: What we can run.

    """

    def __init__(
        self,
        plugin: MobilityDevices,
        identity: bytes,
        *,
        name: str,
        kind: str,
        apps: Iterable[type[App] | AppFactory],
    ) -> None:
        self._plugin = plugin
        self._identity = identity
        self._name = name
        self._kind = kind
        self._apps = {app.uri: app.schema for app in apps}
        self._known: dict[str, DeviceDescription] = {}
        self._us: DeviceDescription | None = None

    async def publish(self, jid: str) -> None:
        """Say who we are, under this address."""
        self._us = describe(
            self._identity,
            name=self._name,
            kind=self._kind,
            jid=jid,
            apps=self._apps,
        )
        await self._plugin.publish(self._us)

    @property
    def us(self) -> DeviceDescription:
        assert self._us is not None
        return self._us

    async def all(self) -> list[Device]:
        """
        The other devices.

        Raises:
            DirectoryUnavailable, PeerUnreachable: If the server keeps no list.

        """
        self._known = {each.id: each for each in await self._plugin.devices()}
        others = (each for each in self._known.values() if each.id != self.us.id)
        return [self._device(each) for each in others]

    def _device(self, of: DeviceDescription) -> Device:
        online = self._plugin.is_online(of)
        return Device(of.id, of.name, of.kind, of.jid, of.apps, online)

    def share(self, device: Device, sid: str, ephemeral: bytes) -> bytes:
        """
        The secret of a transfer that we begin.

        Raises:
            PeerUnreachable: If there is no such device any more.

        """
        if device.id not in self._known:
            raise PeerUnreachable(f"{device.name} is not one of your devices any more.")
        between = self._between(sid, self.us, self._known[device.id])
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
        if initiator is None or initiator.id == self.us.id:
            raise InvalidState("None of your devices offers this.")
        between = self._between(waiting.sid, initiator, self.us)
        private = agreement_key(self._identity)
        secret = recover(between, private=private, ephemeral=waiting.key)
        return self._device(initiator), secret

    def _between(
        self, sid: str, initiator: DeviceDescription, responder: DeviceDescription
    ) -> Between:
        account = self.us.jid.partition("/")[0]
        parties = (
            Party(each.identity, each.agreement) for each in (initiator, responder)
        )
        return Between(account, sid, *parties)
