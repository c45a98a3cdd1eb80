"""
Asking the device that has a session to give it (docs/protocol/asking.md).

And what one device puts up with: asks are answered by a person, so a flood of them must
reach nobody, and take no room.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mobility.errors import TransferRefused

__all__ = ["AGAIN", "MOST", "Ask", "Asks"]

MOST: Final = 16  # that wait to be decided
AGAIN: Final = 60.0  # seconds in which a no stands
_MOST_REFUSED: Final = 256


@dataclass(frozen=True, slots=True)
class Ask:
    """
    Give this session to the first of these devices that takes it.

    Args:
        session: Its identifier.
        asker: Name of the device that asks; empty for a program that is none.
        to: Names of the devices.
        proof: That a code was seen that the owner shows; empty if there was none.

    """

    session: str
    asker: str
    to: tuple[str, ...]
    proof: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Asks:
    """
    Who asks for what now, and who was told no lately.

    Who is said to ask is whoever can be told apart: a device, or all programs of the
    account together that are none. Where a device is logged in is not checked yet when
    it begins, so nobody's asks count as those of another address.
    """

    _open: set[tuple[str, str, str]] = field(default_factory=set)
    _refused: dict[tuple[str, str], float] = field(default_factory=dict)

    def begin(self, ask: Ask, now: float, *, peer: str) -> None:
        """
        Somebody asks; `end` follows.

        Args:
            ask: What they say.
            now: Seconds of a clock that never goes back.
            peer: Where they are logged in.

        Raises:
            TransferRefused: They ask already, too many do, or they were told no.
                Nothing changed.

        """
        which = _who(ask, peer)
        if self._refused.get((ask.asker, ask.session), now) > now:
            raise TransferRefused(
                "That was refused just now. Ask again in a minute.", condition="busy"
            )
        if which in self._open:
            raise TransferRefused(
                "It is being asked for already. Wait for the answer.", condition="busy"
            )
        if len(self._open) >= MOST:
            raise TransferRefused(
                "Too many ask at once. Try again in a minute.", condition="busy"
            )
        self._open.add(which)

    def refuse(self, ask: Ask, now: float) -> None:
        """They were told no: for a while nobody is disturbed by them again."""
        self._refused = {k: end for k, end in self._refused.items() if end > now}
        while len(self._refused) >= _MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[ask.asker, ask.session] = now + AGAIN

    def end(self, ask: Ask, *, peer: str) -> None:
        self._open.discard(_who(ask, peer))

    def __contains__(self, session: object) -> bool:
        """Whether anybody asks for it now."""
        return any(session == asked for _, _, asked in self._open)


def _who(ask: Ask, peer: str) -> tuple[str, str, str]:
    return ask.asker, peer if ask.asker else "", ask.session
