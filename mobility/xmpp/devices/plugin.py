"""The account's list of the user's devices, and what the user calls them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable
from typing import ClassVar, Final
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError

from mobility.errors import (
    DirectoryUnavailable,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
)
from mobility.protocol.device import check_device, check_name, is_resource
from mobility.xmpp import ns
from mobility.xmpp.devices import stanza
from mobility.xmpp.devices.stanza import Listing
from mobility.xmpp.feature import Feature
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep.stanza import LARGEST, Change, Item

__all__ = ["NODES", "MobilityDevices"]

log = logging.getLogger(__name__)
NODES: Final = (ns.DEVICES, ns.LABELS)


class MobilityDevices(Feature):
    """
    The list as far as it is known.

    Attributes:
        listings: By the devices' ids.
        labels: What the user calls devices, by their ids; empty if that is over.
        missed: Of what something may have changed that we were not told, so that one
            has to `look` again.

    """

    name = "mobility_devices"
    description = "The user's devices"
    dependencies: ClassVar[set[str]] = {"mobility_pep"}

    def plugin_init(self) -> None:
        self._pep = MobilityPep.of(self.xmpp)
        self.listings: dict[str, Listing] = {}
        self.labels: dict[str, str] = {}
        self.missed: set[str] = set()
        self._changed: Callable[[], None] = lambda: None

    def watch(self, changed: Callable[[], None]) -> None:
        """
        Be told when the list changes, and keep it up to date.

        To be called before we are online; the server tells only who asks to be told.
        """
        self._changed = changed
        self._pep.follow(ns.DEVICES, self._on_listings)
        self._pep.follow(ns.LABELS, self._on_labels)

    async def look(self, nodes: Collection[str] = NODES) -> None:
        """
        Fetch all of the list, or of one node.

        Raises:
            DirectoryUnavailable: If the server keeps no such list.
            PeerUnreachable: If the server does not answer.

        """
        self.missed -= {*nodes}
        if ns.DEVICES in nodes:
            listings = await self._pep.items(ns.DEVICES)
            self.listings.clear()
            self._take_listings(listings)
        if ns.LABELS in nodes:
            labels = await self._pep.items(ns.LABELS)
            self.labels.clear()
            self._take_labels(labels)

    async def devices(self) -> list[Listing]:
        """
        All devices that described themselves properly, fetched anew.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `look`.

        """
        await self.look()
        return list(self.listings.values())

    async def catch_up(self) -> None:
        """Hear what the server has told us by now: it answers in turn."""
        with contextlib.suppress(IqError, PeerUnreachable):
            await self._pep.ask_server("get", Element("{urn:xmpp:ping}ping"))

    async def publish(self, listing: Listing) -> None:
        """
        Put our own device into the list, or what is new about it; look at it before.

        Raises:
            DirectoryUnavailable: If the server keeps no such list, or it is full.
            PeerUnreachable: If the server does not answer.

        """
        id = listing.device.id
        if len(self.listings.keys() | {id}) > LARGEST:  # it would forget the oldest
            raise DirectoryUnavailable(
                f"You have {LARGEST} devices. Remove one that you do not use any more."
            )
        await self._pep.publish(ns.DEVICES, Item(id, stanza.to_xml(listing)))
        self.listings[id] = listing

    async def remove(self, id: str) -> None:
        """
        Take a device off the list; one that is in use comes back by itself.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        await self._pep.retract(ns.DEVICES, id)
        self.listings.pop(id, None)
        if id in self.labels:
            await self._pep.retract(ns.LABELS, id)
            self.labels.pop(id, None)

    async def call(self, id: str, name: str) -> None:
        """
        Give a device a name, or, if that is empty, the one that it gives itself.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        # WORKAROUND: ejabberd 23.01 tells nobody that an item was retracted.
        await self._pep.publish(ns.LABELS, Item(id, stanza.to_label(name)))
        self.labels[id] = name

    def _on_listings(self, change: Change) -> None:
        before = dict(self.listings)
        for id in change.retracted:
            self.listings.pop(id, None)
        self._take_listings(change.items)
        self._heard(change, news=self.listings != before)

    def _on_labels(self, change: Change) -> None:
        before = dict(self.labels)
        for id in change.retracted:
            self.labels.pop(id, None)
        self._take_labels(change.items)
        self._heard(change, news=self.labels != before)

    def _heard(self, change: Change, *, news: bool) -> None:
        if not change.complete:
            self.missed.add(change.node)
        if news or not change.complete:
            self._changed()

    def miss_labels(self) -> None:
        """Something may have been said before the server knew that we listen."""
        self.missed.add(ns.LABELS)
        self._changed()

    def _take_listings(self, items: Iterable[Item]) -> None:
        for item in items:
            try:
                self.listings[item.id] = self._listing(item)
            except MobilityError:
                self.listings.pop(item.id, None)
                log.debug("a device is left out: its description is not understood")

    def _take_labels(self, items: Iterable[Item]) -> None:
        for item in items:
            try:
                name = stanza.label(item.payload)
                self.labels[item.id] = check_name(name) if name else ""
            except MobilityError:
                self.labels.pop(item.id, None)

    def _listing(self, item: Item) -> Listing:
        listing = stanza.from_xml(item.payload)
        check_device(listing.device)
        if item.id != listing.device.id:
            raise RemoteProtocolError("A device is listed under another's name.")
        if not is_resource(listing.jid, self.xmpp.boundjid.bare):
            raise RemoteProtocolError("A device is listed under a strange address.")
        return listing
