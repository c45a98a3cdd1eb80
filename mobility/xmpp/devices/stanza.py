"""XML of a device's description, as it lies in the account's list of devices."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.device import DeviceDescription
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, number, raw

__all__ = ["ELEMENT", "from_xml", "to_xml"]

ELEMENT: Final = f"{{{ns.DEVICES}}}device"
_APP: Final = f"{{{ns.DEVICES}}}app"
_KEYS: Final = ("identity", "agreement", "signature")
_MOST_APPS = 64


def to_xml(device: DeviceDescription) -> Element:
    """``<device>`` with all that it says of itself."""
    element = Element(ELEMENT, name=device.name, kind=device.kind, jid=device.jid)
    for name in _KEYS:
        SubElement(element, f"{{{ns.DEVICES}}}{name}").text = b64(getattr(device, name))
    for uri, schema in device.apps.items():
        SubElement(element, _APP, uri=uri, schema=str(schema))
    return element


def from_xml(element: Element) -> DeviceDescription:
    """
    The description that an element carries; nobody has checked it yet.

    Raises:
        RemoteProtocolError: If there is none.

    """
    apps = element.findall(_APP)
    if element.tag != ELEMENT or len(apps) > _MOST_APPS:
        raise RemoteProtocolError("That is not the description of a device.")
    keys = {name: raw(element.findtext(f"{{{ns.DEVICES}}}{name}")) for name in _KEYS}
    return DeviceDescription(
        name=element.get("name", ""),
        kind=element.get("kind", ""),
        jid=element.get("jid", ""),
        apps={app.get("uri", ""): number(app.get("schema")) for app in apps},
        **keys,
    )
