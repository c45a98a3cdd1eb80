"""
Who is logged in to the account, by presence, and what each is, by disco and caps.

Nobody is asked twice for the same description, and nobody at all for one that came by
another way (`learn`). Contacts of the user are not asked, and are not told: what a
device says of itself is for the account alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Hashable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID
from slixmpp.plugins.xep_0030 import DiscoInfo
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.protocol.device import DeviceDescription
from mobility.protocol.filtering import Way
from mobility.xmpp.feature import Feature
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.resources import stanza
from mobility.xmpp.resources.stanza import About, Caps

__all__ = ["MobilityResources", "Resource"]

log = logging.getLogger(__name__)
SECONDS = 10.0  # for a resource to say what it is
_MOST = 256  # resources that are kept in view
_AT_ONCE = 8  # of them are asked at the same time
_MOST_KNOWN = 500  # descriptions; a resource may have another each minute
_LARGEST = 60_000  # bytes of a description that is remembered


@dataclass(frozen=True, slots=True)
class Resource:
    """
    Somebody who is logged in to the account.

    Args:
        jid: Full JID.
        caps: Which description its presence stands for, if it says so.
        busy: Whether it can take no more (``<show>dnd</show>``).
        about: What it says of itself; None before that is known.

    """

    jid: str
    caps: Caps | None = None
    busy: bool = False
    about: About | None = None

    @property
    def key(self) -> Hashable:
        """What has the same description."""
        return self.caps or self.jid


class MobilityResources(Feature):
    """
    The other resources of the account.

    Attributes:
        resources: Those that are there, by full JID, the last to come at the end.
        known: What presences stand for.
        changed: Called when they, or what is known of them, changed.
        asked: Each called when the server asks what our presence stands for.
        way: What we say of how packets come here.
        learnt: Called with what to remember over a restart, for `recall`.

    """

    name = "mobility_resources"
    description = "The account's resources"
    dependencies: ClassVar[set[str]] = {
        "xep_0030",
        "xep_0115",
        "xep_0128",
        "mobility_pep",
    }

    def plugin_init(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.changed: Callable[[], None] = lambda: None
        self.asked: list[Callable[[], None]] = []
        self.learnt: Callable[[str, str], None] = lambda ver, text: None
        self.known: dict[Caps, About] = {}
        self._told: dict[Caps, About] = {}
        self._recalled: Mapping[str, str] = {}
        self._asking: dict[Hashable, asyncio.Task[None]] = {}
        self._expected: dict[str, asyncio.Event] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = True  # until whoever wants to know has looked elsewhere first
        self._ours: tuple[str, list[Element]] = ("bot", [])
        self._feature = stanza.SIFTS
        self._device: DeviceDescription | None = None
        self.way: Way | None = None
        self._disco: Any = self.xmpp.plugin["xep_0030"]
        self._caps: Any = self.xmpp.plugin["xep_0115"]
        # WORKAROUND: slixmpp 1.17 asks each contact, each resource and the server what
        # they are as soon as it sees them.
        self.xmpp.del_event_handler("entity_caps", self._caps._process_caps)
        self._disco.set_node_handler("get_info", handler=self._info)
        self.xmpp.register_handler(
            Callback(
                self.name, MatchXPath("{jabber:client}presence"), self._on_presence
            )
        )
        self.xmpp.add_event_handler("session_bind", self._on_bind)

    def plugin_end(self) -> None:
        self.xmpp.remove_handler(self.name)
        self.xmpp.del_event_handler("session_bind", self._on_bind)
        self._stop_asking()

    def describe(self, device: DeviceDescription) -> None:
        """Say that we are this device; to be called before we are online."""
        self._device = device
        self.come_by(None)

    def observe(self) -> None:
        """Say that we only look; to be called before we are online."""
        self._ours, self._feature = ("console", []), stanza.OBSERVER

    def come_by(self, way: Way | None) -> None:
        """From `ver` on, say that packets of an app's service come here so."""
        self.way = way
        if self._device is not None:
            self._ours = self._device.kind, [stanza.to_form(self._device, way)]

    async def ver(self) -> str:
        """What our presence stands for (XEP-0115 §5.1), once we are connected."""
        await MobilityPep.of(self.xmpp).announce()
        ver: str | None = await self._caps.get_verstring()
        return ver or ""

    def recall(self, remembered: Mapping[str, str]) -> None:
        """Use what was `learnt` before a restart."""
        self._recalled = remembered

    def learn(
        self, ver: str, device: DeviceDescription, way: Way | None = None
    ) -> None:
        """
        A device told by another way what its presence stands for.

        Nobody signed that: what a resource says itself counts before it.
        """
        caps = self._ours_of(ver)
        about = About(device.kind, stanza.NAME, device, way=way)
        if caps not in self.known and self._told.get(caps) != about:
            _put(self._told, caps, about)
            self._settle(caps, about)

    def doubt(self, ver: str) -> None:
        """Forget what was told of that presence: whoever has it is asked."""
        caps = self._ours_of(ver)
        if self._told.pop(caps, None) is not None and caps not in self.known:
            self._settle(caps, None)
            if not self._waiting:
                self.ask()

    def _ours_of(self, ver: str) -> Caps:
        return Caps(ver, self._caps.hash, self._caps.caps_node)

    def ask(self) -> None:
        """From now on ask those of whom nothing is known."""
        self._waiting = False
        for resource in tuple(self.resources.values()):
            self._ask_if_needed(resource)

    async def settled(self, seconds: float) -> None:
        """Wait for those who are being asked, but not for longer than that."""
        if self._asking:
            await asyncio.wait(tuple(self._asking.values()), timeout=seconds)

    async def arrived(self, jids: Collection[str], seconds: float) -> None:
        """
        Wait until those of them that are connected have been seen to be there.

        A server tells a new resource of the others in its own time (RFC 6121 §4.2 sets
        no order): who answers, and has not been seen, is going to be.

        Args:
            jids: Full JIDs of this account.
            seconds: To wait for them, at most.

        """
        coming = [asyncio.create_task(self._comes(jid, seconds)) for jid in jids]
        if coming:
            await asyncio.gather(*coming)

    async def _comes(self, jid: str, seconds: float) -> None:
        seen = self._expected.setdefault(jid, asyncio.Event())
        with contextlib.suppress(IqError, IqTimeout, TimeoutError):
            async with asyncio.timeout(seconds), self._slots:
                await self._disco.get_info(JID(jid), local=False, timeout=seconds)
                await seen.wait()
        self._expected.pop(jid, None)

    def _info(self, jid: JID, node: str, ifrom: Any, data: Any) -> DiscoInfo:
        """What we answer who asks what we are."""
        query = deepcopy(self._disco.static.get_info(jid, node, ifrom, data).xml)
        kind, form = self._ours
        stanza.introduce(query, kind, [self._feature])
        if node and ifrom and str(ifrom) in self._servers:
            for asked in self.asked:
                asked()
        if self._is_own(ifrom):
            query.extend(deepcopy(form))
        return DiscoInfo(xml=query)

    @property
    def _servers(self) -> tuple[str, ...]:
        """As whom servers ask: the account, the domain, or we ourselves."""
        own = self.xmpp.boundjid
        return own.bare, own.domain, own.full

    def _is_own(self, asker: Any) -> bool:
        """
        The account, its server, which reads all of it anyway, and we ourselves.

        Of the account only those who show that they are there: a screen that is let in
        for a visit does not.
        """
        own = self.xmpp.boundjid
        known = {"", own.bare, own.domain, own.full, *self.resources}
        return str(asker or "") in known

    def _on_bind(self, _: Any) -> None:
        """A new session: the server tells from the beginning who is there."""
        self._stop_asking()
        self._waiting = True
        self.resources.clear()

    def _stop_asking(self) -> None:
        for task in self._asking.values():
            task.cancel()
        self._asking.clear()

    def _on_presence(self, presence: StanzaBase) -> None:
        jid, kind = presence["from"], presence.xml.get("type")
        own = self.xmpp.boundjid
        if jid.bare != own.bare or not jid.resource or jid.full == own.full:
            return
        if kind == "unavailable":
            if self.resources.pop(jid.full, None) is not None:
                self.changed()
        elif kind is None and (jid.full in self.resources or self._has_room):
            self._arrive(jid.full, presence)

    @property
    def _has_room(self) -> bool:
        return len(self.resources) < _MOST

    def _arrive(self, jid: str, presence: StanzaBase) -> None:
        before = self.resources.get(jid)
        caps, busy = stanza.caps(presence.xml), presence["show"] == "dnd"
        about = self._recollect(caps)
        if about is None and before is not None and before.caps == caps:
            about = before.about
        resource = self.resources[jid] = Resource(jid, caps, busy, about)
        if jid in self._expected:
            self._expected[jid].set()
        if resource != before:
            self.changed()
        if not self._waiting:
            self._ask_if_needed(resource)

    def _recollect(self, caps: Caps | None) -> About | None:
        if caps is None:
            return None
        text = self._recalled.get(f"{caps.hash} {caps.ver}")
        if caps not in self.known and text is not None:
            with contextlib.suppress(SyntaxError):  # a journal may be damaged
                self.known[caps] = stanza.about(stanza.read(text))
        return self.known.get(caps) or self._told.get(caps)

    def _ask_if_needed(self, resource: Resource) -> None:
        if resource.about is None and resource.key not in self._asking:
            task = asyncio.create_task(self._asked(resource))
            self._asking[resource.key] = task

    async def _asked(self, resource: Resource) -> None:
        caps = resource.caps
        node = f"{caps.node}#{caps.ver}" if caps else None
        try:
            async with self._slots:
                iq = await self._disco.get_info(
                    JID(resource.jid), node, local=False, timeout=SECONDS
                )
        except (IqError, IqTimeout):
            self._answered(resource, About())
        else:
            self._hear(resource, stanza.query(iq.xml))

    def _hear(self, resource: Resource, query: Element | None) -> None:
        if query is None:
            self._answered(resource, About())
            return
        about = stanza.about(query)
        self._answered(resource, about)
        caps = resource.caps
        if caps is not None and self._is_true(caps, query):
            text = stanza.written(query)
            if len(text) <= _LARGEST:
                self.learnt(f"{caps.hash} {caps.ver}", text)
            _put(self.known, caps, about)
            self._settle(caps, about)

    def _is_true(self, caps: Caps, query: Element) -> bool:
        """Whether others with the same presence say the same (XEP-0115 §5.4)."""
        if stanza.is_ambiguous(query):
            return False
        info = DiscoInfo(xml=deepcopy(query))
        ver: str | None = self._caps.generate_verstring(info, caps.hash)
        return ver == caps.ver

    def _answered(self, resource: Resource, about: About) -> None:
        """One resource is known; who has the same description is asked in its turn."""
        self._asking.pop(resource.key, None)
        now = self.resources.get(resource.jid)
        if now is not None and now.key == resource.key:
            self.resources[now.jid] = replace(now, about=about)
            self.changed()
        for other in tuple(self.resources.values()):
            if other.key == resource.key:
                asyncio.get_running_loop().call_soon(self._ask_again, other.jid)

    def _ask_again(self, jid: str) -> None:
        resource = self.resources.get(jid)
        if resource is not None and not self._waiting:
            self._ask_if_needed(resource)

    def _settle(self, caps: Caps, about: About | None) -> None:
        """All who have this description are known, or not any more."""
        for resource in tuple(self.resources.values()):
            if resource.caps == caps and resource.about != about:
                self.resources[resource.jid] = replace(resource, about=about)
                self.changed()


def _put(descriptions: dict[Caps, About], caps: Caps, about: About) -> None:
    """The last one; the first goes, if there are too many."""
    descriptions.pop(caps, None)
    descriptions[caps] = about
    if len(descriptions) > _MOST_KNOWN:
        del descriptions[next(iter(descriptions))]
