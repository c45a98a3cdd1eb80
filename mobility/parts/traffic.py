"""What each place of a part is sent, and what it is spared since it does not listen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from mobility.protocol.session import Stanza

__all__ = ["Gauge", "Meter", "Traffic", "written"]

_MOST_NAMES = 1000  # that are counted; a stranger may think of more


@dataclass(frozen=True, slots=True)
class Traffic:
    """
    Packets for one place, since it is there.

    Attributes:
        stanzas, bytes: With filters: what it was sent. Bytes are those of the packets'
            XML, without what is around them.
        spared_stanzas, spared_bytes: What it would have been sent besides, without.

    """

    stanzas: int = 0
    bytes: int = 0
    spared_stanzas: int = 0
    spared_bytes: int = 0


class Meter:
    """Counts all packets that there are for the parts of an app, by their names."""

    def __init__(self) -> None:
        self._counted: dict[str, tuple[int, int]] = {}

    def count(self, stanza: Stanza) -> None:
        if stanza.name not in self._counted and len(self._counted) >= _MOST_NAMES:
            return
        stanzas, size = self._counted.get(stanza.name, (0, 0))
        self._counted[stanza.name] = stanzas + 1, size + written(stanza)

    @property
    def counted(self) -> Mapping[str, tuple[int, int]]:
        """Stanzas and bytes of each name."""
        return self._counted

    def begin(self, allow: Collection[str]) -> Gauge:
        """From now on, what is for a place that listens to these names."""
        return Gauge(self, frozenset(allow))


class Gauge:
    """One place, from when it came to be."""

    def __init__(self, meter: Meter, allow: frozenset[str]) -> None:
        self._meter = meter
        self._allow = allow
        self._before = dict(meter.counted)

    @property
    def now(self) -> Traffic:
        """What there was until now."""
        sent = [0, 0]
        spared = [0, 0]
        for name, stanzas, size in self._since():
            sums = sent if name in self._allow else spared
            sums[0] += stanzas
            sums[1] += size
        return Traffic(*sent, *spared)

    def _since(self) -> Iterator[tuple[str, int, int]]:
        for name, (stanzas, size) in self._meter.counted.items():
            before = self._before.get(name, (0, 0))
            yield name, stanzas - before[0], size - before[1]


_TAGS = len("<></>")
_NAMESPACE = len(" xmlns=''")
_ATTRIBUTE = len(" =''")


def written(stanza: Stanza) -> int:
    """Bytes of a packet as XML in UTF-8."""
    total = _TAGS + _NAMESPACE + len(stanza.namespace)
    level = [(stanza, stanza.namespace)]
    while level:
        each, namespace = level.pop()
        if each is not stanza:
            total += _TAGS
        if each.namespace != namespace:
            total += _NAMESPACE + len(each.namespace)
        total += 2 * len(each.local) + _text(each.text)
        for name, value in each.attributes.items():
            total += _ATTRIBUTE + len(name) + _text(str(value))
        level += [(child, each.namespace) for child in each.children]
    return total


def _text(text: str) -> int:
    longer = 3 * (text.count("<") + text.count(">")) + 4 * text.count("&")
    return len(text.encode()) + longer  # as entities
