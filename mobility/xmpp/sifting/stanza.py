"""Stanzas as rules see them, and the rules as they are asked for."""

from __future__ import annotations

import enum
from typing import Final, TypeVar
from xml.etree.ElementTree import Element

from mobility.errors import RemoteProtocolError
from mobility.protocol.sift import Inbound, Kind, Recipient, Rule, Sender, Sift
from mobility.xmpp.xep_0273 import stanza as xep_0273

__all__ = ["ELEMENT", "from_xml", "inbound", "to_stanza"]

ELEMENT: Final = f"{{{xep_0273.NS}}}sift"
_ALLOW: Final = f"{{{xep_0273.NS}}}allow"
_CARBONS: Final = frozenset(
    {"{urn:xmpp:carbons:2}sent", "{urn:xmpp:carbons:2}received"}
)
_FORWARDED: Final = "{urn:xmpp:forward:0}forwarded/{jabber:client}message"
_IQ: Final = "{jabber:client}iq"
_MESSAGE: Final = "{jabber:client}message"
# By the name of the stanza and its type. What is not here is sifted by no rule.
_KINDS: Final[dict[str, dict[str | None, Kind]]] = {
    _IQ: dict.fromkeys(("get", "set"), Kind.IQ),
    "{jabber:client}presence": {
        None: Kind.PRESENCE,
        "unavailable": Kind.PRESENCE,
        **dict.fromkeys(
            ("subscribe", "subscribed", "unsubscribe", "unsubscribed"), Kind.SUB
        ),
    },
}
_NONE: Final[dict[str | None, Kind]] = {}
E = TypeVar("E", bound=enum.StrEnum)


def inbound(stanza: Element, me: str) -> Inbound:
    """
    What rules look at.

    Args:
        stanza: As it came off the stream.
        me: Our full JID: only the own account's carbons are carbons (XEP-0280 §11).

    """
    tag, get = stanza.tag, stanza.get
    sender, payloads = get("from", ""), tuple([child.tag for child in stanza])
    if tag == _MESSAGE:
        kind: Kind | None = Kind.MESSAGE
        if payloads and payloads[0] in _CARBONS and _is_account(sender, me):
            sender, payloads = _carbon(stanza, sender, payloads)
    else:
        kind = _KINDS.get(tag, _NONE).get(get("type"))
    # An IQ reaches a resource because it is for that one, whether it says so or not.
    recipient = get("to") or (me if tag == _IQ else "")
    return Inbound(kind, sender, recipient, payloads)


def _is_account(sender: str, me: str) -> bool:
    return not sender or sender == me.partition("/")[0]


def _carbon(
    stanza: Element, sender: str, payloads: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """A copy of a message is judged by that: who sent it, and what is in it."""
    found = stanza[0].find(_FORWARDED)
    if found is None:
        return sender, payloads
    return found.get("from", ""), (*payloads, *(child.tag for child in found))


def to_stanza(sift: Sift) -> xep_0273.Sift:
    """The element that asks for these rules."""
    stanza = xep_0273.Sift()
    for kind, rule in sift.rules.items():
        allow = [_split(name) for name in sorted(rule.allow)]
        stanza.add_rule(kind, rule.sender, rule.recipient, allow)
    return stanza


def _split(qname: str) -> tuple[str, str]:
    namespace, _, name = qname.rpartition("}")
    return name, namespace.removeprefix("{")


def from_xml(element: Element) -> Sift:
    """
    The rules that an element asks for.

    Raises:
        RemoteProtocolError: If it is no such element, or asks for what nobody knows.

    """
    if element.tag != ELEMENT:
        raise RemoteProtocolError("These are not rules for what to send.")
    rules: dict[Kind, Rule] = {}
    for child in element:
        kind = _chosen(Kind, child.tag.removeprefix(f"{{{xep_0273.NS}}}"))
        if kind in rules:
            raise RemoteProtocolError("There are two rules for the same.")
        rules[kind] = _rule(child)
    return Sift(rules)


def _rule(element: Element) -> Rule:
    return Rule(
        _chosen(Sender, element.get("sender", "all")),
        _chosen(Recipient, element.get("recipient", "all")),
        frozenset(_allowed(child) for child in element),
    )


def _allowed(element: Element) -> str:
    name, namespace = element.get("name"), element.get("ns")
    if element.tag != _ALLOW or not name or not namespace:
        raise RemoteProtocolError("That names nothing that can be allowed.")
    return f"{{{namespace}}}{name}"


def _chosen(kind: type[E], text: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise RemoteProtocolError(f"Nobody knows how to sift {text!r}.") from None
