"""
Displays that do not keep to the rules.

Each is a real display whose words are changed on their way out: it knows the secret of
the visit and says everything at the right time, but for the one thing that is wrong.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from xml.etree.ElementTree import Element

__all__ = [
    "Distortion",
    "claims_another_digest",
    "claims_another_size",
    "floods",
    "forges_seals",
    "repeats",
    "skips_ahead",
    "withholds",
]

Distortion = Callable[[Element], Iterable[Element]]
"""What goes on the wire instead of a stanza."""

_FLOOD = 200


def claims_another_size(stanza: Element) -> Iterator[Element]:
    """Offers less than it will send."""
    return _with(stanza, "offer", size="1")


def claims_another_digest(stanza: Element) -> Iterator[Element]:
    """Offers another state than it will send."""
    return _with(stanza, "offer", digest=base64.b64encode(bytes(32)).decode())


def forges_seals(stanza: Element) -> Iterator[Element]:
    """Seals everything with a key that is not that of the visit."""
    for element in stanza.iter():
        if element.tag.endswith("}sealed") and element.text:
            forged = bytes(len(base64.b64decode(element.text)))
            element.text = base64.b64encode(forged).decode()
    yield stanza


def repeats(stanza: Element) -> Iterator[Element]:
    """Says everything three times."""
    yield from (deepcopy(stanza) for _ in range(3))


def skips_ahead(stanza: Element) -> Iterator[Element]:
    """Is ready before it has anything, and commits before anybody is ready."""
    for said, instead in (("accept", "ready"), ("offer", "commit")):
        if (word := _word(stanza, said)) is not None:
            word.set("action", instead)
    yield stanza


def withholds(stanza: Element) -> Iterator[Element]:
    """Never lets go of what it has: no word of a way back leaves it."""
    if _word(stanza, "offer") is None:
        yield stanza


def floods(stanza: Element) -> Iterator[Element]:
    """Asks for the status without end, whenever it says a word."""
    yield stanza
    words = (_word(stanza, said) for said in ("accept", "ready", "confirm", "offer"))
    if (word := next((w for w in words if w is not None), None)) is None:
        return
    sid = word.get("sid", "")
    for number in range(_FLOOD):
        question = Element(stanza.tag, {**stanza.attrib, "id": f"flood{number}"})
        question.append(Element(word.tag, action="status", sid=sid))
        yield question


def _with(stanza: Element, said: str, **attributes: str) -> Iterator[Element]:
    if (word := _word(stanza, said)) is not None:
        word.attrib.update(attributes)
    yield stanza


def _word(stanza: Element, said: str) -> Element | None:
    """The word of a transfer in a stanza, if it is this one."""
    return next((each for each in stanza if each.get("action") == said), None)
