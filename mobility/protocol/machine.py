"""
The one shape of every negotiation: a literal table and four verbs.

A table maps a state to what may be said in it, by whom, and to the state that both
sides are in afterwards. Both sides run the same table; each moves when it says or
hears something, so while a message travels they differ by that one step.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from mobility.errors import LocalProtocolError, ProtocolError, RemoteProtocolError

__all__ = ["Machine", "ancestors"]

R = TypeVar("R", bound=enum.Enum)
S = TypeVar("S", bound=enum.Enum)


def ancestors(table: Mapping[S, Mapping[Any, S]]) -> dict[S, frozenset[S]]:
    """For each state, the states from which it can be reached, without itself."""
    found: dict[S, set[S]] = {state: set() for state in table}
    changed = True
    while changed:
        changed = False
        for state, row in table.items():
            for new in row.values():
                more = ({state} | found[state]) - found[new] - {new}
                changed = changed or bool(more)
                found[new] |= more
    return {state: frozenset(before) for state, before in found.items()}


class Machine(Generic[R, S]):
    """
    One negotiation, seen from one side.

    Args:
        role: Which side we are.
        state: Where to begin; the first state unless it comes from a journal.
        deadline: When to lose patience, on whatever clock the caller uses.

    """

    table: ClassVar[Mapping[Any, Mapping[tuple[Any, type], Any]]]
    _past: ClassVar[Mapping[Any, frozenset[tuple[Any, type]]]]

    def __init_subclass__(cls) -> None:
        # What was allowed on the way here may arrive again: it is late, not wrong.
        cls._past = {
            state: frozenset(said for b in before for said in cls.table[b])
            for state, before in ancestors(cls.table).items()
        }

    def __init__(self, role: R, *, state: S, deadline: float = float("inf")) -> None:
        self.role = role
        self.deadline = deadline
        self._state = state

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.role.value}, {self.state.value}>"

    @property
    def state(self) -> S:
        return self._state

    @property
    def peer(self) -> R:
        """The other role."""
        (other,) = (role for role in type(self.role) if role is not self.role)
        return other

    @property
    def over(self) -> bool:
        """Nothing can be said any more."""
        return not self.table[self._state]

    def may_send(self, event: type) -> bool:
        return (self.role, event) in self.table[self._state]

    def send(self, event: object) -> None:
        """
        Record that we say this; the caller journals it and puts it on the wire.

        Raises:
            LocalProtocolError: If we may not say this now. Nothing changed.

        """
        self._step(self.role, event, LocalProtocolError)

    def receive(self, event: object) -> bool:
        """
        Record that the peer said this.

        Returns:
            False if it came too late to matter.

        Raises:
            RemoteProtocolError: If the peer may not say this now. Nothing changed.

        """
        said = (self.peer, type(event))
        if said not in self.table[self._state] and said in self._past[self._state]:
            return False
        self._step(self.peer, event, RemoteProtocolError)
        return True

    def _step(self, speaker: R, event: object, error: type[ProtocolError]) -> None:
        new = self.table[self._state].get((speaker, type(event)))
        if new is None:
            raise error(
                f"{speaker.value} may not send {type(event).__name__.lower()}"
                f" while {self._state.value}"
            )
        self._state = new
