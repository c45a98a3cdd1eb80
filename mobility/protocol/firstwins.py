"""
An offer to several devices: the first to accept has it (docs/protocol/first-wins.md).

Each device has a transfer of its own (`mobility.protocol.transfer`); this is the one
decision about all of them, on the initiator's side. The devices know nothing of one
another: to each it is an offer like any other, which may be aborted with the condition
``taken`` (it accepted, but another was first) or ``retracted`` (it had not answered).

Rules for whoever edits the table:

1. A winner is journalled before anything is said to anybody. Only the winner is sent
   data, and committed to. (Others may be ready where the frames were uploaded before.)
2. There is never a second winner. One that falls out before the commit ends the group:
   the others have been told no, and what they were told holds. The session never
   left; its user may offer it again, which is a new group of new transfers.
3. After the commit nothing is left to decide: the winner's transfer goes on alone.
4. No rule looks at a clock. Expiry is the initiator's own word, not the devices' guess.
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
    "RETRACTED",
    "TAKEN",
    "TRANSITIONS",
    "Accept",
    "Cancel",
    "Close",
    "Commit",
    "Expire",
    "Group",
    "Lapse",
    "Leave",
    "Phase",
]

# Conditions of the abort that ends an offer, for programs.
TAKEN: Final = "taken"
RETRACTED: Final = "retracted"


class Phase(enum.Enum):
    """What has become of an offer to several devices."""

    OPEN = "open"
    WON = "won"
    DONE = "done"
    LAPSED = "lapsed"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Accept:
    """A responder takes it: the first one wins."""


class Leave:
    """A responder that has not won refuses, aborts, or knows nothing of it any more."""


class Lapse:
    """The winner falls out before the commit, whoever ended its transfer."""


class Close:
    """Nobody is left who could accept."""


class Commit:
    """The winner is ready, and the session has stopped here: it is the winner's."""


class Expire:
    """The initiator does not wait any longer."""


class Cancel:
    """The user takes the offer back; or the initiator forgot whom it was made to."""


P = Phase
I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741

TRANSITIONS: Final[Mapping[Phase, Mapping[tuple[Role, type], Phase]]] = {
    P.OPEN: {
        (R, Accept): P.WON,
        (R, Leave): P.OPEN,
        (I, Close): P.REFUSED,
        (I, Expire): P.EXPIRED,
        (I, Cancel): P.CANCELLED,
    },
    P.WON: {
        (R, Accept): P.WON,  # too late: it is answered with `TAKEN`
        (R, Leave): P.WON,
        (R, Lapse): P.LAPSED,
        (I, Cancel): P.CANCELLED,
        (I, Commit): P.DONE,
    },
    P.DONE: {},
    P.LAPSED: {},
    P.REFUSED: {},
    P.EXPIRED: {},
    P.CANCELLED: {},
}

# What a journal gives back after a crash. An open group is over, since the app that it
# offers has stopped with us. A winner goes on as far as its transfer does.
RECOVERY: Final[Mapping[Phase, Phase]] = {P.OPEN: P.CANCELLED}
_GONE: Final = frozenset(transfer.Phase) - transfer.RUNS[I] | {transfer.Phase.RECLAIMED}
_FELL: Final = frozenset({transfer.Phase.REFUSED, transfer.Phase.ABORTED})


@dataclass(frozen=True, slots=True)
class Group:
    """
    One offer to several devices, as the initiator sees it. Each step gives a new value,
    which is to be journalled before the wire hears of it.

    Args:
        waiting: The transfers whose responders have not answered, by `sid`.
        phase: How far it is.
        winner: The `sid` of the first that was accepted, once there is one.
        late: Those that were accepted after it.

    """

    waiting: frozenset[str]
    phase: Phase = P.OPEN
    winner: str = ""
    late: frozenset[str] = frozenset()

    @property
    def over(self) -> bool:
        """Nothing is left to decide."""
        return not TRANSITIONS[self.phase]

    def accepted(self, sid: str) -> Self:
        """
        A responder accepts: its transfer leaves the phase offered, by whatever word.

        Whether it has won is told by `winner` and `condition`.

        Raises:
            RemoteProtocolError: If it was not asked, or has answered already.

        """
        if sid not in self.waiting:
            raise RemoteProtocolError("That offer has been answered already.")
        waiting = self.waiting - {sid}
        if self.over or self.winner:
            return replace(self, waiting=waiting, late=self.late | {sid})
        return replace(self, waiting=waiting, winner=sid, phase=self._after(R, Accept))

    def left(self, sid: str) -> Self:
        """A responder's transfer ended before the commit, whoever ended it."""
        if self.over:
            return self
        if sid == self.winner:
            return replace(self, phase=self._after(R, Lapse))
        after = replace(self, waiting=self.waiting - {sid}, phase=self._after(R, Leave))
        return after if after.waiting or after.winner else after.said(Close)

    def said(self, event: type[Close | Commit | Expire | Cancel]) -> Self:
        """
        The initiator decides.

        Raises:
            LocalProtocolError: If that is not to be decided any more.

        """
        return replace(self, phase=self._after(I, event))

    def condition(self, sid: str) -> str | None:
        """
        Why the transfer `sid` has to be aborted, if it can be; None while it may go on.

        Until there is a winner all may go on, as far as being accepted.
        """
        if self.phase is P.OPEN:
            return None
        if self.phase not in {P.WON, P.DONE}:
            return RETRACTED
        if sid == self.winner:
            return None
        return TAKEN if sid in self.late else RETRACTED

    def recovered(self, phases: Mapping[str, transfer.Phase]) -> Self:
        """
        What is left after a crash.

        Args:
            phases: What the transfers have recovered to.

        """
        phase = RECOVERY.get(self.phase, self.phase)
        if phase is P.WON:
            found = phases.get(self.winner, transfer.Phase.ABORTED)
            phase = P.DONE if found in _GONE else P.LAPSED if found in _FELL else P.WON
        return replace(self, phase=phase)

    def _after(self, speaker: Role, event: type) -> Phase:
        new = TRANSITIONS[self.phase].get((speaker, event))
        if new is None:
            raise LocalProtocolError(
                f"{event.__name__.lower()} does not follow while {self.phase.value}"
            )
        return new

    @classmethod
    def of(cls, sids: Iterable[str]) -> Self:
        """An offer that has just been made, to at least one device."""
        return cls(frozenset(sids))
