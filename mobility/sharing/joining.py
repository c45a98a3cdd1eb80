"""Meeting somebody who shares a session: from their code to the digits."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mobility.dispatch import bare
from mobility.errors import (
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    VisitDeclined,
)
from mobility.protocol.handshake import Visitor, claim
from mobility.protocol.sharecode import ShareCode, ShareKind
from mobility.protocol.visit import Decline, Terms
from mobility.protocol.visit import Welcome as HostWelcome
from mobility.sharing.gathering import Site
from mobility.transfer import timing

__all__ = ["ApproveShare", "SharedBy", "meet"]

_LIFETIME = 24 * 3600.0  # seconds: whoever takes part may leave before


@dataclass(frozen=True, slots=True)
class SharedBy:
    """
    What somebody is asked who wants to take part.

    Attributes:
        account: Whose device it is, as the servers say; verified by them.
        name: What the device calls itself; nobody checked.
        kind: Whether it is a copy, or live.
        apps: What is shared needs one of these: schema by URI.
        tries_left: How often the two digits may still be typed.

    """

    account: str
    name: str
    kind: ShareKind
    apps: Mapping[str, int]
    tries_left: int

    @property
    def gives(self) -> str:
        """What taking part gives away, as a person reads it."""
        if self.kind is ShareKind.COPY:
            return "They see your address. You get a copy, which is yours."
        seen = "All who take part see your address, and what you do in it."
        if self.kind is ShareKind.ROOM:
            return f"{seen} The server of the room sees when and how much, not what."
        return f"{seen} It goes over their device, which can read it."


ApproveShare: TypeAlias = Callable[[SharedBy], Awaitable[str | None]]


async def meet(site: Site, code: ShareCode, approve: ApproveShare) -> Visitor:
    """
    Meet who shares it: scan, compare the digits, say yes.

    Raises:
        VisitRefused: By them, or it is not the device whose code was scanned.
        VisitDeclined: By our user, or after three wrong codes.
        PeerUnreachable: They do not answer.

    """
    visitor = Visitor(
        code.invitation,
        jid=site.stream.jid,
        device=site.device,
        private=secrets.token_bytes(32),
        nonce=secrets.token_bytes(32),
    )
    ask, jid = site.stream.visits.ask, code.invitation.jid
    try:
        try:
            welcome = await ask(jid, visitor.visit())
        except PeerUnreachable:
            raise PeerUnreachable(
                f"The device of {bare(jid)} cannot be reached. Ask for a new code; if "
                "that does not help, it may be offline."
            ) from None
        if not isinstance(welcome, HostWelcome):
            raise RemoteProtocolError("The other device answered with something else.")
        await ask(jid, visitor.receive_welcome(welcome))
        await _compare(visitor, welcome, code, approve)
        await ask(jid, visitor.approve(Terms(_LIFETIME)))
    except BaseException:
        await asyncio.shield(_decline(site, visitor))
        raise
    return visitor


async def _compare(
    visitor: Visitor, welcome: HostWelcome, code: ShareCode, approve: ApproveShare
) -> None:
    about = welcome.description
    account, name = bare(code.invitation.jid), claim(about.name)
    while visitor.tries:
        asked = SharedBy(account, name, code.kind, about.apps, visitor.tries)
        digits = await approve(asked)
        if digits is None:
            raise VisitDeclined("You did not take part; nothing has moved.")
        if visitor.compare(digits):
            return
    raise VisitDeclined(
        "These were not the digits that the other device shows, three times. Ask for a "
        "new code, and scan it from the device in front of you."
    )


async def _decline(site: Site, visitor: Visitor) -> None:
    if visitor.meeting.may_send(Decline):
        visitor.meeting.send(Decline())
        with contextlib.suppress(MobilityError):
            await site.stream.visits.ask(
                visitor.invitation.jid, Decline(), seconds=timing.GOODBYE
            )
