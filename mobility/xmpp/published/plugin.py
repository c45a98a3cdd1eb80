"""
Nodes for published states, over slixmpp's own XEP-0060.

The node's name cannot be guessed, and only those whom its owner admits can read it. The
service itself reads everything: what is published is not sealed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID, InvalidJID
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import PeerUnreachable, RemoteProtocolError
from mobility.protocol.capture import Direction, Place
from mobility.protocol.session import Stanza
from mobility.xmpp.feature import Feature
from mobility.xmpp.published import stanza

__all__ = ["MobilityPublished"]

log = logging.getLogger(__name__)
SECONDS = 10  # to wait for the service
_ITEM: Final = "{http://jabber.org/protocol/pubsub}item"
_CONFIG: Final = {
    "access_model": "whitelist",
    "publish_model": "publishers",
    "persist_items": "1",
    "max_items": "max",
    "send_last_published_item": "never",
}
Item = tuple[Stanza, Direction]


class MobilityPublished(Feature):
    """
    Nodes that we own, publish to, or follow.

    Attributes:
        service: Address of the pubsub service for our own nodes; the account's server
            is asked for one if it is empty.

    """

    name = "mobility_published"
    description = "Published states"
    dependencies: ClassVar[set[str]] = {"xep_0004", "xep_0030", "xep_0060"}

    def plugin_init(self) -> None:
        self.service = ""
        self._followed: dict[tuple[str, str], Callable[[Item], None]] = {}
        self._pubsub: Any = self.xmpp.plugin["xep_0060"]
        self.xmpp.register_handler(
            Callback(
                self.name,
                MatchXPath(f"{{jabber:client}}message/{stanza.EVENT}event"),
                self._on_event,
            )
        )

    def plugin_end(self) -> None:
        self.xmpp.remove_handler(self.name)

    @property
    def jid(self) -> str:
        """Our own bare JID: that of the owner of what we create."""
        return str(self.xmpp.boundjid.bare)

    async def create(self) -> Place:
        """A new node of ours, which nobody else can read."""
        service = self.service or await self._find()
        node = secrets.token_urlsafe(24)
        form = self.xmpp.plugin["xep_0004"].make_form("submit")
        form.add_field("FORM_TYPE", "hidden", value=f"{_PUBSUB}#node_config")
        for name, value in _CONFIG.items():
            form.add_field(f"pubsub#{name}", value=value)
        await _done(self._pubsub.create_node(service, node, config=form))
        return Place(service, node, self.jid)

    async def delete(self, place: Place) -> None:
        """Remove the node, and all that was published there."""
        await _done(self._pubsub.delete_node(place.service, place.node))

    async def grant(self, place: Place, jid: str, affiliation: str) -> None:
        """
        Let somebody in, or out again.

        Args:
            place: A node of ours.
            jid: Whom; their bare JID counts.
            affiliation: ``member`` reads, ``publisher`` publishes too, ``none`` ends
                both, and their subscriptions.

        """
        bare = JID(jid).bare
        where = place.service, place.node
        await _done(self._pubsub.modify_affiliations(*where, [(bare, affiliation)]))
        if affiliation == "none":
            found = await _done(self._pubsub.get_node_subscriptions(*where))
            gone = [
                (str(each["jid"]), "none")
                for each in found["pubsub_owner"]["subscriptions"]
                if JID(each["jid"]).bare == bare
            ]
            if gone:
                await _done(self._pubsub.modify_subscriptions(*where, gone))

    async def publish(self, place: Place, packet: Stanza, direction: Direction) -> None:
        """
        Add a packet, as the item that its id names.

        Raises:
            ValueError: If an app made one that is no packet.
            PeerUnreachable: If the service does not take it.

        """
        body = stanza.to_xml(packet, direction)
        where = place.service, place.node
        await _done(self._pubsub.publish(*where, id=packet.id, payload=body))

    async def follow(self, place: Place, heard: Callable[[Item], None]) -> list[Item]:
        """
        Subscribe, and then fetch what is there: nothing falls in between.

        Args:
            place: A node that we may read.
            heard: Called with what is published from now on.

        Returns:
            All items, the oldest first.

        """
        self._followed[place.service, place.node] = heard
        where = place.service, place.node
        await _done(self._pubsub.subscribe(*where, bare=False))
        result = await _done(self._pubsub.get_items(*where))
        return [stanza.from_xml(item) for item in result.xml.iter(_ITEM)]

    def leave(self, place: Place) -> None:
        """Hear no more of it."""
        self._followed.pop((place.service, place.node), None)

    async def _find(self) -> str:
        """The pubsub service of our server (XEP-0060 §5)."""
        disco = self.xmpp.plugin["xep_0030"]
        found = await _done(disco.get_items(JID(self.xmpp.boundjid.domain)))
        for jid, *_ in found["disco_items"]["items"]:
            info = await _done(disco.get_info(jid))
            if any(i[:2] == _IDENTITY for i in info["disco_info"]["identities"]):
                return str(jid)
        raise PeerUnreachable("Your server has no place to publish a session.")

    def _on_event(self, message: StanzaBase) -> None:
        node, items = stanza.published(message.xml)
        heard = self._followed.get((str(message["from"]), node))
        if heard is None or message["type"] == "error":
            return
        for item in items:
            try:
                heard(stanza.from_xml(item))
            except RemoteProtocolError as exc:
                log.debug("an item was ignored: %s", exc)


_PUBSUB: Final = "http://jabber.org/protocol/pubsub"
_IDENTITY: Final = ("pubsub", "service")


async def _done(asked: Awaitable[Any]) -> Any:
    """
    What the service answered.

    Raises:
        PeerUnreachable: If it did not, or refused.

    """
    try:
        async with asyncio.timeout(SECONDS):
            return await asked
    except (IqTimeout, InvalidJID, TimeoutError):
        raise PeerUnreachable(
            "Where the session is published does not answer."
        ) from None
    except IqError as exc:
        condition = exc.iq["error"]["condition"]
        raise PeerUnreachable(
            f"Where the session is published refused ({condition})."
        ) from None
