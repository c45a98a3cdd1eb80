"""
The devices of an account, as one of them knows them.

From three sources, none of which is asked again and again: the presence of those that
are there, the account's list, of which the server tells each change, and what was seen
before, from the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mobility.errors import (
    DirectoryUnavailable,
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    UnknownDevice,
)
from mobility.own.device import Device
from mobility.protocol.device import DeviceDescription, check_name
from mobility.protocol.filtering import Way
from mobility.protocol.handshake import claim
from mobility.store import Store
from mobility.xmpp.devices import NODES, MobilityDevices
from mobility.xmpp.resources import MobilityResources
from mobility.xmpp.resources.plugin import Resource
from mobility.xmpp.times import moment, stamp

__all__ = ["Acquaintances", "found"]

log = logging.getLogger(__name__)
MOST_PASSING = 64  # devices that were seen, and are on no list
_SETTLING = 2.0  # seconds for those who are there to say what they are


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What the journal knows of a device."""

    name: str
    kind: str
    jid: str
    seen: datetime
    apps: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    size: int = 0
    listed: bool = False


class Acquaintances:
    """
    Those of one device.

    Attributes:
        watchers: Are set whenever something is not as it was.

    Args:
        plugin: The account's list.
        resources: Who is there.
        store: What was known before.
        id: Of this device.
        us: What it says of itself; None if we only look.

    """

    def __init__(
        self,
        plugin: MobilityDevices,
        resources: MobilityResources,
        store: Store,
        id: str,
        *,
        us: DeviceDescription | None = None,
    ) -> None:
        self._plugin = plugin
        self._resources = resources
        self._store = store
        self._id = id
        self._us = us
        self._present: dict[str, Resource] = {}  # devices that are there, by their ids
        self._remembered = {
            id: _remembered(about)
            for id, about in store.acquaintances().items()
            if about
        }
        self._verified = store.verified()
        self._looked = False
        self._sighted = False
        self._looking = asyncio.Lock()
        self._problem: MobilityError | None = None  # why there is no list
        self.watchers: set[asyncio.Event] = set()
        plugin.watch(self._on_list)
        # The server asks what we are, so until now it did not know that we listen.
        resources.asked.append(plugin.miss_labels)
        resources.changed = self._on_presence
        resources.learnt = store.learn
        resources.recall(store.learnt())

    # --- what is known -------------------------------------------------------------

    async def look(self) -> None:
        """On a new session: see what changed while we were not told."""
        async with self._looking:
            await self._look()

    async def _look(self, nodes: Collection[str] = NODES) -> None:
        self._problem = None
        try:
            await self._plugin.look(nodes)
        except (DirectoryUnavailable, PeerUnreachable) as exc:
            self._problem = exc
            log.info("the list of devices is not there: %s", exc)
        else:
            self._forget_unlisted()
        self._looked = True
        self._learn()
        self._resources.ask()
        self._on_presence()

    def check(self) -> None:
        """
        See that there is a list.

        Raises:
            DirectoryUnavailable, PeerUnreachable: There is none.

        """
        if self._problem is not None:
            raise self._problem

    def renew(self) -> None:
        """There is a new session: what is known of the list may be old."""
        self._looked = self._sighted = False

    async def prepare(self) -> None:
        """On a new session, of who only looks."""
        self.renew()
        await self.update()

    async def update(self) -> None:
        """Look at the list, unless it is known as it is."""
        async with self._looking:
            again = isinstance(self._problem, PeerUnreachable)
            if not self._looked or again:
                await self._look()
            elif self._plugin.missed and self._problem is None:
                await self._look(tuple(self._plugin.missed))

    async def all(self) -> list[Device]:
        """The devices that are known, this one first."""
        await self.update()
        await self._plugin.catch_up()
        await self._catch_sight()
        await self._resources.settled(_SETTLING)
        return self._now()

    async def _catch_sight(self) -> None:
        """On a new session: who was listed may be there, and not be seen yet."""
        if self._sighted:
            return
        there = self._resources.resources
        listed = {
            each.jid for id, each in self._plugin.listings.items() if id != self._id
        }
        await self._resources.arrived(listed - there.keys(), _SETTLING)
        self._sighted = True

    def _now(self) -> list[Device]:
        ids = {*self._present, *self._plugin.listings, *self._remembered, self._id}
        ours = [device for id in ids if (device := self._device(id)) is not None]
        others = filter(None, map(_foreign, self._resources.resources.values()))
        return sorted([*ours, *others], key=_rank)

    async def watch(self) -> AsyncGenerator[list[Device], None]:
        """See `Client.watch_devices`."""
        changed, last = asyncio.Event(), None
        self.watchers.add(changed)
        now = await self.all()
        try:
            while True:
                if now != last:
                    last = now
                    yield now
                await changed.wait()
                changed.clear()
                await self.update()
                now = self._now()
        finally:
            self.watchers.discard(changed)

    def describe(self, id: str) -> tuple[DeviceDescription, str] | None:
        """What another device says of itself, and its address now."""
        if id == self._id and self._us is not None:
            return self._us, str(self._plugin.xmpp.boundjid)
        present, listing = self._present.get(id), self._plugin.listings.get(id)
        if present is not None and present.about and present.about.device:
            return present.about.device, present.jid
        return None if listing is None else (listing.device, listing.jid)

    def device(self, id: str) -> Device | None:
        """One of them, as it is known now."""
        return self._device(id)

    def _device(self, id: str) -> Device | None:
        known: DeviceDescription | _Remembered | None
        described = self.describe(id)
        known, jid = described or (self._remembered.get(id), "")
        if known is None:
            return None
        present, this = self._present.get(id), id == self._id
        online = present is not None or (this and self._us is not None)
        return Device(
            *(id, self._plugin.labels.get(id) or known.name, known.kind),
            jid or getattr(known, "jid", ""),
            known.apps,
            online,
            known.parts,
            known.size,
            seen=None if online else self._seen(id),
            busy=present is not None and present.busy,
            verified=id in self._verified,
            this=this,
            way=self._way(present, this=this),
        )

    def _way(self, present: Resource | None, *, this: bool) -> Way | None:
        if this and self._us is not None:
            return self._resources.way
        return present.about.way if present and present.about else None

    def _seen(self, id: str) -> datetime | None:
        both = (self._plugin.listings.get(id), self._remembered.get(id))
        return max((each.seen for each in both if each is not None), default=None)

    # --- what changes --------------------------------------------------------------

    def _tell(self) -> None:
        for changed in self.watchers:
            changed.set()

    def _on_list(self) -> None:
        if not self._plugin.missed:
            self._forget_unlisted()
        self._learn()
        self._on_presence()

    def _learn(self) -> None:
        """
        Who told the list what its presence stands for need not be asked.

        If two claim the same, one of them lies.
        """
        listings = [each for each in self._plugin.listings.values() if each.ver]
        claims = Counter(each.ver for each in listings)
        for each in listings:
            if claims[each.ver] == 1:
                self._resources.learn(each.ver, each.device, each.way)
            else:
                self._resources.doubt(each.ver)

    def _on_presence(self) -> None:
        now = self._there()
        if self._us is not None:
            now.pop(self._id, None)  # a copy of us, which is for nobody to use
        gone = {id: each for id, each in self._present.items() if id not in now}
        self._present = now
        self._remember(gone)
        self._tell()

    def _there(self) -> dict[str, Resource]:
        """
        Who is there, by their ids.

        Of a device that was killed and started again the server has two for a while;
        the list says which of them lives, and which is another's copy.
        """
        found: dict[str, Resource] = {}
        for resource in self._resources.resources.values():
            if resource.about is None or resource.about.device is None:
                continue
            id = resource.about.device.id
            if id not in found or not self._is_listed_at(id, found[id].jid):
                found[id] = resource
        return found

    def _is_listed_at(self, id: str, jid: str) -> bool:
        """Whoever else says the same of itself has only copied it."""
        listing = self._plugin.listings.get(id)
        return listing is not None and listing.jid == jid

    def _remember(self, gone: Mapping[str, Resource]) -> None:
        """They were there a moment ago."""
        seen = datetime.now(UTC).replace(microsecond=0)
        about = {
            id: _facts(resource, seen, listed=id in self._plugin.listings)
            for id, resource in gone.items()
        }
        if about:
            self._remembered |= {id: _remembered(each) for id, each in about.items()}
            self._store.acquaint(about)
            self._forget_many()

    def _forget_many(self) -> None:
        """Whoever has a login can be a new device each minute; nobody has that many."""
        passing = [
            (each.seen, id)
            for id, each in self._remembered.items()
            if not each.listed and id not in self._verified and id not in self._present
        ]
        for _, id in sorted(passing)[: max(0, len(passing) - MOST_PASSING)]:
            del self._remembered[id]
            self._unlearn(id)

    def _forget_unlisted(self) -> None:
        """Somebody took them off the list: they are forgotten everywhere."""
        for id, each in tuple(self._remembered.items()):
            if each.listed and id not in self._plugin.listings:
                del self._remembered[id]
                self._unlearn(id)

    def _unlearn(self, id: str) -> None:
        self._store.unlearn(id)
        self._verified.discard(id)

    def close(self) -> None:
        """This device stops: who is there was seen now, and nobody later."""
        self._resources.changed = lambda: None
        self._resources.learnt = lambda ver, query: None
        with contextlib.suppress(MobilityError):
            self._remember(self._present)

    # --- what the user says --------------------------------------------------------

    async def rename(self, device: Device, name: str) -> None:
        """See `Client.rename`."""
        _check_ours(device)
        await self.update()
        self.check()
        await self._plugin.call(device.id, check_name(name.strip()) if name else "")
        self._tell()

    async def forget(self, device: Device) -> None:
        """See `Client.forget`."""
        _check_ours(device)
        await self.update()
        if device.id in self._present or (device.id == self._id and self._us):
            raise LocalProtocolError(
                f"{device.name} is connected: it would be back at once. Log it out "
                "there first; if it is not in your hands, change your password."
            )
        if self._problem is None:
            await self._plugin.remove(device.id)
        self._remembered.pop(device.id, None)
        self._unlearn(device.id)
        self._tell()

    def compared(self, id: str) -> None:
        """The user has seen that this device has this identity."""
        self._store.verify(id)
        self._verified.add(id)
        self._tell()

    async def verify(self, code: str) -> Device:
        """See `Client.verify`."""
        wanted = "".join(code.split()).casefold()
        for device in await self.all():
            spelled = "".join(device.fingerprint.split())
            if device.id and (device.id == code or spelled == wanted):
                self.compared(device.id)
                verified = self._device(device.id)
                assert verified is not None
                return verified
        raise UnknownDevice(
            "None of your devices has this fingerprint. If it was read from one of "
            "them, then what your account lists under its name is not that device."
        )


