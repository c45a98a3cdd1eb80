"""
Negotiating one transfer of a session (docs/protocol/transfer.md).

The initiator holds the session and offers it; the responder prepares a place for it.
The initiator lets go when it commits and the responder takes hold when it hears so:
at most one of them runs the session at any moment, and exactly one once both have
settled, whatever is lost, repeated or crashes on the way.

Rules for whoever edits the table:

1. Once a responder has said ``ready`` it waits: only the initiator ends that.
2. Once an initiator has said ``commit`` it does not run the session again unless the
   responder does not know it any more (``unknown``), or its user reclaims it; that
   raises the epoch, and so fences whoever still has the old one.
3. No rule looks at a clock. Impatience may abort before ``commit``; later it may only
   ask (``status``).
4. What is said once may be heard twice. A repeated message changes nothing, and the
   answer is the word that this side stands by (`Transfer.standing`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from mobility.protocol.machine import Machine
from mobility.protocol.words import (
    Abort,
    Accept,
    Commit,
    Confirm,
    Cut,
    Data,
    Event,
    Fetch,
    Offer,
    Ready,
    Reclaim,
    Refuse,
    Release,
    Request,
    Status,
    Stored,
    Unknown,
)

__all__ = [
    "INITIAL",
    "JOURNALLED",
    "RECOVERY",
    "RUNS",
    "TRANSITIONS",
    "Abort",
    "Accept",
    "Commit",
    "Confirm",
    "Cut",
    "Data",
    "Event",
    "Fetch",
    "Memory",
    "Offer",
    "Phase",
    "Ready",
    "Reclaim",
    "Refuse",
    "Release",
    "Request",
    "Role",
    "Status",
    "Stored",
    "Transfer",
    "Unknown",
    "recovered",
]


class Role(enum.Enum):
    """Jingle's words (XEP-0166): who proposed, and who was asked."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Phase(enum.Enum):
    """How far a transfer has come. ("State" is what an app is captured into.)"""

    NEW = "new"
    REQUESTED = "requested"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    MOVING = "moving"
    READY = "ready"
    COMMITTED = "committed"
    CONFIRMED = "confirmed"
    LOST = "lost"
    REFUSED = "refused"
    ABORTED = "aborted"
    RECLAIMED = "reclaimed"


P = Phase
I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741

INITIAL: Final = P.NEW

TRANSITIONS: Final[Mapping[Phase, Mapping[tuple[Role, type], Phase]]] = {
    P.NEW: {
        (R, Request): P.REQUESTED,
        (I, Offer): P.OFFERED,
    },
    P.REQUESTED: {
        (I, Offer): P.OFFERED,
        (I, Refuse): P.REFUSED,
        (I, Abort): P.ABORTED,
        (I, Unknown): P.ABORTED,
        (R, Abort): P.ABORTED,
    },
    P.OFFERED: {
        (R, Accept): P.ACCEPTED,
        (R, Fetch): P.MOVING,  # where the acceptance before it was lost; it says all
        (R, Ready): P.READY,  # likewise, and the frames were uploaded
        (R, Refuse): P.REFUSED,
        (R, Unknown): P.ABORTED,
        (R, Abort): P.ABORTED,
        (I, Abort): P.ABORTED,
        (I, Unknown): P.ABORTED,
    },
    P.ACCEPTED: {
        (I, Data): P.MOVING,
        (R, Fetch): P.MOVING,
        (I, Stored): P.MOVING,  # heard by a responder that had crashed
        (I, Cut): P.MOVING,
        (R, Ready): P.READY,
        (I, Abort): P.ABORTED,
        (I, Unknown): P.ABORTED,
        (R, Abort): P.ABORTED,
        (R, Unknown): P.ABORTED,
    },
    P.MOVING: {
        (I, Data): P.MOVING,
        (R, Fetch): P.MOVING,
        (I, Stored): P.MOVING,
        (I, Cut): P.MOVING,
        (R, Ready): P.READY,
        (I, Abort): P.ABORTED,
        (I, Unknown): P.ABORTED,
        (R, Abort): P.ABORTED,
        (R, Unknown): P.ABORTED,
    },
    # The responder has promised to wait. Only its loss of memory frees it.
    P.READY: {
        (I, Commit): P.COMMITTED,
        (I, Reclaim): P.RECLAIMED,  # heard where the commit before it was lost
        (I, Abort): P.ABORTED,
        (I, Unknown): P.ABORTED,
        (R, Unknown): P.ABORTED,
    },
    # The initiator has let go: it may not abort, and runs again by reclaiming only.
    P.COMMITTED: {
        (R, Confirm): P.CONFIRMED,
        (R, Unknown): P.LOST,
        (I, Reclaim): P.RECLAIMED,
    },
    P.CONFIRMED: {
        (R, Unknown): P.LOST,
        (I, Reclaim): P.RECLAIMED,
    },
    P.LOST: {
        (I, Reclaim): P.RECLAIMED,
    },
    P.REFUSED: {},
    P.ABORTED: {},
    P.RECLAIMED: {},
}

