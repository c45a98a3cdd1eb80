"""XML of delegated logins (docs/protocol/delegation.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.delegation import Delegation, Level, Minted, Policy
from mobility.xmpp import ns
from mobility.xmpp.exchange import number

__all__ = [
    "announce",
    "inquiry",
    "is_offered",
    "mint",
    "read_announced",
    "read_delegations",
    "read_minted",
    "revocation",
]

_FEATURE: Final = "{http://jabber.org/protocol/disco#info}feature"
_STATES: Final = frozenset({"waiting", "connected", "hibernating"})
_LONGEST_ID: Final = 64
_LONGEST_TOKEN: Final = 256


def _tag(name: str) -> str:
    return f"{{{ns.DELEGATION}}}{name}"


def is_offered(info: Element) -> bool:
    """Whether disco#info is that of a server that gives resources away."""
    return any(one.get("var") == ns.DELEGATION for one in info.iter(_FEATURE))


def mint(policy: Policy) -> Element:
    """``<mint>``: give me a token for this."""
    return _asked("mint", policy)


def announce(policy: Policy, nonce: str) -> Element:
    """``<announce>``: a SCRAM login with this client nonce will be for that."""
    element = _asked("announce", policy)
    element.set("nonce", nonce)
    return element


def _asked(name: str, policy: Policy) -> Element:
    attributes = {
        "resource": policy.resource,
        "lifetime": _seconds(policy.lifetime),
        "idle": _seconds(policy.idle),
    }
    if policy.label:
        attributes["label"] = policy.label
    element = Element(_tag(name), attributes)
    for jid, namespaces in policy.participants.items():
        participant = SubElement(element, _tag("participant"), jid=jid)
        for namespace in namespaces:
            SubElement(participant, _tag("allow"), ns=namespace)
    return element


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def inquiry() -> Element:
    """The ``<delegations>`` that asks for the list."""
    return Element(_tag("delegations"))


def revocation(id: str) -> Element:
    """``<revoke>``."""
    return Element(_tag("revoke"), id=id)


def read_minted(result: Element) -> Minted:
    """
    The token in the result of ``<mint>``.

    Raises:
        RemoteProtocolError: If there is none.

    """
    element = result.find(_tag("minted"))
    token = "" if element is None else (element.text or "").strip()
    if element is None or not 0 < len(token) <= _LONGEST_TOKEN:
        raise RemoteProtocolError("That is no token.")
    return Minted(_id(element), token)


def read_announced(result: Element) -> str:
    """
    The id in the result of ``<announce>``.

    Raises:
        RemoteProtocolError: If there is none.

    """
    return _id(result.find(_tag("announced")))


def read_delegations(result: Element) -> Iterator[Delegation]:
    """
    The list that a result carries.

    Raises:
        RemoteProtocolError: If one of them is not understood.

    """
    for element in result.findall(f"{_tag('delegations')}/{_tag('delegation')}"):
        state = element.get("state", "")
        if state not in _STATES:
            raise RemoteProtocolError("That is not the state of a visit.")
        yield Delegation(
            id=_id(element),
            resource=element.get("resource", ""),
            level=_level(element),
            label=element.get("label", ""),
            state=state,
            since=number(element.get("since")),
            idle=number(element.get("idle")),
            expires=number(element.get("expires")),
            address=element.get("address", ""),
        )


def _level(element: Element) -> Level:
    try:
        return Level(element.get("level", ""))
    except ValueError:
        raise RemoteProtocolError("That is not the level of a visit.") from None


def _id(element: Element | None) -> str:
    id = "" if element is None else element.get("id", "")
    if not 0 < len(id) <= _LONGEST_ID:
        raise RemoteProtocolError("That is not the name of a visit.")
    return id
