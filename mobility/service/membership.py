"""Whom a service feeds: members, and the participants that they had it invite."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mobility.dispatch import bare
from mobility.errors import RemoteProtocolError
from mobility.parts.traffic import Gauge, Meter, Traffic
from mobility.protocol.feeding import Invite, Say
from mobility.protocol.filtering import for_device
from mobility.protocol.numbering import Numbered, Outbox
from mobility.protocol.sift import Inbound, Kind

__all__ = ["Fed", "Heard", "Member", "Participant"]

MOST_FED = 32  # parts of a member
MOST_RESENT = 40_000  # packets that a member is sent again at once
RESENT = 2000.0  # and a second
MOST_KIOSKS = 4  # of a member
_MOST_HEARD = 10_000  # accounts of which we know what they said last
_MOST_VOICES = 64  # devices of one, so that nobody has us forget what others said


@dataclass(frozen=True, slots=True)
class Participant:
    """
    Where a part of a member's session runs, and is fed.

    Args:
        jid: Full JID of the device.
        session, part: What the member calls them.
        allow: Qualified names of the packets that it gets.
        live: Whether it has all so far, and gets each packet as it is said.
        traffic: What it was sent since it was invited there, and spared.

    """

    jid: str
    session: str
    part: str
    allow: frozenset[str]
    live: bool
    traffic: Traffic = field(default=Traffic(), compare=False)


@dataclass
class Fed:
    """
    A participant, as the service looks after it.

    Attributes:
        jid, session, part, token, allow: As it was invited; the JID may change.
        live: As in `Participant`.
        asked: When it was last asked whether it is still there.
        pause: Seconds until it is asked again.
        since: When it was last known to be there.
        busy: Whether it is being asked.
        passes: Whether its part listens to a packet.
        gauge: Counts what is for it.

    """

    jid: str
    session: str
    part: str
    token: str = field(repr=False)
    allow: frozenset[str]
    gauge: Gauge = field(repr=False)
    live: bool = False
    asked: float = 0.0
    pause: float = 1.0
    since: float = 0.0
    busy: bool = False

    def __post_init__(self) -> None:
        self.passes = for_device(self.allow).compiled(self.jid)

    @property
    def where(self) -> tuple[str, str, str]:
        return self.jid, self.session, self.part

    @property
    def seen(self) -> Participant:
        about = self.jid, self.session, self.part, self.allow, self.live
        return Participant(*about, self.gauge.now)


@dataclass(slots=True)
class Allowance:
    """How many packets are sent again, whatever is asked for."""

    left: float = MOST_RESENT
    then: float = 0.0

    def some(self, wanted: int, now: float) -> int:
        """At most so many, as far as it goes."""
        self.left = min(MOST_RESENT, self.left + (now - self.then) * RESENT)
        self.then = now
        return min(wanted, int(self.left))

    def spend(self) -> None:
        self.left -= 1


class Member:
    """
    One account that a service knows.

    Attributes:
        jid: The bare JID.
        outbox: All that is sent to it.
        meter: Counts that.
        fed: Participants by token.
        allowance: How much is sent to it again.
        kiosks: Full JIDs of old kiosks (Mobilis), which get packets without numbers,
            and when each was last seen.
        told, when: Up to which packet its ends were told, and when.

    """

    def __init__(self, jid: str, *, kept: int) -> None:
        self.jid = jid
        self.outbox = Outbox(secrets.token_urlsafe(12), kept=kept)
        self.meter = Meter()
        self.fed: dict[str, Fed] = {}
        self.allowance = Allowance()
        self.kiosks: dict[str, float] = {}
        self.told, self.when = 0, 0.0
        self._asking = 0

    def __repr__(self) -> str:
        return f"<Member {self.jid}: {len(self.fed)} participants>"

    def invite(self, invite: Invite, now: float) -> Fed:
        """
        A part runs there from now on.

        Raises:
            RemoteProtocolError: If the member has too many.

        """
        if len(self.fed) >= MOST_FED and invite.token not in self.fed:
            raise RemoteProtocolError("Too many parts of this member are fed already.")
        where = invite.participant, invite.session, invite.part
        fed = self.fed.get(invite.token)
        if fed is None or fed.where != where or fed.allow != invite.allow:
            gauge = self.meter.begin(invite.allow)
            about = *where, invite.token, invite.allow, gauge
            fed = Fed(*about, asked=now, since=now)
            self.fed[invite.token] = fed
        return fed

    @contextmanager
    def asking(self) -> Iterator[None]:
        """
        Somebody is asked for this member, which takes a while.

        Raises:
            RemoteProtocolError: Too many are.

        """
        if self._asking >= MOST_FED:
            raise RemoteProtocolError("Too many are asked for this member already.")
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    def check_room_for(self, kiosk: str) -> None:
        """
        See that one more old kiosk may show it.

        Raises:
            RemoteProtocolError: If the member has too many.

        """
        if len(self.kiosks) >= MOST_KIOSKS and kiosk not in self.kiosks:
            raise RemoteProtocolError("Too many kiosks show this already.")

    def addressees(self, packet: Numbered) -> Iterable[str]:
        """
        Whom a packet goes to: each once, however many of its parts listen to it.

        Before anybody was invited that is the account, whose server then knows best.
        """
        if not self.fed:
            return (self.jid,)
        inbound = Inbound(Kind.MESSAGE, "", "", (packet.name,))
        return {
            fed.jid for fed in self.fed.values() if fed.live and fed.passes(inbound)
        }

    def listeners(self) -> Iterator[tuple[str, frozenset[str] | None]]:
        """Who has all so far, and what each listens to; None is everything."""
        if not self.fed:
            yield self.jid, None
            return
        allowed: dict[str, frozenset[str]] = {}
        for fed in self.fed.values():
            if fed.live:
                allowed[fed.jid] = allowed.get(fed.jid, frozenset()) | fed.allow
        yield from allowed.items()

    def lost(self, jid: str) -> None:
        """Something did not get there."""
        self.kiosks.pop(jid, None)
        for fed in self.fed.values():
            if fed.jid == jid:
                fed.live, fed.pause, fed.asked = False, 1.0, 0.0
                fed.busy = False  # an answer may be lost, too

    def back_to(self, before: Fed | None, fed: Fed) -> None:
        """It could not be invited there: it is fed where it was before, if anywhere."""
        if before is fed:
            fed.live = False
        elif self.fed.get(fed.token) is fed:
            self.drop(fed.token)
            if before is not None:
                self.fed[fed.token] = before

    def drop(self, token: str) -> None:
        self.fed.pop(token, None)


class Heard:
    """What was said to a service, so that it takes each packet once."""

    def __init__(self) -> None:
        # Of each account, by what it says it in; who said something last is last.
        self._last: dict[str, dict[str, int]] = {}

    def is_new(self, peer: str, say: Say) -> bool:
        """Whether this was not said before; from now on it was."""
        feeds = self._last.pop(bare(peer), {})
        self._last[bare(peer)] = feeds
        last = feeds.pop(say.feed, 0)
        feeds[say.feed] = max(last, say.at)
        _shorten(feeds, _MOST_VOICES)
        _shorten(self._last, _MOST_HEARD)
        return say.at > last


def _shorten(those: dict[str, Any], most: int) -> None:
    if len(those) > most:
        del those[next(iter(those))]
