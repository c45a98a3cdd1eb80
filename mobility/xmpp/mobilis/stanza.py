"""
XML of Mobilis' session mobility, as its programs of 2012 to 2014 write and read it.

They put messages into a history without a namespace of their own, so that these come
in the one around them; we write them in that of messages, and read both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from mobility.errors import InvalidState, RemoteProtocolError
from mobility.protocol.mobilis import Invited, KioskRequest, Line, Offer
from mobility.xmpp import ns
from mobility.xmpp.text import legal

__all__ = [
    "FORWARDED",
    "INVITATION",
    "KIOSK",
    "NO_STORE",
    "QUERY",
    "forwarded",
    "history",
    "invitation",
    "invited",
    "kiosk",
    "kiosk_request",
    "proposal",
    "query",
]

QUERY: Final = f"{{{ns.MOBILIS}}}query"
INVITATION: Final = f"{{{ns.MOBILIS_INVITATION}}}query"
KIOSK: Final = f"{{{ns.MOBILIS_KIOSK}}}query"
FORWARDED: Final = f"{{{ns.MOBILIS_HISTORY}}}forwarded"
NO_STORE: Final = "{urn:xmpp:hints}no-store"  # XEP-0334: comes back, or is lost
_DELAY: Final = "{urn:xmpp:delay}delay"
_CLIENT: Final = "jabber:client"
_MESSAGE: Final = f"{{{_CLIENT}}}message"
_MESSAGES: Final = (_MESSAGE, f"{{{ns.MOBILIS_HISTORY}}}message")
MOST_LINES = 2000
LARGEST = 200_000  # bytes; a server takes 256 KiB in a stanza
_LONGEST = 3071  # characters of a JID (RFC 7622)
_MOST_MECHANISMS = 16


def query(said: Offer) -> Element:
    """``<query>`` with the URI of the app and the mechanisms."""
    element = Element(QUERY)
    SubElement(element, f"{{{ns.MOBILIS}}}appuri").text = said.app
    mechanisms = SubElement(element, f"{{{ns.MOBILIS}}}mechanisms")
    for name in said.mechanisms:
        SubElement(mechanisms, f"{{{ns.MOBILIS}}}mechanism").text = name
    return element


def proposal(element: Element) -> tuple[str, tuple[str, ...]]:
    """The app and the mechanisms that a query names; any text may be in them."""
    app = element.findtext(f"{{{ns.MOBILIS}}}appuri") or ""
    path = f"{{{ns.MOBILIS}}}mechanisms/{{{ns.MOBILIS}}}mechanism"
    found = [(each.text or "").strip() for each in element.findall(path)]
    return app.strip(), tuple(found[:_MOST_MECHANISMS])


def invitation(said: Invited) -> Element:
    """``<query>`` with the URI of the app and the parameters of the session."""
    return _with_params(ns.MOBILIS_INVITATION, said.app, said.params)


def invited(element: Element) -> Invited:
    """
    What an invitation says.

    Raises:
        RemoteProtocolError: If it is none.

    """
    return Invited(*_params(ns.MOBILIS_INVITATION, element))


def kiosk(said: KioskRequest) -> Element:
    """
    ``<query>`` with the URI of the app, and the kiosk's JID as the only parameter.

    Of Mobilis' own only the namespace is known: the content is made like that of an
    invitation.
    """
    return _with_params(ns.MOBILIS_KIOSK, said.app, (said.kiosk,))


def kiosk_request(element: Element) -> KioskRequest:
    """
    What a kiosk request says.

    Raises:
        RemoteProtocolError: If it is none.

    """
    app, params = _params(ns.MOBILIS_KIOSK, element)
    return KioskRequest(app, params[0] if params else "")


def _with_params(space: str, app: str, params: Sequence[str]) -> Element:
    element = Element(f"{{{space}}}query")
    SubElement(element, f"{{{space}}}appuri").text = legal(app)
    inside = SubElement(element, f"{{{space}}}params")
    for param in params:
        SubElement(inside, f"{{{space}}}param").text = legal(param)
    return element


def _params(space: str, element: Element) -> tuple[str, tuple[str, ...]]:
    app = element.findtext(f"{{{space}}}appuri") or ""
    found = element.findall(f"{{{space}}}params/{{{space}}}param")
    return app.strip(), tuple((each.text or "").strip() for each in found)


def forwarded(lines: Sequence[Line]) -> Element:
    """
    ``<forwarded>`` with a delay and a message for each line.

    Raises:
        InvalidState: If they do not fit into a stanza.

    """
    element = Element(FORWARDED)
    for line in lines:
        SubElement(element, _DELAY, stamp=_stamp(line.stamp))
        addresses = {"from": line.sender, "to": line.to}
        known = {name: legal(jid) for name, jid in addresses.items() if jid}
        message = SubElement(element, _MESSAGE, known)
        SubElement(message, f"{{{_CLIENT}}}body").text = legal(line.body)
    if len(lines) > MOST_LINES or len(tostring(element)) > LARGEST:
        raise InvalidState(
            "This session is too long for the other device, which takes it in one "
            "message only. Choose another device."
        )
    return element


def history(element: Element) -> tuple[Line, ...]:
    """
    The lines of a history, in their order.

    Raises:
        RemoteProtocolError: If they cannot be read, or are too many.

    """
    children = list(element)
    if len(children) % 2 or len(children) > 2 * MOST_LINES:
        raise RemoteProtocolError("The history is no list of messages.")
    pairs = zip(children[::2], children[1::2], strict=True)
    return tuple(_line(delay, message) for delay, message in pairs)


def _line(delay: Element, message: Element) -> Line:
    if delay.tag != _DELAY or message.tag not in _MESSAGES:
        raise RemoteProtocolError("The history is no list of messages.")
    sender, to = message.get("from", ""), message.get("to", "")
    body = message.findtext(f"{message.tag.removesuffix('message')}body")
    if body is None or max(len(sender), len(to)) > _LONGEST:
        raise RemoteProtocolError("The history has a message that is none.")
    return Line(sender, to, body, _seconds(delay.get("stamp", "")))


def _stamp(seconds: float) -> str:
    """XEP-0082 §3.2, in milliseconds."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(stamp: str) -> float:
    """What a stamp means; one without a zone is in UTC."""
    try:
        at = datetime.fromisoformat(stamp.strip())
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise RemoteProtocolError("The history has a stamp that is none.") from None
