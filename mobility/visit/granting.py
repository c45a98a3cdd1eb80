"""The phone's side of a login that it lets a display have."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mobility.errors import LoginRefused, MobilityError, VisitEnded
from mobility.protocol.login import (
    WAITS,
    Abort,
    Accept,
    Auth,
    Bound,
    Challenge,
    Event,
    Grant,
    Mechanisms,
    Response,
    Success,
    Word,
    seal,
    unseal,
)
from mobility.protocol.login import Login as Machine
from mobility.protocol.visit import Role
from mobility.xmpp.sasl import Login, Offered

__all__ = ["Granting"]

log = logging.getLogger(__name__)
_LONGEST = 300  # characters of a stranger's sentence
_NOT_NOW = "The phone lends no login now."


class Granting:
    """
    One login of a display.

    Attributes:
        proved: Whether the display has what it needs, and can log in whatever it says.

    Args:
        jid: Full JID that the display shall have.
        secret: Of the visit.
        ask: Puts a word before the display.

    """

    def __init__(
        self,
        jid: str,
        *,
        secret: bytes,
        ask: Callable[[Word], Awaitable[Word | None]],
    ) -> None:
        self.jid = jid
        self.proved = False
        self._secret = secret
        self._ask = ask
        self._machine = Machine(Role.PHONE)
        loop = asyncio.get_running_loop()
        self._lent: asyncio.Future[Login] = loop.create_future()
        self._bound: asyncio.Future[None] = loop.create_future()

    def __repr__(self) -> str:
        return f"<Granting {self._machine.state.value}>"

    @property
    def resource(self) -> str:
        return self.jid.partition("/")[2]

    async def grant(self) -> None:
        """Have the display go to our server, to wait there for what we lend; once."""
        if not self._machine.may_send(Grant):
            return
        try:
            await self._ask(self._say(Grant(self.jid)))
        except MobilityError as exc:
            self._fail(exc)

    def check(self) -> None:
        """Raise what has ended it already, if anything has."""
        if self._bound.done():
            self._bound.result()

    async def lend(self, lending: Awaitable[Login]) -> None:
        """
        Have the login made, now that the user has approved.

        Args:
            lending: Gives what decides what the server is told; no secret of the
                account leaves it.

        """
        try:
            self._lent.set_result(await lending)
        except BaseException:
            self._keep()
            raise

    async def bound(self) -> None:
        """
        Wait until the display is logged in.

        Raises:
            LoginRefused: If it is not.

        """
        await self._bound

    def stop(self) -> None:
        """Nothing is answered from now on, also not what was asked before."""
        self._fail(VisitEnded("The visit was over before the screen had logged in."))
        if self._machine.may_send(Abort):
            self._machine.send(Abort())
        self._keep()

    def _keep(self) -> None:
        """Nothing is lent."""
        if not self._lent.done():
            self._lent.set_exception(LoginRefused(_NOT_NOW))
            self._lent.exception()  # the display may not have asked yet

    async def receive(self, word: Word) -> Word | None:
        """
        What the display tells of the login, and how we answer.

        Raises:
            InvalidState: If the display of this visit did not say it.
            RemoteProtocolError: If it is not its turn.

        """
        event = unseal(self._secret, Role.DISPLAY, word)
        if not self._machine.receive(event):
            return None
        try:
            answer = await self._answer(event)
        except MobilityError as exc:
            log.info("a display does not get its login: %s", type(exc).__name__)
            self._fail(exc)
            answer = Abort(str(exc))
        if answer is None or not self._machine.may_send(type(answer)):
            return None  # one side has given up meanwhile
        self.proved |= isinstance(answer, Response)
        return self._say(answer)

    async def _answer(self, event: Event) -> Event | None:
        if isinstance(event, Abort):
            raise LoginRefused(_failed(event.text))
        login = await self._login()
        match event:
            case Mechanisms(names, domain, certificate):
                offered = Offered(names, domain, certificate)
                return Auth(*await login.begin(offered))
            case Challenge(data):
                return Response(await login.respond(data))
            case Success(data):
                await login.succeed(data)
                return Accept()
            case Bound(jid) if jid == self.jid:
                if not self._bound.done():
                    self._bound.set_result(None)
            case Bound():
                raise LoginRefused(
                    "The screen did not log in as you let it. The visit is over."
                )
        return None

    async def _login(self) -> Login:
        """What the display may have; nothing before the user has approved."""
        try:
            async with asyncio.timeout(WAITS):
                return await asyncio.shield(self._lent)
        except TimeoutError:
            raise LoginRefused(_NOT_NOW) from None

    def _fail(self, exc: MobilityError) -> None:
        if not self._bound.done():
            self._bound.set_exception(exc)
            self._bound.exception()  # whoever waits is told; nobody may be waiting yet

    def _say(self, event: Event) -> Word:
        self._machine.send(event)
        return seal(self._secret, Role.PHONE, event)


def _failed(text: str) -> str:
    """A stranger's sentence is not to be taken for one of ours."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    said = " ".join(shown.split())[:_LONGEST]
    failed = "The screen could not log in, so nothing has moved."
    return f"{failed} It says: “{said}”" if said else failed
