"""XML of SASL (RFC 6120 §6.4), and what is in it as bytes."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, tostring

from mobility.errors import LoginRefused, RemoteProtocolError
from mobility.xmpp.exchange import b64, raw

__all__ = [
    "CHALLENGE",
    "FAILURE",
    "SUCCESS",
    "abort",
    "auth",
    "condition",
    "mechanisms",
    "payload",
    "response",
]

_NS: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
CHALLENGE: Final = f"{{{_NS}}}challenge"
FAILURE: Final = f"{{{_NS}}}failure"
SUCCESS: Final = f"{{{_NS}}}success"
_EMPTY: Final = "="  # what is there, and has no bytes


def mechanisms(features: Element) -> tuple[str, ...]:
    """The names of those that are offered."""
    return tuple(each.text or "" for each in features.iter(f"{{{_NS}}}mechanism"))


def auth(mechanism: str, initial: bytes) -> bytes:
    """What begins a login."""
    return _xml("auth", b64(initial) or _EMPTY, mechanism=mechanism)


def response(content: bytes) -> bytes:
    """The answer to a challenge."""
    return _xml("response", b64(content))


def abort() -> bytes:
    """What ends a login that is not finished."""
    return _xml("abort", "")


def payload(element: Element) -> bytes:
    """
    What a challenge or success carries; nothing is no bytes.

    Raises:
        LoginRefused: If it is not base64.

    """
    try:
        return b"" if element.text == _EMPTY else raw(element.text)
    except RemoteProtocolError:
        raise LoginRefused("The server's login cannot be understood.") from None


def condition(failure: Element) -> str:
    """Why the server refuses; empty if it does not say."""
    names = (child.tag.rpartition("}")[2] for child in failure)
    return next((name for name in names if name != "text"), "")


def _xml(name: str, text: str, **attributes: str) -> bytes:
    element = Element(name, {"xmlns": _NS, **attributes})
    element.text = text
    return tostring(element)
