"""A session that another device of the user offers to this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Literal

from mobility.app import App, AppFactory
from mobility.errors import LocalProtocolError, TransferAborted, TransferRefused
from mobility.hosted import Ground, Hosted
from mobility.protocol.transfer import Offer, Phase
from mobility.refusal import made, refusal
from mobility.session import Session
from mobility.transfer import Incoming, Report, unseen

__all__ = ["IncomingOffer"]


class IncomingOffer:
    """
    An offer that waits for this device's user, or for its app.

    Attributes:
        app: URI of the app.
        part: Which part of it, if it is not the whole.
        title: What a person calls the session.
        size: Bytes of its state.
        place: What the device that offers it calls itself.
        device: Id of that device; empty if it was offered before a restart.
        given: Whether it would be this device's for good, rather than lent.

    """

    def __init__(
        self,
        ground: Ground,
        incoming: Incoming,
        offer: Offer,
        title: str,
        place: str,
        device: str = "",
        *,
        name: str,
        factories: Mapping[str, type[App] | AppFactory],
        largest: int,
        on_hosted: Callable[[Hosted], None],
    ) -> None:
        self.app = offer.app
        self.part = offer.part
        self.title = title
        self.size = offer.size
        self.place = place
        self.device = device
        self.given = incoming.given
        self._ground = ground
        self._incoming = incoming
        self._offer = offer
        self._name = name
        self._factories = factories
        self._largest = largest
        self._on_hosted = on_hosted
        self._accepted = False
        self._gone = asyncio.Event()
        incoming.on_over = self._forget

    def __repr__(self) -> str:
        return f"<IncomingOffer {self._incoming.sid}>"

    @property
    def problem(self) -> str:
        """Why this device cannot take it, in a sentence; empty if it can."""
        found = self._refusal("This device")
        return "" if found is None else found[1]

    def _refusal(self, name: str) -> tuple[str, str] | None:
        found = refusal(name, self._factories, self._largest, self._offer)
        owned, session = self._ground.owned, self._offer.session
        if found is None and owned is not None and owned.has(session):
            return "busy", f"{name} has this session already."
        return found

    @property
    def over(self) -> bool:
        """It is not to be had any more."""
        return self._gone.is_set() or self._incoming.machine.over

    @property
    def held(self) -> bool:
        """It was here before a restart: only whose it is can end it."""
        return self._incoming.holds

    async def gone(self) -> None:
        """Wait until it is not to be had any more, though nobody here has taken it."""
        await self._gone.wait()

    async def accept(self, *, progress: Report = unseen) -> Session:
        """
        Take it; it runs here when this returns.

        Args:
            progress: Called now and then with how far it has come.

        Raises:
            TransferRefused: If this device cannot; its initiator is told why.
            TransferAborted: If another device was faster, or it was taken back.
            LocalProtocolError: If it was accepted before.
            MobilityError: It stays where it was.

        """
        self._check()
        found = self._refusal("This device")
        if found is not None:
            if self._incoming.machine.state is Phase.OFFERED:
                await self.refuse()
            condition, text = found
            raise TransferRefused(text, condition=condition)
        self._accepted = True
        try:
            return await self._accept(progress)
        except BaseException:
            self._accepted = not self._incoming.holds
            raise

    def _check(self) -> None:
        """It is still to be had, and nobody else is at it."""
        if self._accepted:
            raise LocalProtocolError("This session was accepted before.")
        if self.over:
            self._incoming.check()
            raise TransferAborted("This is not offered any more.")

    async def _accept(self, progress: Report) -> Session:
        if self._incoming.machine.state is Phase.OFFERED:
            await self._incoming.expect(Offer, seconds=None)
        app = made(self._factories[self.app], self.part)
        link = self._incoming.link
        hosted = Hosted(self._ground, link, self._incoming, app, self._offer)
        self._on_hosted(hosted)
        await hosted.arrive(progress)
        return hosted.session

    async def refuse(
        self, text: str = "", *, condition: Literal["declined", "busy"] = "declined"
    ) -> None:
        """
        Say no; the initiator may still find somebody else.

        Args:
            text: Why; it has a default, which names the problem if there is one.
            condition: Whether it may be taken another time, if there is no problem.

        Raises:
            LocalProtocolError: If it was accepted.

        """
        if self._accepted or self._incoming.holds:
            raise LocalProtocolError("This session was accepted before.")
        no = condition, "Nobody wanted it there."
        found, why = self._refusal(self._name) or no
        await self._incoming.refuse(found, text or why)
        self._ground.transfers.close(self._incoming)

    def withdrawn(self) -> None:
        """It waits no longer where it was found."""
        if self._incoming.machine.state is Phase.OFFERED:
            self._forget()

    def _forget(self) -> None:
        """It was ended before anybody here wanted it."""
        if not self._accepted:
            self._gone.set()
            self._ground.transfers.close(self._incoming)
            self._incoming.discard()
