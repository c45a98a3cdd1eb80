"""
XML of private PEP nodes (XEP-0163 over XEP-0060, configured as in XEP-0223 §3).

Only what a private node needs: publish with options, items, retract, configure, and the
notifications about them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

__all__ = [
    "EVENT",
    "LARGEST",
    "NOTHING",
    "OPTIONS",
    "Change",
    "Item",
    "changes",
    "configure",
    "create",
    "delete",
    "fetch",
    "fetch_ids",
    "fetch_one",
    "found",
    "found_ids",
    "is_elsewise",
    "publish",
    "publish_to_existing",
    "retract",
]

_PUBSUB: Final = "http://jabber.org/protocol/pubsub"
_FORM: Final = "{jabber:x:data}"
_DISCO: Final = "{http://jabber.org/protocol/disco#items}"
EVENT: Final = f"{{{_PUBSUB}#event}}event"
_ITEMS: Final = f"{{{_PUBSUB}#event}}items"
_ITEM: Final = f"{{{_PUBSUB}#event}}item"
_RETRACT: Final = f"{{{_PUBSUB}#event}}retract"
_MISMATCH: Final = f"{{{_PUBSUB}#errors}}precondition-not-met"
LARGEST: Final = 64  # items of a node; Prosody 0.12 allows 256 unless configured

NOTHING: Final = Element("{jabber:client}iq")
NOTHING.append(Element(f"{{{_PUBSUB}}}pubsub"))

# Nobody but the account reads it, and it outlives restarts of the server. The last item
# is sent to a device once the server knows what it wants to hear: so nothing falls into
# the gap between its first look and that moment.
OPTIONS: Final[dict[str, str]] = {
    "pubsub#persist_items": "true",
    "pubsub#access_model": "whitelist",
    "pubsub#max_items": str(LARGEST),
    "pubsub#send_last_published_item": "on_sub_and_presence",
}
# What ejabberd 23.01 understands beside an item; the rest it takes with the node.
_WITH_ITEM: Final = ("pubsub#persist_items", "pubsub#access_model")


@dataclass(frozen=True, slots=True)
class Item:
    """Something that lies in a node; the payload may be anybody's nonsense."""

    id: str
    payload: Element = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of it in XML."""
        return len(tostring(self.payload))


@dataclass(frozen=True, slots=True)
class Change:
    """
    What happened to a node.

    Args:
        node: Its name.
        items: What was put there; may be anybody's nonsense.
        retracted: Ids of what was taken away.
        complete: Whether that is all; if not, one has to look.

    """

    node: str
    items: tuple[Item, ...] = ()
    retracted: tuple[str, ...] = ()
    complete: bool = False


def _request(action: str, node: str) -> tuple[Element, Element]:
    pubsub = Element(f"{{{_PUBSUB}}}pubsub")
    return pubsub, SubElement(pubsub, f"{{{_PUBSUB}}}{action}", node=node)


def publish(node: str, item: Item, options: Iterable[str] = OPTIONS) -> Element:
    pubsub, action = _request("publish", node)
    SubElement(action, f"{{{_PUBSUB}}}item", id=item.id).append(item.payload)
    beside = SubElement(pubsub, f"{{{_PUBSUB}}}publish-options")
    beside.append(_form("publish-options", options))
    return pubsub


def publish_to_existing(node: str, item: Item) -> Element:
    """With the few options that ejabberd understands there."""
    return publish(node, item, _WITH_ITEM)


def create(node: str) -> Element:
    """A node that has all options from its first moment (XEP-0060 §8.1.3)."""
    pubsub, _ = _request("create", node)
    SubElement(pubsub, f"{{{_PUBSUB}}}configure").append(_form("node_config"))
    return pubsub


def fetch(node: str) -> Element:
    """All that we would have put there: whoever put more there gets less of it read."""
    pubsub, action = _request("items", node)
    action.set("max_items", str(LARGEST))
    return pubsub


def fetch_one(node: str, id: str) -> Element:
    pubsub, action = _request("items", node)
    SubElement(action, f"{{{_PUBSUB}}}item", id=id)
    return pubsub


def fetch_ids(node: str) -> Element:
    """What a node has, without what it says (XEP-0060 §5.5)."""
    return Element(f"{_DISCO}query", node=node)


def retract(node: str, id: str) -> Element:
    pubsub, action = _request("retract", node)
    action.set("notify", "true")
    SubElement(action, f"{{{_PUBSUB}}}item", id=id)
    return pubsub


def delete(node: str) -> Element:
    pubsub = Element(f"{{{_PUBSUB}#owner}}pubsub")
    SubElement(pubsub, f"{{{_PUBSUB}#owner}}delete", node=node)
    return pubsub


def configure(node: str) -> Element:
    pubsub = Element(f"{{{_PUBSUB}#owner}}pubsub")
    action = SubElement(pubsub, f"{{{_PUBSUB}#owner}}configure", node=node)
    action.append(_form("node_config"))
    return pubsub


def _form(kind: str, options: Iterable[str] = OPTIONS) -> Element:
    form = Element(f"{_FORM}x", type="submit")
    head = SubElement(form, f"{_FORM}field", var="FORM_TYPE", type="hidden")
    SubElement(head, f"{_FORM}value").text = f"{_PUBSUB}#{kind}"
    for name in options:
        line = SubElement(form, f"{_FORM}field", var=name)
        SubElement(line, f"{_FORM}value").text = OPTIONS[name]
    return form


def found(iq: Element) -> list[Item] | None:
    """
    The items that a result carries, in the server's order.

    None if it came without its content, since that was too large.
    """
    if not len(iq):
        return None
    path = "/".join(f"{{{_PUBSUB}}}{name}" for name in ("pubsub", "items", "item"))
    return [Item(item.get("id", ""), item[0]) for item in iq.findall(path) if len(item)]


def found_ids(iq: Element) -> list[str] | None:
    """The ids that a result carries; None as for `found`."""
    if not len(iq):
        return None
    return [item.get("name", "") for item in iq.iter(f"{_DISCO}item")]


def changes(message: Element) -> list[Change]:
    """What a notification says of each node."""
    return [_change(kind) for kind in message.findall(f"{EVENT}/*")]


def _change(kind: Element) -> Change:
    inner = [child for child in kind if child.tag in {_ITEM, _RETRACT}]
    told = kind.tag == _ITEMS and len(inner) == len(kind) > 0
    bare = any(child.tag == _ITEM and not len(child) for child in inner)
    return Change(
        kind.get("node", ""),
        tuple(
            Item(child.get("id", ""), child[0])
            for child in inner
            if child.tag == _ITEM and len(child)
        ),
        tuple(child.get("id", "") for child in inner if child.tag == _RETRACT),
        complete=told and not bare,
    )


def is_elsewise(error: Element) -> bool:
    """Whether a stanza error says that the node is configured in another way."""
    return error.find(_MISMATCH) is not None
