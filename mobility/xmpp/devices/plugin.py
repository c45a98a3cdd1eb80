"""The account's list of the user's devices, and the presence of each."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import DirectoryUnavailable, MobilityError, RemoteProtocolError
from mobility.protocol.device import check_device, is_resource
from mobility.xmpp import ns
from mobility.xmpp.devices import stanza
from mobility.xmpp.devices.stanza import Listing
from mobility.xmpp.feature import Feature
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep.stanza import LARGEST, Item

__all__ = ["MobilityDevices"]

log = logging.getLogger(__name__)


class MobilityDevices(Feature):
    name = "mobility_devices"
    description = "The user's devices"
    dependencies: ClassVar[set[str]] = {"mobility_pep"}

    def plugin_init(self) -> None:
        self._pep = MobilityPep.of(self.xmpp)
        self._online: set[str] = set()
        self._changed: Callable[[], None] = lambda: None
        self.xmpp.register_handler(
            Callback(
                self.name, MatchXPath("{jabber:client}presence"), self._on_presence
            )
        )
        self.xmpp.add_event_handler("session_bind", self._on_bind)

    def plugin_end(self) -> None:
        self.xmpp.remove_handler(self.name)
        self.xmpp.del_event_handler("session_bind", self._on_bind)

    def watch(self, changed: Callable[[], None]) -> None:
        """
        Be told when the list or somebody's presence changes.

        To be called before we are online; the server tells only who asks to be told.
        """
        self._changed = changed
        self._pep.watch(ns.DEVICES, changed)

    async def publish(self, listing: Listing) -> None:
        """
        Put our own device into the list, or what is new about it.

        Raises:
            DirectoryUnavailable: If the server keeps no such list, or it is full.
            PeerUnreachable: If the server does not answer.

        """
        device = listing.device
        listed = {item.id for item in await self._pep.items(ns.DEVICES)}
        if len(listed | {device.id}) > LARGEST:  # the server would forget the oldest
            raise DirectoryUnavailable(
                f"You have {LARGEST} devices. Remove one that you do not use any more."
            )
        await self._pep.publish(ns.DEVICES, Item(device.id, stanza.to_xml(listing)))

    async def devices(self) -> list[Listing]:
        """
        All devices that described themselves properly, ourselves included.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        return list(self._proper(await self._pep.items(ns.DEVICES)))

    async def remove(self, id: str) -> None:
        """
        Take a device off the list; one that is in use comes back by itself.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        await self._pep.retract(ns.DEVICES, id)

    @property
    def resources(self) -> frozenset[str]:
        """Full JIDs of the account that are online, ours included."""
        return frozenset(self._online)

    def is_online(self, listing: Listing) -> bool:
        """Whether it is connected now, as far as the server has told."""
        return listing.jid in self._online

    def _proper(self, items: list[Item]) -> Iterator[Listing]:
        for item in items:
            with contextlib.suppress(MobilityError):
                yield self._device(item)
                continue
            log.debug("a device is left out: its description is not understood")

    def _device(self, item: Item) -> Listing:
        listing = stanza.from_xml(item.payload)
        check_device(listing.device)
        if item.id != listing.device.id:
            raise RemoteProtocolError("A device is listed under another's name.")
        if not is_resource(listing.jid, self.xmpp.boundjid.bare):
            raise RemoteProtocolError("A device is listed under a strange address.")
        return listing

    def _on_bind(self, _: Any) -> None:
        """A new session: the server tells from the beginning who is there."""
        self._online.clear()

    def _on_presence(self, presence: StanzaBase) -> None:
        jid, kind = presence["from"], presence.xml.get("type")
        if jid.bare != self.xmpp.boundjid.bare or not jid.resource:
            return
        before = jid.full in self._online
        if kind is None:
            self._online.add(jid.full)
        elif kind == "unavailable":
            self._online.discard(jid.full)
        if before != (jid.full in self._online):
            self._changed()
