"""
The packets of a session that are kept for somebody, each only up to a bound.

Two devices number what they say to each other: who has missed a packet asks for it, and
it is said again. What they have said while a session moves goes along with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mobility.protocol.backlog import Backlog
from mobility.protocol.session import Packet, Stanza

__all__ = ["Arrived", "Record", "Unheard", "heard_of_others", "name_of"]

_MOST_HELD = 4_000_000  # bytes of packets that we hold for one who is slow
_MOST_UNHEARD = 2000  # packets that we keep until the owner has surely had them
_MOST_ARRIVED = 10_000  # packets that wait for a slow app
_MOST_RECORDED = 2000  # packets while the session moves
_LIFE = 1 << 20  # packets between two starts of a device, at most


class Unheard(Backlog[Packet]):
    """
    What we have said and the peer may not have yet.

    Attributes:
        number: Of the last that was said.

    """

    def __init__(self) -> None:
        super().__init__(_MOST_UNHEARD, _MOST_HELD, _weight)
        self.number = 0
        self._acknowledged = 0  # the peer has them, or never will

    def begin(self, life: int) -> None:
        """Number anew, higher than before each earlier start of this device."""
        self.clear()
        self.number = self._acknowledged = life * _LIFE

    def say(self, packet: Packet) -> None:
        """Keep the next one, until the peer has it."""
        self.number = packet.number
        self.append(packet)

    def forget(self, heard: int) -> list[Packet]:
        """
        The peer has all up to that number.

        Returns:
            Those that were still kept for it.

        """
        gone: list[Packet] = []
        while self and self[0].number <= heard:
            gone.append(self.popleft())
        self._acknowledged = max(self._acknowledged, heard)
        return gone

    @property
    def dropped(self) -> bool:
        """Whether the peer may not have what we do not keep any more."""
        first = self[0].number if self else 0
        return first > self._acknowledged + 1

    def give_up(self) -> None:
        """What it has missed so far, it will not hear from here."""
        self._acknowledged = self.number


class Arrived(Backlog[Packet]):
    """
    What the peer has said and the app does not have yet, in order, nothing twice.

    Attributes:
        heard: Number of the last that arrived.
        applied: And of the last that the app has.

    """

    def __init__(self) -> None:
        super().__init__(_MOST_ARRIVED, _MOST_HELD, _weight)
        self.heard = 0
        self.applied = 0
        self._skipping = False

    def begin(self, heard: int) -> None:
        """Go on after that number."""
        self.clear()
        self.heard = self.applied = heard
        self._skipping = False

    def lacks(self, packet: Packet) -> bool:
        """Whether some before this one are missing, and shall be waited for."""
        return packet.number > self.heard + 1 and not self._skipping

    def skip(self) -> None:
        """Take the next packet, whatever its number."""
        self._skipping = True

    def take(self, packet: Packet) -> bool:
        """Whether there was room for it; if not, it is as if it had not come."""
        self._skipping = False
        if not self.fits(packet):
            return False
        self.heard = packet.number
        self.append(packet)
        return True

    def next(self) -> Packet:
        """The oldest, which is given to the app now."""
        packet = self.popleft()
        self.applied = packet.number
        return packet


class Record:
    """
    Packets since the capture: they go with the commit, which has room for few.

    Attributes:
        overflowed: There were more.
        note: Told each of them as it comes.

    """

    def __init__(self, stanzas: Iterable[Stanza]) -> None:
        self.stanzas: list[Stanza] = []
        self.overflowed = False
        self._size = 0
        self.note: Callable[[Stanza], None] = lambda stanza: None
        for stanza in stanzas:
            self.append(stanza)

    def append(self, stanza: Stanza) -> None:
        self.note(stanza)
        self._size += stanza.weight
        if len(self.stanzas) >= _MOST_RECORDED or self._size > _MOST_HELD:
            self.overflowed = True
        else:
            self.stanzas.append(stanza)


def heard_of_others() -> Backlog[Stanza]:
    """For what comes another way than from the peer, and has no number."""
    return Backlog(_MOST_ARRIVED, _MOST_HELD, lambda stanza: stanza.weight)


def name_of(packet: Packet) -> str:
    """What both devices call a packet between them."""
    return f"{packet.sid}.{packet.number}"


def _weight(packet: Packet) -> int:
    return packet.stanza.weight
