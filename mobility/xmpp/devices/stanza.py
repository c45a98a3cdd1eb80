"""XML of a device's description, as it lies in the account's list of devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.device import DeviceDescription
from mobility.protocol.filtering import Way
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, number, raw
from mobility.xmpp.times import moment, stamp

__all__ = [
    "ELEMENT",
    "LABEL",
    "Listing",
    "from_xml",
    "label",
    "to_label",
    "to_xml",
]

ELEMENT: Final = f"{{{ns.DEVICES}}}device"
LABEL: Final = f"{{{ns.LABELS}}}label"
_APP: Final = f"{{{ns.DEVICES}}}app"
_PART: Final = f"{{{ns.DEVICES}}}part"
_KEYS: Final = ("identity", "agreement", "signature")
_MOST_APPS = 64
_MOST_PARTS = 32
_LARGEST_SIZE = 2**63


@dataclass(frozen=True, slots=True)
class Listing:
    """
    A device in the account's list.

    Args:
        device: As it describes itself.
        jid: The full JID that it used last.
        seen: When it was connected last, as far as it could say so.
        ver: Of the presence that goes with this description (XEP-0115); or empty.
        way: How packets of an app's service come to it, likewise.

    """

    device: DeviceDescription
    jid: str
    seen: datetime
    ver: str = ""
    way: Way | None = None


def to_xml(listing: Listing) -> Element:
    """``<device>`` with all that it says of itself, and where it was last."""
    device = listing.device
    about = {"name": device.name, "kind": device.kind, "size": str(device.size)}
    element = Element(
        ELEMENT, about | {"jid": listing.jid, "seen": stamp(listing.seen)}
    )
    if listing.ver:
        element.set("ver", listing.ver)
    if listing.way is not None:
        element.set("way", listing.way)
    for name in _KEYS:
        SubElement(element, f"{{{ns.DEVICES}}}{name}").text = b64(getattr(device, name))
    for uri, schema in device.apps.items():
        app = SubElement(element, _APP, uri=uri, schema=str(schema))
        for part in device.parts.get(uri, ()):
            SubElement(app, _PART, name=part)
    return element


def from_xml(element: Element) -> Listing:
    """
    What an element says of a device; nobody has checked it yet.

    Raises:
        RemoteProtocolError: If it says nothing of one.

    """
    apps = element.findall(_APP)
    if element.tag != ELEMENT or len(apps) > _MOST_APPS:
        raise RemoteProtocolError("That is not the description of a device.")
    ver = element.get("ver", "")
    if len(ver) > 100:
        raise RemoteProtocolError("That is too long.")
    return Listing(
        _described(element, apps),
        jid=element.get("jid", ""),
        seen=moment(element.get("seen", "")),
        ver=ver,
        way=next((way for way in Way if way == element.get("way")), None),
    )


def _described(element: Element, apps: list[Element]) -> DeviceDescription:
    keys: dict[str, Any] = {
        name: raw(element.findtext(f"{{{ns.DEVICES}}}{name}")) for name in _KEYS
    }
    parts = {app.get("uri", ""): _parts(app) for app in apps}
    return DeviceDescription(
        name=element.get("name", ""),
        kind=element.get("kind", ""),
        apps={app.get("uri", ""): number(app.get("schema")) for app in apps},
        parts={uri: some for uri, some in parts.items() if some},
        size=number(element.get("size"), most=_LARGEST_SIZE),
        **keys,
    )


def _parts(app: Element) -> tuple[str, ...]:
    parts = app.findall(_PART)
    if len(parts) > _MOST_PARTS:
        raise RemoteProtocolError("An app has too many parts.")
    return tuple(part.get("name", "") for part in parts)


def to_label(name: str) -> Element:
    """``<label>``: what the user calls a device."""
    return Element(LABEL, name=name)


def label(element: Element) -> str:
    """
    What the user calls a device; nobody has checked it yet.

    Raises:
        RemoteProtocolError: If this does not say so.

    """
    if element.tag != LABEL:
        raise RemoteProtocolError("That is not the name of a device.")
    return element.get("name", "")
