"""XML of a visit, and its translation to and from protocol events."""

from __future__ import annotations

from typing import Final, TypeAlias
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.delegation import Level
from mobility.protocol.visit import (
    Approve,
    Decline,
    Description,
    Leave,
    Reveal,
    Rival,
    Visit,
    Welcome,
    Wiped,
)
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, number, raw
from mobility.xmpp.text import legal

__all__ = ["ELEMENT", "Event", "from_xml", "to_xml"]

ELEMENT: Final = f"{{{ns.VISIT}}}visit"
_APP: Final = f"{{{ns.VISIT}}}app"
_MOST_APPS = 64

Event: TypeAlias = Visit | Welcome | Reveal | Approve | Decline | Leave | Rival | Wiped


def to_xml(event: Event) -> Element:
    """``<visit action='…'>`` with the event's fields."""
    element = Element(ELEMENT, action=type(event).__name__.lower())
    match event:
        case Visit(commitment, device, proof):
            element.set("commitment", b64(commitment))
            element.set("device", device)
            element.set("proof", b64(proof))
        case Welcome():
            _welcome(element, event)
        case Reveal(key, nonce):
            element.set("key", b64(key))
            element.set("nonce", b64(nonce))
        case Approve(sealed):
            element.text = b64(sealed)
        case Leave(reason, receipt):
            element.set("reason", legal(reason))
            element.text = b64(receipt)
        case Wiped(receipt):
            element.text = b64(receipt)
        case Decline() | Rival():
            pass
    return element


def _welcome(element: Element, welcome: Welcome) -> None:
    about = welcome.description
    for name in ("key", "nonce", "identity", "signature"):
        element.set(name, b64(getattr(welcome, name)))
    for name in ("name", "operator", "place"):
        element.set(name, getattr(about, name))
    element.set("levels", " ".join(level.value for level in about.levels))
    for uri, schema in about.apps.items():
        SubElement(element, _APP, uri=uri, schema=str(schema))


def from_xml(element: Element) -> Event:
    """
    The event that an element stands for.

    Raises:
        RemoteProtocolError: If there is none.

    """
    match element.get("action"):
        case "visit":
            return Visit(
                raw(element.get("commitment")),
                element.get("device", ""),
                raw(element.get("proof")),
            )
        case "welcome":
            return _from_welcome(element)
        case "reveal":
            return Reveal(raw(element.get("key")), raw(element.get("nonce")))
        case "approve":
            return Approve(raw(element.text))
        case "decline":
            return Decline()
        case "leave":
            return Leave(element.get("reason", ""), raw(element.text))
        case "rival":
            return Rival()
        case "wiped":
            return Wiped(raw(element.text))
    raise RemoteProtocolError("That is not a step of a visit.")


def _levels(text: str) -> tuple[Level, ...]:
    try:
        return tuple(map(Level, text.split()))
    except ValueError:
        raise RemoteProtocolError("The display offers what nobody knows.") from None


def _from_welcome(element: Element) -> Welcome:
    apps = element.findall(_APP)
    if len(apps) > _MOST_APPS:
        raise RemoteProtocolError("The display says that it has too many apps.")
    description = Description(
        element.get("name", ""),
        element.get("operator", ""),
        element.get("place", ""),
        {app.get("uri", ""): number(app.get("schema")) for app in apps},
        _levels(element.get("levels", "guest")),
    )
    return Welcome(
        key=raw(element.get("key")),
        nonce=raw(element.get("nonce")),
        identity=raw(element.get("identity")),
        description=description,
        signature=raw(element.get("signature")),
    )
