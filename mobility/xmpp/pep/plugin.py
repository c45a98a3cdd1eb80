"""Private PEP nodes over slixmpp: publish, fetch, retract, be told of changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Final
from xml.etree.ElementTree import Element

from slixmpp import Presence
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import DirectoryUnavailable, MobilityError, PeerUnreachable
from mobility.xmpp.errors import SessionOver
from mobility.xmpp.feature import Feature
from mobility.xmpp.pep import stanza
from mobility.xmpp.pep.stanza import LARGEST
from mobility.xmpp.requests import MobilityRequests

__all__ = ["MobilityPep"]

log = logging.getLogger(__name__)
_LARGEST_ITEM = 32 * 1024  # bytes; looked at only where all together are too many
_NO_ROOM = frozenset(
    {"resource-constraint", "policy-violation", "not-acceptable", "bad-request"}
)
_CONFUSED: Final = "internal-server-error"
_PAUSES: Final = (0.02, 0.1, 0.5)  # seconds until it is asked again


class MobilityPep(Feature):
    name = "mobility_pep"
    description = "Private nodes of the account"
    dependencies: ClassVar[set[str]] = {"mobility_requests", "xep_0030", "xep_0115"}

    def plugin_init(self) -> None:
        self._watched: dict[str, Callable[[stanza.Change], None]] = {}
        self._ready: set[str] = set()  # nodes that need no more options with an item
        # Before XEP-0115's own filter. WORKAROUND: slixmpp 1.17 takes 0 for the end.
        self.xmpp.add_filter("out", self._announce, order=1)
        self.xmpp.register_handler(
            Callback(
                self.name,
                MatchXPath(f"{{jabber:client}}message/{stanza.EVENT}"),
                self._on_message,
            )
        )

    def plugin_end(self) -> None:
        self.xmpp.remove_handler(self.name)
        self.xmpp.del_filter("out", self._announce)  # type: ignore[arg-type]

    def watch(self, node: str, changed: Callable[[], None]) -> None:
        """
        Be told when to look at a node again; to be called before we are online.

        Not what changed: of changes just before the server knew that we want to hear
        of them, it tells one only (XEP-0163 §4.3.4).
        """
        self.follow(node, lambda _: changed())

    def follow(self, node: str, heard: Callable[[stanza.Change], None]) -> None:
        """
        Be told what changes in a node; to be called before we are online.

        Nothing is lost while the stream is resumed. On a new one the server tells the
        last item first; who does not know it has to look.
        """
        self._watched[node] = heard

    async def publish(self, node: str, item: stanza.Item) -> None:
        """
        Put an item into a node that nobody but the account can read.

        Raises:
            DirectoryUnavailable: If the server has no such nodes, or no room in it.
            PeerUnreachable: If the server does not answer.

        """
        if node in self._ready and await self._published(node, item):
            return
        try:
            await self.ask_server("set", stanza.publish(node, item))
        except IqError as exc:
            error = exc.iq["error"]
            if stanza.is_elsewise(error.xml):
                # Somebody made it otherwise, so perhaps readable by others.
                await self._made_private(node)
                await self._asked("set", stanza.publish(node, item))
            elif error["condition"] == "resource-constraint":
                # WORKAROUND: ejabberd 23.01 says so to options that it takes with the
                # node only.
                await self._made(node)
                await self._asked("set", stanza.publish_to_existing(node, item))
                self._ready.add(node)
            else:
                raise self._error(exc) from None

    async def _published(self, node: str, item: stanza.Item) -> bool:
        """Whether it was enough to publish it, since the node is as it shall be."""
        try:
            await self.ask_server("set", stanza.publish_to_existing(node, item))
        except IqError:
            self._ready.discard(node)
            return False
        return True

    async def _made(self, node: str) -> None:
        """There is such a node, and it is private."""
        try:
            await self.ask_server("set", stanza.create(node))
        except IqError as exc:
            if exc.iq["error"]["condition"] != "conflict":
                raise self._error(exc) from None
            await self._made_private(node)

    async def _made_private(self, node: str) -> None:
        await self._asked("set", stanza.configure(node))

    async def items(self, node: str) -> list[stanza.Item]:
        """
        All that lies in a node; nothing if there is no such node.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        found = stanza.found(await self._result(stanza.fetch(node)))
        if found is not None:
            return found
        log.warning("there is more in %s than devices write; it is cleaned", node)
        return await self._cleaned(node)

    async def _cleaned(self, node: str) -> list[stanza.Item]:
        """What is of a size that devices write; the rest is taken away."""
        ids = stanza.found_ids(await self._result(stanza.fetch_ids(node)))
        if ids is None:  # even their names are too large
            await self._asked("set", stanza.delete(node))
            self._ready.discard(node)
            return []
        each = await asyncio.gather(*(self._one(node, id) for id in ids[-LARGEST:]))
        return [item for found in each for item in found]

    async def _one(self, node: str, id: str) -> list[stanza.Item]:
        found = stanza.found(await self._result(stanza.fetch_one(node, id)))
        if found is not None and all(item.size <= _LARGEST_ITEM for item in found):
            return found
        await self.retract(node, id)
        return []

    async def _result(self, request: Element) -> Element:
        """What the server says; nothing, if there is no such node or item."""
        try:
            return await self.ask_server("get", request)
        except IqError as exc:
            if exc.iq["error"]["condition"] == "item-not-found":
                return stanza.NOTHING
            raise self._error(exc) from None

    async def retract(self, node: str, id: str) -> None:
        """
        Take an item away, if it is there.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        try:
            await self.ask_server("set", stanza.retract(node, id))
        except IqError as exc:
            if exc.iq["error"]["condition"] != "item-not-found":
                raise self._error(exc) from None

    async def _asked(self, kind: str, element: Element) -> None:
        try:
            await self.ask_server(kind, element)
        except IqError as exc:
            raise self._error(exc) from None

    async def ask_server(self, kind: str, element: Element) -> Element:
        """Ask once more where the answer is lost: nothing here is worse done twice."""
        try:
            return await self._ask_server(kind, element)
        except SessionOver:
            return await self._ask_server(kind, element)

    async def _ask_server(self, kind: str, element: Element) -> Element:
        asking = MobilityRequests.of(self.xmpp)
        # WORKAROUND: ejabberd 23.01 says so to one of two who do something with a node
        # at the same moment.
        for pause in _PAUSES:
            try:
                return await asking.ask(kind, element)
            except IqError as exc:
                if exc.iq["error"]["condition"] != _CONFUSED:
                    raise
            await asyncio.sleep(pause)
        return await asking.ask(kind, element)

    def _error(self, exc: IqError) -> MobilityError:
        condition, domain = exc.iq["error"]["condition"], self.xmpp.boundjid.domain
        if condition == _CONFUSED:
            return PeerUnreachable(f"{domain} cannot keep lists now. Try again later.")
        if condition in _NO_ROOM:
            return DirectoryUnavailable(
                f"{domain} does not keep that much for your devices. Remove some that "
                "you do not use any more, or ask who runs the server."
            )
        return DirectoryUnavailable(
            f"{domain} does not keep lists for its users (XEP-0163), so your devices "
            "cannot find one another there. Show one the code of the other instead, "
            "or ask who runs the server."
        )

    async def _announce(self, sent: StanzaBase) -> StanzaBase:
        """Our presence says what we want to be told of (XEP-0163 §4.3.2, XEP-0115)."""
        if self._watched and isinstance(sent, Presence) and not sent.xml.get("type"):
            await self.announce()
        return sent

    async def announce(self) -> None:
        """Have what we want to be told of in what our presence stands for."""
        disco: Any = self.xmpp.plugin["xep_0030"]
        for node in self._watched:
            await disco.add_feature(f"{node}+notify")
        await self.xmpp.plugin["xep_0115"].update_caps(broadcast=False)

    def _on_message(self, message: StanzaBase) -> None:
        # Anybody can send an event; only the account's own server speaks for its nodes.
        sender = message["from"]
        if message["type"] == "error" or sender.full != self.xmpp.boundjid.bare:
            return
        for change in stanza.changes(message.xml):
            if change.node in self._watched:
                self._watched[change.node](change)
