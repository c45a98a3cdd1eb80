"""XML of a login's steps: the word, and what is sealed in it."""

from __future__ import annotations

from typing import Final, get_args
from xml.etree.ElementTree import Element

from mobility.errors import RemoteProtocolError
from mobility.protocol.login import Event, Word
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, raw

__all__ = ["ELEMENT", "from_xml", "to_xml"]

ELEMENT: Final = f"{{{ns.LOGIN}}}login"
_KINDS: Final = {kind.__name__.lower(): kind for kind in get_args(Event)}


def to_xml(word: Word) -> Element:
    """``<login action='…'>`` with what is sealed."""
    element = Element(ELEMENT, action=word.kind.__name__.lower())
    element.text = b64(word.sealed)
    return element


def from_xml(element: Element) -> Word:
    """
    The word that an element stands for.

    Raises:
        RemoteProtocolError: If there is none.

    """
    action = element.get("action", "")
    if action not in _KINDS:
        raise RemoteProtocolError("That is not a step of a login.")
    return Word(_KINDS[action], raw(element.text))
