"""
A split: parts of one session that go to several devices by one decision.

Each part has a transfer of its own (`mobility.protocol.transfer`); this is the one
decision about all of them, on the coordinator's side: either all parts go where they
were to go, or all stay. The devices know nothing of one another: to each it is a
transfer like any other, whose commit waits a little longer.

Rules for whoever edits the table:

1. Nothing is committed before all are ready, and the decision is journalled before the
   first commit is. Until then whatever goes wrong, with whomever, cancels it for all.
2. After the decision nothing cancels it. A part whose device falls out then has lost
   its device, as it may at any later time: it runs at home again, and may go on.
3. A crash before the decision is a cancellation: the app that was to be split has
   stopped with us. After it each part goes on to its commit from its own journal.
4. No rule looks at a clock. Impatience is the coordinator's own word, `Cancel`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol import transfer
from mobility.protocol.transfer import Role

__all__ = [
    "RECOVERY",
    "TRANSITIONS",
    "Assemble",
    "Cancel",
    "Decide",
    "Finish",
    "Group",
    "Leave",
    "Phase",
    "Ready",
    "Settle",
]


class Phase(enum.Enum):
    """What has become of a split."""

    OPEN = "open"
    ASSEMBLED = "assembled"
    DECIDED = "decided"
    DONE = "done"
    CANCELLED = "cancelled"


class Ready:
    """A responder has all of its part, and waits."""


class Leave:
    """A transfer ends before the decision, whoever ended it."""


class Settle:
    """Of a transfer that may be committed nothing is open any more."""


class Assemble:
    """The last one is ready."""


class Decide:
    """All parts have stopped here: each is its device's."""


class Finish:
    """The last one has settled."""


class Cancel:
    """The user takes it back; or the app cannot stop, or a device does not answer."""


P = Phase
I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741

TRANSITIONS: Final[Mapping[Phase, Mapping[tuple[Role, type], Phase]]] = {
    P.OPEN: {
        (R, Ready): P.OPEN,
        (R, Leave): P.CANCELLED,
        (I, Assemble): P.ASSEMBLED,
        (I, Cancel): P.CANCELLED,
    },
    P.ASSEMBLED: {
        (R, Leave): P.CANCELLED,
        (I, Decide): P.DECIDED,
        (I, Cancel): P.CANCELLED,
    },
    P.DECIDED: {
        (R, Settle): P.DECIDED,
        (I, Finish): P.DONE,
    },
    P.DONE: {},
    P.CANCELLED: {},
}

# What a journal gives back after a crash; phases that are not named stay as they are.
RECOVERY: Final[Mapping[Phase, Phase]] = {
    P.OPEN: P.CANCELLED,
    P.ASSEMBLED: P.CANCELLED,
}
_T = transfer.Phase
_OPEN: Final = frozenset({_T.READY, _T.COMMITTED})  # a crash leaves nothing else open


@dataclass(frozen=True, slots=True)
class Group:
    """
    One split, as its coordinator sees it. Each step gives a new value, which is to be
    journalled before the wire hears of it.

    Args:
        waiting: Parts that are on their way: to be ready, or, once it is decided, to be
            settled. Each is called as its session is.
        phase: How far it is.
        ready: Those that are ready, until it is decided.

    """

    waiting: frozenset[str]
    phase: Phase = P.OPEN
    ready: frozenset[str] = frozenset()

    @property
    def over(self) -> bool:
        """Nothing is left to decide, or to settle."""
        return not TRANSITIONS[self.phase]

    @property
    def decided(self) -> bool:
        """Whether each transfer may be committed, and none be cancelled any more."""
        return self.phase in {P.DECIDED, P.DONE}

    def readied(self, part: str) -> Self:
        """
        A responder is ready.

        Raises:
            RemoteProtocolError: If it is none of these, or was ready before.
            LocalProtocolError: If it is decided or cancelled already.

        """
        phase = self._after(R, Ready)
        if part not in self.waiting:
            raise RemoteProtocolError("That part was ready already, or is none.")
        waiting, ready = self.waiting - {part}, self.ready | {part}
        after = replace(self, phase=phase, waiting=waiting, ready=ready)
        return after if waiting else after.said(Assemble)

    def left(self, part: str) -> Self:
        """A transfer came to nothing; before the decision that cancels all."""
        if part not in self.waiting | self.ready or self.over:
            return self
        return self.settled(part) if self.decided else self._with(R, Leave)

    def said(self, event: type[Assemble | Decide | Finish | Cancel]) -> Self:
        """
        The coordinator decides.

        Raises:
            LocalProtocolError: If that is not to be decided now.

        """
        after = self._with(I, event)
        if event is Decide:
            return replace(after, waiting=self.ready, ready=frozenset())
        return after

    def settled(self, part: str) -> Self:
        """A transfer that might be committed is over: confirmed, or its device lost."""
        if self.over or part not in self.waiting:
            return self
        after = replace(self._with(R, Settle), waiting=self.waiting - {part})
        return after if after.waiting else after.said(Finish)

    def recovered(self, phases: Mapping[str, transfer.Phase]) -> Self:
        """
        What is left after a crash.

        Args:
            phases: What the transfers have recovered to.

        """
        after = replace(self, phase=RECOVERY.get(self.phase, self.phase))
        for part in self.waiting if after.phase is P.DECIDED else ():
            if phases.get(part, _T.ABORTED) not in _OPEN:
                after = after.settled(part)
        return after

    def _with(self, speaker: Role, event: type) -> Self:
        return replace(self, phase=self._after(speaker, event))

    def _after(self, speaker: Role, event: type) -> Phase:
        new = TRANSITIONS[self.phase].get((speaker, event))
        if new is None:
            raise LocalProtocolError(
                f"{event.__name__.lower()} does not follow while {self.phase.value}"
            )
        return new

    @classmethod
    def of(cls, sids: Iterable[str]) -> Self:
        """A split that has just been asked for, of at least one part."""
        return cls(frozenset(sids))
