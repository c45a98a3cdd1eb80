"""
XML of what a resource says of itself: disco#info (XEP-0030), with a form of ours in it
(XEP-0128), and the presence that says which (XEP-0115 §4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring

from mobility.errors import MobilityError, RemoteProtocolError
from mobility.protocol.device import (
    DeviceDescription,
    app_line,
    check_device,
    read_app,
)
from mobility.protocol.filtering import Way
from mobility.protocol.handshake import claim
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, number, raw

__all__ = [
    "NAME",
    "OBSERVER",
    "SIFTS",
    "About",
    "Caps",
    "about",
    "caps",
    "introduce",
    "is_ambiguous",
    "query",
    "read",
    "to_form",
    "written",
]

INFO: Final = "{http://jabber.org/protocol/disco#info}"
NAME: Final = "Mobility"  # of our identity: a device's own is not for everybody
OBSERVER: Final = f"{ns.DEVICES}#observer"  # the feature of a command that only looks
SIFTS: Final = "urn:xmpp:sift:2"  # of a device that looks at what comes to it itself
_CAPS: Final = "{http://jabber.org/protocol/caps}c"
_FORM: Final = "{jabber:x:data}"
_KEYS: Final = ("identity", "agreement", "signature")
_LONGEST = 500
_MOST_APPS = 64
_LARGEST_SIZE = 2**63


@dataclass(frozen=True, slots=True)
class Caps:
    """
    Which description a presence stands for.

    Args:
        ver: The same for the same description.
        hash: How it was made of that.
        node: What software says so; part of the question for it, and no more.

    """

    ver: str
    hash: str
    node: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class About:
    """
    What a resource says of itself.

    Args:
        kind: Type of its disco identity.
        name: Name of that.
        device: What it says as one of ours, checked; None if it is none.
        observes: Whether it is a command that only looks, and is gone in a moment.
        way: How packets of an app's service come to it, if it says so.

    """

    kind: str = ""
    name: str = ""
    device: DeviceDescription | None = None
    observes: bool = False
    way: Way | None = None


def caps(presence: Element) -> Caps | None:
    """What the presence stands for, if it says so in a way that can be cached."""
    element = presence.find(_CAPS)
    if element is None:
        return None
    values = [element.get(name, "") for name in ("ver", "hash", "node")]
    return Caps(*values) if all(0 < len(v) <= _LONGEST for v in values) else None


def about(query: Element) -> About:
    """What the result of a query says; what is not understood is left out."""
    client = next(
        (i for i in query.findall(f"{INFO}identity") if i.get("category") == "client"),
        Element(""),
    )
    features = {each.get("var") for each in query.findall(f"{INFO}feature")}
    return About(
        kind=claim(client.get("type", "")),
        name=claim(client.get("name", "")),
        observes=OBSERVER in features,
        **_of_device(query),
    )


def _of_device(query: Element) -> dict[str, Any]:
    found = list(forms(query))
    if len(found) != 1:
        return {}
    try:
        device = _described(found[0])
        check_device(device)
    except MobilityError:
        return {}
    way = _value(found[0], "way")
    return {"device": device, "way": Way(way) if way in {*Way} else None}


def query(iq: Element) -> Element | None:
    """What a result answers."""
    return iq.find(f"{INFO}query")


def introduce(answer: Element, kind: str, features: Iterable[str]) -> None:
    """Say of which kind of client an answer is; forms of ours that are in it go."""
    for old in tuple(forms(answer)):
        answer.remove(old)
    if answer.find(f"{INFO}identity") is None:
        identity = {"category": "client", "type": kind, "name": NAME}
        answer.insert(0, Element(f"{INFO}identity", identity))
        for feature in features:
            SubElement(answer, f"{INFO}feature", var=feature)


def is_ambiguous(answer: Element) -> bool:
    """Whether another one may have the same hash: it is over texts joined by ``<``."""
    texts = (text for each in answer.iter() for text in _texts(each))
    return any("<" in text for text in texts)


def _texts(element: Element) -> Iterator[str]:
    yield from element.attrib.values()
    yield element.text or ""


def written(answer: Element) -> str:
    """An answer, to be kept."""
    return tostring(answer, encoding="unicode")


def read(text: str) -> Element:
    """
    What was `written`.

    Raises:
        SyntaxError: It was damaged since.

    """
    element: Element = fromstring(text)
    return element


def forms(query: Element) -> Iterator[Element]:
    """Our forms in a result; there should be at most one (XEP-0128 §3)."""
    for form in query.findall(f"{_FORM}x"):
        if _values(form, "FORM_TYPE") == [ns.DEVICES]:
            yield form


def to_form(device: DeviceDescription, way: Way | None = None) -> Element:
    """What a device says of itself, for disco#info."""
    form = Element(f"{_FORM}x", type="result")
    _field(form, "FORM_TYPE", ns.DEVICES, type="hidden")
    texts = {"name": device.name, "kind": device.kind, "size": str(device.size)}
    for name, text in texts.items():
        _field(form, name, text)
    for name in _KEYS:
        _field(form, name, b64(getattr(device, name)))
    lines = [
        app_line(uri, schema, device.parts.get(uri, ()))
        for uri, schema in device.apps.items()
    ]
    if way is not None:
        _field(form, "way", way)
    if lines:
        _field(form, "app", *lines, type="text-multi")
    return form


def _field(form: Element, name: str, *values: str, **attributes: str) -> None:
    field = SubElement(form, f"{_FORM}field", attributes, var=name)
    for value in values:
        SubElement(field, f"{_FORM}value").text = value


def _described(form: Element) -> DeviceDescription:
    lines = _values(form, "app")
    if len(lines) > _MOST_APPS:
        raise RemoteProtocolError("That is not the description of a device.")
    apps = [read_app(line) for line in lines]
    keys: dict[str, Any] = {name: raw(_value(form, name)) for name in _KEYS}
    return DeviceDescription(
        name=_value(form, "name"),
        kind=_value(form, "kind"),
        apps={uri: schema for uri, schema, _ in apps},
        parts={uri: parts for uri, _, parts in apps if parts},
        size=number(_value(form, "size"), most=_LARGEST_SIZE),
        **keys,
    )


def _value(form: Element, name: str) -> str:
    return next(iter(_values(form, name)), "")


def _values(form: Element, name: str) -> list[str]:
    return [
        value.text or ""
        for field in form.findall(f"{_FORM}field")
        if field.get("var") == name
        for value in field.findall(f"{_FORM}value")
    ]
