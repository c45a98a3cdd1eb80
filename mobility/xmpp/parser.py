"""
XML as RFC 6120 has it (§11), within limits that hold while it is parsed.

Whatever only a server can do (a DTD, another root, a stanza without end) breaks a rule,
and is the end of the stream. What a stranger can send through an honest server (a
stanza too deep or too large) arrives without its content: were the stream closed,
anybody who knows its address could keep a device off line. How large that is does not
depend on the stranger alone: of each quotation mark servers make six bytes, and they
write a namespace again wherever it is used. Nor is it always one stanza of theirs:
whoever was logged in as the user once may have filled a list that the server keeps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

__all__ = ["Parser", "RuleBroken"]

DEEPEST: Final = 64  # elements of a stanza inside one another
LARGEST: Final = 256 * 1024  # bytes of a stanza
MOST_ATTRIBUTES: Final = 64  # of an element
# Where a stanza is without end, and what is kept of it too much. The largest of a list
# has 64 items of the largest size. What a stranger may send has 512 KiB before servers
# write it anew, and nothing makes it deeper.
_WITHOUT_END: Final = 128 * LARGEST  # bytes
_LARGEST_TAG: Final = 16 * LARGEST  # bytes
_FAR_TOO_DEEP: Final = 2 * LARGEST // len("<a>")  # elements
_MOST_WORK: Final = (
    64 * 1024 * 1024
)  # bytes read in vain, of a tag that comes in crumbs
_SLICE: Final = 4096  # bytes after which a tag without end is noticed
_PIECE: Final = 1 << 20  # bytes that Python hands to expat at once
_STREAM: Final = "{http://etherx.jabber.org/streams}stream"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_ADDRESSED: Final = ("from", "to", "id", "type", _LANGUAGE)


class RuleBroken(Exception):
    """The server sent what is not XMPP; the text is the stream error's condition."""


class Parser:
    """What slixmpp needs of an XMLPullParser, for one stream."""

    def __init__(self) -> None:
        self._expat = expat.ParserCreate("UTF-8", "}")
        self._expat.buffer_text = True
        if hasattr(self._expat, "SetReparseDeferralEnabled"):  # see _take
            self._expat.SetReparseDeferralEnabled(False)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._data
        for restricted in (
            "StartDoctypeDeclHandler",
            "CommentHandler",
            "ProcessingInstructionHandler",
        ):
            setattr(self._expat, restricted, _restricted)
        self._events: deque[tuple[str, Element]] = deque()
        self._root: Element | None = None
        self._begun = Element("")  # the stanza, without its content
        self._builder: TreeBuilder | None = None
        self._depth = 0  # of elements that are open, the stream's own included
        self._held = bytearray()  # what came since the last tag
        self._fed = 0  # bytes of all that came
        self._work = 0  # bytes that were read in vain
        self._at = 0  # where the stanza began, or the last one ended

    def feed(self, data: bytes) -> None:
        """
        Parse what came.

        Raises:
            RuleBroken: If it is not XMPP. Nothing more may be fed then.

        """
        for at in range(0, len(data), _SLICE):
            self._take(data[at : at + _SLICE])
            if (
                self._fed - self._at > _WITHOUT_END
                or len(self._held) > _LARGEST_TAG
                or self._depth > _FAR_TOO_DEEP
                or self._work > _MOST_WORK
            ):
                raise RuleBroken("policy-violation")

    def _take(self, piece: bytes) -> None:
        # WORKAROUND: expat 2.6 (and Debian's 2.5, where Python cannot switch it off)
        # leaves a tag that it saw a part of until twice as much has come, which may be
        # never. So it sees none before its end, nor a text before the tag behind it.
        self._held += piece
        self._fed += len(piece)
        whole = self._held.rfind(b">", -len(piece)) + 1
        if self._depth < 2 and b"<" not in self._held:
            whole = len(self._held)  # between stanzas, where no tag need follow
        if whole:
            self._parse(bytes(self._held[:whole]))
            del self._held[:whole]
            self._work += self._fed - len(self._held) - self._expat.CurrentByteIndex

    def _parse(self, whole: bytes) -> None:
        try:
            self._expat.Parse(whole)
            if len(whole) > _PIECE:
                self._pad(len(whole))
        except expat.ExpatError:
            raise RuleBroken("not-well-formed") from None

    def _pad(self, count: int) -> None:
        # Of so large a tag expat did see a part, and would wait (see _take). Blanks
        # make it look; the content of such a stanza is not kept, so they are nobody's.
        self._expat.Parse(b" " * count)
        self._fed += count
        self._at += count

    def read_events(self) -> Iterator[tuple[str, Element]]:
        """Start and end of the stream and of each stanza that is complete."""
        while self._events:
            yield self._events.popleft()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._builder is None and self._depth > 2:
            return  # of what is too much already, nobody needs to know more
        named = {_qualified(name): value for name, value in attributes.items()}
        tag = _qualified(tag)
        if self._depth == 1:
            self._open(Element(tag, _few(named)))
            return
        if self._depth == 2:
            self._at, self._work = self._expat.CurrentByteIndex, 0
            self._begun = Element(tag, _few(named))
            self._builder = TreeBuilder()
        if self._depth - 1 > DEEPEST or len(named) > MOST_ATTRIBUTES:
            self._builder = None
        if builder := self._kept():
            builder.start(tag, named)

    def _data(self, text: str) -> None:
        if self._depth < 2:
            self._at = self._expat.CurrentByteIndex
            if not text.isspace():
                raise RuleBroken("bad-format")
        elif builder := self._kept():
            builder.data(text)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._builder is None and self._depth > 1:
            return
        if self._depth == 0 and self._root is not None:
            self._events.append(("end", self._root))
            return
        builder = self._kept()
        if builder:
            builder.end(_qualified(tag))
        if self._depth == 1:
            stanza = builder.close() if builder else self._begun
            self._events += ("start", stanza), ("end", stanza)
            self._builder = None
            self._at = self._expat.CurrentByteIndex

    def _open(self, root: Element) -> None:
        if root.tag != _STREAM:
            raise RuleBroken("invalid-namespace")
        self._root = root
        self._events.append(("start", root))

    def _kept(self) -> TreeBuilder | None:
        """What builds the stanza, unless it is too much of one."""
        if self._expat.CurrentByteIndex - self._at > LARGEST:
            self._builder = None
        return self._builder


def _qualified(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _few(attributes: Mapping[str, str]) -> dict[str, str]:
    """Those that stay in any case: an answer needs them."""
    if len(attributes) <= MOST_ATTRIBUTES:
        return dict(attributes)
    return {name: attributes[name] for name in _ADDRESSED if name in attributes}


def _restricted(*_: object) -> None:
    raise RuleBroken("restricted-xml")
