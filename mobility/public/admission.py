"""How visitors are let in to a public display: from the code on it to the approval."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import replace
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.errors import MobilityError, RemoteProtocolError, VisitRefused
from mobility.protocol import visit as proto
from mobility.protocol.handshake import Host
from mobility.protocol.invitation import Invitation, Invitations, fingerprint
from mobility.protocol.visit import MEETING, Description, Leave, Terms
from mobility.public.scene import Comparing, Inviting, Scene
from mobility.tasks import Tasks
from mobility.xmpp.visit.stanza import Event

__all__ = ["Admission", "Door"]


class Door(Protocol):
    """What is said to phones, and shown to people."""

    @property
    def jid(self) -> str: ...

    def show(self, scene: Scene) -> None: ...

    async def mention(self, visitor: str, event: Event) -> None: ...

    def let_in(self, host: Host, terms: Terms) -> None: ...

    def turn_away(self) -> None: ...


class Admission:
    """
    One visitor after the other; while one is inside, others are turned away.

    Attributes:
        rival: Whether somebody else scanned the code of who is inside.
        refused: How many scans were turned away.

    Args:
        door: The display.
        identity: Its key, which the code names.
        description: What it says of itself.
        invitations: The codes that are good now.
        guests: Where visitors without an account may log in.
        tasks: Owns what is said beside.

    """

    def __init__(
        self,
        door: Door,
        *,
        identity: Ed25519PrivateKey,
        description: Description,
        invitations: Invitations,
        guests: str,
        tasks: Tasks,
    ) -> None:
        self.rival = False
        self.refused = 0
        self._door = door
        self._identity = identity
        self._description = description
        self._invitations = invitations
        self._guests = guests
        self._tasks = tasks
        self._key = fingerprint(identity.public_key().public_bytes_raw())
        self._host: Host | None = None
        self._comparing: Comparing | None = None
        self._inside = False
        self._changed = asyncio.Event()

    @property
    def empty(self) -> bool:
        """Whether nobody is here, nor about to be."""
        return self._host is None and not self._inside

    def comparing(self, peer: str) -> Host | None:
        """Who is asked for the digits now, if it is this one."""
        host = self._host
        if host is None or self._comparing is None or host.visitor != peer:
            return None
        return host

    # --- one after the other ---------------------------------------------------

    async def admit(self) -> None:
        """Show codes until a visitor has approved."""
        while not self._inside:
            self._changed.clear()
            if self._host is None:
                seconds = self._invite()
            else:
                seconds = self._host.meeting.deadline - _now()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, seconds)):
                    await self._changed.wait()
                continue
            if self._host is not None:
                self._give_up(self._host)

    def renew(self) -> None:
        """The code names our address, which may be another now."""
        self._changed.set()

    def leave(self) -> None:
        """Whoever was inside is gone."""
        self._inside = False
        self.rival = False

    def _invite(self) -> float:
        """Show a fresh code, and say in how many seconds the next one is due."""
        token = secrets.token_bytes(16)
        self._invitations.issue(token, _now())
        lifetime = self._invitations.lifetime
        self._door.show(Inviting(str(self._invitation(token)), lifetime))
        return lifetime * 0.75  # a code that is scanned in its last second is good

    def _invitation(self, token: bytes) -> Invitation:
        return Invitation(self._door.jid, token, self._key, self._guests)

    def _give_up(self, host: Host) -> None:
        """The visitor did not approve in time: the next one may scan a new code."""
        self._free()
        self._tasks.start(self._door.mention(host.visitor, Leave("time")))

    def _free(self) -> None:
        """Nobody is here any more, and the next code is due."""
        self._host = self._comparing = None
        self.rival = False
        self._door.turn_away()
        self._changed.set()

    # --- what phones say -------------------------------------------------------

    def scan(self, peer: str, visit: proto.Visit) -> proto.Welcome:
        """
        Somebody has scanned a code.

        Raises:
            VisitRefused: It is not good, or somebody was faster.
            RemoteProtocolError: They have begun already.

        """
        try:
            return self._scan(peer, visit)
        except MobilityError:
            self.refused += 1
            raise

    def _scan(self, peer: str, visit: proto.Visit) -> proto.Welcome:
        now = _now()
        for token in self._invitations.candidates(now):
            if Host.proves(visit, peer, self._invitation(token)):
                break
        else:
            raise VisitRefused(
                "This code is not one that the screen shows. "
                "Scan the code on the screen again."
            )
        self._refuse_rival(token)
        host = Host(
            self._invitation(token),
            identity=self._identity,
            description=self._description,
            private=secrets.token_bytes(32),
            nonce=secrets.token_bytes(32),
            deadline=now + MEETING,
        )
        welcome = host.receive_visit(visit, peer)
        self._invitations.redeem(token, now)
        self._host = host
        self._changed.set()
        return welcome

    def _refuse_rival(self, token: bytes) -> None:
        """The first scan locks the display; both people see a second one."""
        if self.empty:
            return
        name = self._description.name
        if self._host is None or token != self._host.invitation.token:
            raise VisitRefused(f"{name} is in use. Try again in a minute.")
        if not self.rival:
            self.rival = True
            if self._comparing is not None:
                self._compare(replace(self._comparing, rival=True))
            self._tasks.start(self._door.mention(self._host.visitor, proto.Rival()))
        raise VisitRefused(
            f"Somebody else has scanned this code just before you, so {name} is "
            "in use. If you did not see anybody, tell whoever runs the screen."
        )

    def step(self, peer: str, event: Event) -> None:
        """
        What a visitor says then.

        Raises:
            VisitRefused: There is no visit of theirs.
            MobilityError: It is wrong; the next one may scan.

        """
        host = self._host
        if host is None or host.visitor != peer:
            raise VisitRefused("There is no visit. Scan the code on the screen again.")
        try:
            self._step(host, event)
        except MobilityError:
            self._free()
            raise

    def _step(self, host: Host, event: Event) -> None:
        match event:
            case proto.Reveal():
                code = host.receive_reveal(event)
                self._compare(Comparing(code, host.device, rival=self.rival))
            case proto.Approve():
                self._let_in(host, host.receive_approve(event))
            case proto.Decline():
                host.meeting.receive(event)
                self._free()
            case _:
                raise RemoteProtocolError("A display does not expect this.")

    def _compare(self, comparing: Comparing) -> None:
        self._comparing = comparing
        self._door.show(comparing)

    def _let_in(self, host: Host, terms: Terms) -> None:
        self._door.let_in(host, terms)  # at once: the next word may be the goodbye
        self._inside = True
        self._host = self._comparing = None
        self._changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
