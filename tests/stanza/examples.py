"""The examples of docs/protocol: what the reader sees is what the tests read."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

PAGES = Path(__file__).parents[2] / "docs/protocol"
_XML = re.compile(r"^```xml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def stanzas(page: str) -> list[Element]:
    """All stanzas of a page, as they come off a stream of a client."""
    text = (PAGES / page).read_text("utf-8")
    return [
        stanza
        for example in _XML.findall(text)
        for stanza in fromstring(f"<stream xmlns='jabber:client'>{example}</stream>")
    ]


def elements(page: str, tag: str) -> list[Element]:
    """The elements of ours in a page's stanzas."""
    return [found for stanza in stanzas(page) for found in stanza.findall(tag)]


def by_action(page: str, tag: str) -> dict[str, Element]:
    """The first example of each action."""
    found = elements(page, tag)
    return {element.get("action", ""): element for element in reversed(found)}