# In which phases a side runs the session.
RUNS: Final[Mapping[Role, frozenset[Phase]]] = {
    I: frozenset(P) - {P.COMMITTED, P.CONFIRMED, P.LOST},
    R: frozenset({P.COMMITTED, P.CONFIRMED}),
}


class Memory(enum.Enum):
    """How much of a transfer a device has when it starts again."""

    NOTHING = "nothing"  # but its phase: a public display
    STATE = "state"  # what it commits, or has taken over
    FRAMES = "frames"  # all that it sends or receives


# What a journal gives back after a crash; phases that are not named stay as they are.
# Who has lost the content says so; who has every frame goes on.
_BEGUN = (P.REQUESTED, P.OFFERED, P.MOVING)
_OVER = dict.fromkeys((*_BEGUN, P.ACCEPTED), P.ABORTED)
RECOVERY: Final[Mapping[tuple[Role, Memory], Mapping[Phase, Phase]]] = {
    (I, Memory.FRAMES): dict.fromkeys(_BEGUN, P.ABORTED),
    (I, Memory.STATE): {**_OVER, P.READY: P.ABORTED},
    (I, Memory.NOTHING): dict.fromkeys(
        (*_BEGUN, P.ACCEPTED, P.READY, P.COMMITTED), P.LOST
    ),
    (R, Memory.FRAMES): dict.fromkeys(_BEGUN, P.ABORTED),
    (R, Memory.STATE): {**_OVER, P.READY: P.LOST, P.COMMITTED: P.LOST},
    (R, Memory.NOTHING): {
        **_OVER,
        **dict.fromkeys((P.READY, P.COMMITTED, P.CONFIRMED), P.LOST),
    },
}

# What is worth a write to the journal: that a transfer began, and each phase that comes
# out differently after a crash.
_ALWAYS = frozenset(P) - {P.NEW, P.MOVING, P.ACCEPTED}
JOURNALLED: Final[Mapping[Memory, frozenset[Phase]]] = {
    Memory.NOTHING: _ALWAYS,
    Memory.STATE: _ALWAYS,
    Memory.FRAMES: _ALWAYS | {P.ACCEPTED},
}

# The word that a side stands by: what it says when it is asked, or told too late.
_STANDING: Final[Mapping[tuple[Role, Phase], type]] = {
    (I, P.NEW): Unknown,
    (R, P.NEW): Unknown,
    (R, P.REQUESTED): Request,
    (I, P.OFFERED): Offer,
    (R, P.ACCEPTED): Accept,
    (R, P.MOVING): Accept,
    (R, P.READY): Ready,
    (I, P.COMMITTED): Commit,
    (R, P.COMMITTED): Confirm,
    (R, P.CONFIRMED): Confirm,
    (I, P.LOST): Unknown,
    (R, P.LOST): Unknown,
    (I, P.REFUSED): Refuse,
    (R, P.REFUSED): Refuse,
    (I, P.ABORTED): Abort,
    (R, P.ABORTED): Abort,
    (I, P.RECLAIMED): Reclaim,
}
_LAST_WORDS: Final = frozenset({Confirm, Refuse, Abort, Reclaim, Unknown})


def recovered(role: Role, phase: Phase, memory: Memory) -> Phase:
    """The phase after a crash, from the journalled one."""
    return RECOVERY[role, memory].get(phase, phase)


class Transfer(Machine[Role, Phase]):
    """One transfer, seen from one side."""

    table = TRANSITIONS

    def __init__(
        self,
        role: Role,
        *,
        state: Phase = INITIAL,
        deadline: float = float("inf"),
    ) -> None:
        super().__init__(role, state=state, deadline=deadline)

    @property
    def runs(self) -> bool:
        """Whether the session is ours to run right now."""
        return self._state in RUNS[self.role]

    @property
    def standing(self) -> type | None:
        """The word that we stand by, if there is one that the peer may need again."""
        return _STANDING.get((self.role, self._state))

    def receive(self, event: object) -> bool:
        """
        Record that the peer said this; asking for our status changes nothing.

        Returns:
            False if it came too late to matter: then say `answer` again.

        Raises:
            RemoteProtocolError: If the peer may not say this now. Nothing changed.

        """
        if isinstance(event, Status):
            return False
        # The message that began it got lost, or we lost our memory: not their fault.
        unheard_of = (self.peer, type(event)) not in self.table[self._state]
        if self._state is INITIAL and unheard_of:
            return False
        return super().receive(event)

    def answer(self, event: object) -> type | None:
        """
        What to say to an event that `receive` found late.

        A last word is never answered, otherwise two sides could go on for ever.
        """
        if isinstance(event, Status):
            return self.standing
        if type(event) in _LAST_WORDS or self.standing not in _LAST_WORDS:
            return None
        return self.standing

    def tick(self, now: float) -> type | None:
        """What to say now that time has passed: nothing, abort, or a question."""
        if now < self.deadline or self.over:
            return None
        return Abort if self.may_send(Abort) else Status
