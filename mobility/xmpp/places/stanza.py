"""
XML of a display's entry in its venue's list, and of the requests about it (XEP-0060).

A place is a ``<geoloc>`` of XEP-0080. slixmpp's takes any number for a coordinate, NaN
too, and fails on some texts; what a stranger wrote is read here instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import InvalidState, RemoteProtocolError
from mobility.protocol.place import Coordinates, Entry, Spot, check_entry, fit
from mobility.xmpp import ns
from mobility.xmpp.exchange import number
from mobility.xmpp.text import legal
from mobility.xmpp.times import moment, stamp

__all__ = [
    "ELEMENT",
    "LARGEST",
    "NODE",
    "Item",
    "admit",
    "configure",
    "contents",
    "create",
    "fetch",
    "from_xml",
    "ids",
    "items",
    "publish",
    "retract",
    "to_xml",
]

NODE: Final = ns.DISPLAYS
ELEMENT: Final = f"{{{ns.DISPLAYS}}}display"
LARGEST: Final = 1000  # displays of one list
_APP: Final = f"{{{ns.DISPLAYS}}}app"
_GEOLOC: Final = "{http://jabber.org/protocol/geoloc}"
_TEXTS: Final = ("building", "floor", "room", "text")
_PUBSUB: Final = "http://jabber.org/protocol/pubsub"
_DISCO_ITEMS: Final = "{http://jabber.org/protocol/disco#items}"
_FORM: Final = "{jabber:x:data}"
_DECIMAL = re.compile(r"[+-]?(\d{1,20}(\.\d{0,40})?|\.\d{1,40})", re.ASCII)
_BOOLEANS: Final = {None: None, "true": True, "1": True, "false": False, "0": False}

# Anybody reads it, only whom its owner admits writes it, and whoever wants to know what
# is there has to ask: nobody gets a record of when displays come and go.
_OPTIONS: Final[Mapping[str, str]] = {
    "pubsub#title": "Displays of this venue",
    "pubsub#access_model": "open",
    "pubsub#publish_model": "publishers",
    "pubsub#persist_items": "true",
    "pubsub#max_items": str(LARGEST),
    "pubsub#deliver_notifications": "false",
    "pubsub#send_last_published_item": "never",
    "pubsub#max_payload_size": "4096",
}


@dataclass(frozen=True, slots=True)
class Item:
    """
    An entry as it lies in the list.

    Args:
        id: The name of the display's account.
        entry: What it says of itself.

    """

    id: str
    entry: Entry


def to_xml(entry: Entry) -> Element:
    """``<display>`` with all that it says of itself."""
    when = stamp(datetime.fromtimestamp(entry.stamp, UTC))
    element = Element(ELEMENT, stamp=when, name=legal(entry.name))
    if entry.operator:
        element.set("operator", legal(entry.operator))
    if entry.in_use is not None:
        element.set("in-use", "true" if entry.in_use else "false")
    place = SubElement(element, f"{_GEOLOC}geoloc")
    for name, value in _of_place(entry.spot).items():
        SubElement(place, f"{_GEOLOC}{name}").text = legal(value)
    for uri, schema in entry.apps.items():
        SubElement(element, _APP, uri=legal(uri), schema=str(schema))
    return element


def _of_place(spot: Spot) -> dict[str, str]:
    """Child elements of a geoloc, without the empty ones."""
    where = spot.coordinates
    numbers = {} if where is None else {"lat": where.lat, "lon": where.lon}
    texts = {name: getattr(spot, name) for name in _TEXTS}
    return {name: _decimal(value) for name, value in numbers.items()} | {
        name: value for name, value in texts.items() if value
    }


def _decimal(value: float) -> str:
    """As xs:decimal, which has no exponent; a metre is the fifth digit."""
    return f"{value:.7f}".rstrip("0").rstrip(".")


def from_xml(element: Element) -> Entry:
    """
    The entry that an element carries, fit to be shown.

    Raises:
        RemoteProtocolError: If there is none.

    """
    apps = element.findall(_APP)
    if element.tag != ELEMENT or element.get("in-use") not in _BOOLEANS:
        raise RemoteProtocolError("That is not a display.")
    entry = Entry(
        name=element.get("name", ""),
        operator=element.get("operator", ""),
        spot=_place(element.find(f"{_GEOLOC}geoloc")),
        stamp=int(moment(element.get("stamp", "")).timestamp()),
        apps={app.get("uri", ""): number(app.get("schema")) for app in apps},
        in_use=_BOOLEANS[element.get("in-use")],
    )
    entry = fit(entry)
    try:
        check_entry(entry)
    except InvalidState as exc:
        raise RemoteProtocolError(str(exc)) from None
    return entry


def _place(geoloc: Element | None) -> Spot:
    if geoloc is None:
        return Spot()
    texts = [geoloc.findtext(f"{_GEOLOC}{name}") or "" for name in _TEXTS]
    lat, lon = (geoloc.findtext(f"{_GEOLOC}{name}") for name in ("lat", "lon"))
    if lat is None and lon is None:
        return Spot(None, *texts)
    try:
        return Spot(Coordinates(_number(lat), _number(lon)), *texts)
    except InvalidState as exc:
        raise RemoteProtocolError(str(exc)) from None


def _number(text: str | None) -> float:
    if not _DECIMAL.fullmatch((text or "").strip()):
        raise RemoteProtocolError("That is not a coordinate.")
    return float(text or "")


# --- requests -------------------------------------------------------------------------


def ids() -> Element:
    """Ask which items there are (XEP-0060 §5.5): short, whatever is in them."""
    return Element(f"{_DISCO_ITEMS}query", node=NODE)


def items(result: Element) -> list[str]:
    """The answer to `ids`."""
    query = result.find(f"{_DISCO_ITEMS}query")
    found = [] if query is None else query.findall(f"{_DISCO_ITEMS}item")
    return list(dict.fromkeys(item.get("name", "") for item in found))


def _request(action: str) -> tuple[Element, Element]:
    pubsub = Element(f"{{{_PUBSUB}}}pubsub")
    return pubsub, SubElement(pubsub, f"{{{_PUBSUB}}}{action}", node=NODE)


def fetch(wanted: Iterable[str]) -> Element:
    """Ask for some items (XEP-0060 §6.5.8)."""
    pubsub, action = _request("items")
    for id in wanted:
        SubElement(action, f"{{{_PUBSUB}}}item", id=id)
    return pubsub


def contents(result: Element) -> tuple[list[Item], int]:
    """The answer to `fetch`; and how many items nobody can read."""
    path = "/".join(f"{{{_PUBSUB}}}{name}" for name in ("pubsub", "items", "item"))
    found, unread = [], 0
    for item in result.findall(path):
        try:
            (payload,) = item
            found.append(Item(item.get("id", ""), from_xml(payload)))
        except (RemoteProtocolError, ValueError):
            unread += 1
    return found, unread


def publish(id: str, entry: Entry) -> Element:
    pubsub, action = _request("publish")
    SubElement(action, f"{{{_PUBSUB}}}item", id=id).append(to_xml(entry))
    return pubsub


def retract(id: str) -> Element:
    pubsub, action = _request("retract")
    SubElement(action, f"{{{_PUBSUB}}}item", id=id)
    return pubsub


def create() -> Element:
    """Make the list (XEP-0060 §8.1.3)."""
    pubsub, _ = _request("create")
    SubElement(pubsub, f"{{{_PUBSUB}}}configure").append(_form(_OPTIONS))
    return pubsub


def configure() -> Element:
    """Make a list that is there what it should be."""
    pubsub = Element(f"{{{_PUBSUB}#owner}}pubsub")
    action = SubElement(pubsub, f"{{{_PUBSUB}#owner}}configure", node=NODE)
    action.append(_form(_OPTIONS))
    return pubsub


def admit(affiliations: Mapping[str, str]) -> Element:
    """Let accounts publish (``publisher``), or no more (``none``)."""
    pubsub = Element(f"{{{_PUBSUB}#owner}}pubsub")
    action = SubElement(pubsub, f"{{{_PUBSUB}#owner}}affiliations", node=NODE)
    for jid, affiliation in affiliations.items():
        name = f"{{{_PUBSUB}#owner}}affiliation"
        SubElement(action, name, jid=jid, affiliation=affiliation)
    return pubsub


def _form(options: Mapping[str, str]) -> Element:
    form = Element(f"{_FORM}x", type="submit")
    head = SubElement(form, f"{_FORM}field", var="FORM_TYPE", type="hidden")
    SubElement(head, f"{_FORM}value").text = f"{_PUBSUB}#node_config"
    for name, value in options.items():
        line = SubElement(form, f"{_FORM}field", var=name)
        SubElement(line, f"{_FORM}value").text = value
    return form