def _check_ours(device: Device) -> None:
    if not device.id:
        raise UnknownDevice(f"{device.name} is another program, and keeps its name.")


def _foreign(resource: Resource) -> Device | None:
    """A client that knows nothing of us."""
    about = resource.about
    if about is None or about.device is not None or about.observes:
        return None
    name = about.name or claim(resource.jid.partition("/")[2])
    return Device(
        *("", name, about.kind, resource.jid),
        online=True,
        client=name,
        busy=resource.busy,
    )


def _facts(resource: Resource, seen: datetime, *, listed: bool) -> dict[str, Any]:
    assert resource.about is not None
    assert resource.about.device is not None
    device = resource.about.device
    return {
        "name": device.name,
        "kind": device.kind,
        "jid": resource.jid,
        "seen": stamp(seen),
        "apps": dict(device.apps),
        "parts": dict(device.parts),
        "size": device.size,
        "listed": listed,
    }


def _remembered(about: Mapping[str, Any]) -> _Remembered:
    parts = {uri: tuple(some) for uri, some in about["parts"].items()}
    return _Remembered(**{**about, "seen": moment(about["seen"]), "parts": parts})


def _rank(device: Device) -> tuple[bool, bool, bool, str, str]:
    """In which order people read them: this one, those that are there, the others."""
    name = device.name.casefold()
    return not device.this, not device.id, not device.online, name, device.jid


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
