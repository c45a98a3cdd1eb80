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
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mobility.errors import InvalidState
from mobility.protocol.envelope import digest
from mobility.protocol.machine import Machine

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
    "Data",
    "Event",
    "Offer",
    "Phase",
    "Ready",
    "Reclaim",
    "Refuse",
    "Request",
    "Role",
    "Status",
    "Transfer",
    "Unknown",
    "check_heading",
    "heading",
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


@dataclass(frozen=True, slots=True)
class Request:
    """Please offer me this session; sealed, so that only its phone can ask."""

    session: str = ""
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """
    I have this session for you; nothing has moved yet.

    Args:
        session: Which one; an identifier that outlives the transfer.
        app: URI of the app.
        schema: Version of the layout of its state.
        epoch: The epoch that the commit will begin.
        capture: How the state was captured; ``snapshot``.
        size: Bytes of all sealed frames together.
        frames: How many there are.
        digest: SHA-256 over all sealed frames.
        formats: In the initiator's order of preference.
        sealed: The heading: title, and a digest of all this.

    """

    session: str = ""
    app: str = ""
    schema: int = 1
    epoch: int = 1
    capture: str = "snapshot"
    size: int = 0
    frames: int = 1
    digest: bytes = b""
    formats: tuple[str, ...] = ("inline",)
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Accept:
    """I will take it, in this format."""

    format: str = "inline"
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Refuse:
    """I will not: condition for programs, text for people."""

    condition: str = "declined"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """One sealed frame, numbered from 0."""

    number: int = 0
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """All of it is here, verified and restored aside. I wait for you."""

    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """I have stopped. It is yours, with the packets that came since (sealed)."""

    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Confirm:
    """It runs here."""

    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Abort:
    """Forget it: the session stays where it was."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Reclaim:
    """The session runs with me again, in a higher epoch; yours is over."""

    epoch: int = 0
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """I know nothing of this transfer (any more)."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is your last word?"""


Event: TypeAlias = (
    Request
    | Offer
    | Accept
    | Refuse
    | Data
    | Ready
    | Commit
    | Confirm
    | Abort
    | Reclaim
    | Unknown
    | Status
)
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
        (R, Refuse): P.REFUSED,
        (R, Unknown): P.ABORTED,
        (R, Abort): P.ABORTED,
        (I, Abort): P.ABORTED,
        (I, Unknown): P.ABORTED,
    },
    P.ACCEPTED: {
        (I, Data): P.MOVING,
        (I, Abort): P.ABORTED,
        (I, Unknown): P.ABORTED,
        (R, Abort): P.ABORTED,
        (R, Unknown): P.ABORTED,
    },
    P.MOVING: {
        (I, Data): P.MOVING,
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

# What is worth a write to the journal: that a transfer began, and each phase that comes
# out differently after a crash.
JOURNALLED: Final = frozenset(P) - {P.NEW, P.ACCEPTED, P.MOVING}

# What a journal gives back after a crash; phases that are not named stay as they are.
# A personal device has journalled the content with the phase. A public display never
# keeps content, so what it had is lost, and it says so.
_BEGUN = (P.REQUESTED, P.OFFERED, P.ACCEPTED, P.MOVING)
RECOVERY: Final[Mapping[tuple[Role, bool], Mapping[Phase, Phase]]] = {
    (I, True): dict.fromkeys((*_BEGUN, P.READY), P.ABORTED),
    (I, False): dict.fromkeys((*_BEGUN, P.READY, P.COMMITTED), P.LOST),
    (R, True): dict.fromkeys(_BEGUN, P.ABORTED),
    (R, False): {
        **dict.fromkeys(_BEGUN, P.ABORTED),
        **dict.fromkeys((P.READY, P.COMMITTED, P.CONFIRMED), P.LOST),
    },
}

# The word that a side stands by: what it says when it is asked, or told too late.
_STANDING: Final[Mapping[tuple[Role, Phase], type]] = {
    (I, P.NEW): Unknown,
    (R, P.NEW): Unknown,
    (R, P.REQUESTED): Request,
    (I, P.OFFERED): Offer,
    (R, P.ACCEPTED): Accept,
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


def heading(offer: Offer, title: str) -> bytes:
    """What an offer seals: whoever changes its other fields on the way is found out."""
    return json.dumps({"title": title, "about": _about(offer)}).encode()


def check_heading(offer: Offer, raw: bytes) -> None:
    """
    See that the offer is the one that was sealed.

    Raises:
        InvalidState: If it is not.

    """
    try:
        about = json.loads(raw)["about"]
    except (ValueError, KeyError, TypeError):
        about = None
    if about != _about(offer):
        raise InvalidState("The offer was changed on its way; try again.")


def _about(offer: Offer) -> str:
    numbers = (offer.schema, offer.epoch, offer.size, offer.frames)
    texts = (offer.session, offer.app, offer.capture, *map(str, numbers))
    return digest("offer", *texts, offer.digest, *offer.formats).hex()


def recovered(role: Role, phase: Phase, *, keeps_content: bool) -> Phase:
    """The phase after a crash, from the journalled one."""
    return RECOVERY[role, keeps_content].get(phase, phase)


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
