"""Other devices of the user ask for a session that this one has."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from mobility.app import App
from mobility.dispatch import bare
from mobility.errors import (
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    TransferRefused,
)
from mobility.own.devices import Device
from mobility.protocol.asking import Ask, Asks
from mobility.tasks import Tasks

__all__ = ["Asked", "Asking", "Holder", "OnAsk", "always"]

log = logging.getLogger(__name__)
PATIENCE = 60.0  # seconds for a person to say yes or no
_NOT_NOW = "It cannot go now. Try again."
_MOST_GIVEN = 64  # sessions of which we know where they have gone


@dataclass(frozen=True, slots=True)
class Asked:
    """
    Somebody wants a session of ours.

    Attributes:
        app: That runs here.
        title: What a person calls the session.
        device: What the device that asks is called; empty for a program of the
            account that is no device, as `mobility send` is.
        to: What the devices are called that shall have it: the first that takes it.

    """

    app: App
    title: str = field(repr=False)
    device: str
    to: tuple[str, ...]
    _end: asyncio.Future[str] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future(),
        repr=False,
        compare=False,
    )

    async def over(self) -> str:
        """Wait for what comes of a yes: nothing if it has gone, else why it stays."""
        return await asyncio.shield(self._end)

    def end(self, why: str) -> None:
        """It is given, if `why` is empty; else it stays."""
        if not self._end.done():
            self._end.set_result(why)

    @property
    def question(self) -> str:
        """For a person."""
        title = self.title or "what runs here"
        if self.to == (self.device,):
            return f"{self.device} wants to go on with {title}. Give it?"
        who = self.device or "One of your programs"
        return f"{who} wants {title} to go on at {_or(self.to)}. Give it?"


OnAsk: TypeAlias = Callable[[Asked], Awaitable[bool]]


async def always(asked: Asked) -> bool:
    """The user's own devices may have what runs on one of them."""
    return True


class Holder(Protocol):
    """What this device has, and how it lets go of it."""

    async def holds(self, session: str) -> tuple[App, str]:
        """
        The app of a session that is ours to give, and its title.

        Raises:
            TransferRefused: It is not ours, or not any more.
            PeerUnreachable: It is, and cannot go now.

        """

    async def own(self) -> list[Device]:
        """The user's other devices."""

    async def is_screen(self, jid: str) -> bool:
        """Whether a screen is logged in there, on a visit."""

    async def bring(self, app: App) -> None:
        """Have it here, if it was lent to another device."""

    async def give(
        self, app: App, to: Sequence[Device], offered: Callable[[], None]
    ) -> Device:
        """Give it to the first that takes it; call `offered` once all could."""


class Asking:
    """
    All asks of one device.

    Args:
        holder: What there is to ask for.
        jid: Our full JID now.
        tasks: Owns what goes on beside.
        on_ask: Says yes or no for the user.
        check: See that a device (the last argument) has proved that it has seen the
            code of a session; else it raises.

    """

    def __init__(
        self,
        holder: Holder,
        jid: Callable[[], str],
        tasks: Tasks,
        on_ask: OnAsk,
        check: Callable[[bytes, str, str], None],
    ) -> None:
        self._holder = holder
        self._jid = jid
        self._tasks = tasks
        self._on_ask = on_ask
        self._check_proof = check
        self._asks = Asks()
        self._deciding: dict[str, asyncio.Lock] = {}
        self._goes: dict[str, list[Device]] = {}  # sessions on their way: to whom
        self._gone: dict[str, str] = {}

    async def receive(self, peer: str, ask: Ask) -> None:
        """
        Decide about an ask; when this returns, the session is being offered.

        Raises:
            TransferRefused: It is not given; the sentence and the condition say why.
            PeerUnreachable: It is ours, and cannot go now.

        """
        if bare(peer) != bare(self._jid()) or peer == self._jid():
            raise _refused("Only your own devices may ask for a session.")
        with self._one_of_few(peer, ask):
            if await self._holder.is_screen(peer):
                raise _refused("A screen cannot ask for your sessions.")
            if self._offered_already(ask):
                await self._asker(peer, ask)
                return
            await self._held(ask.session)
            asker = await self._asker(peer, ask)
            to = await self._targets(ask)
            async with self._deciding.setdefault(ask.session, asyncio.Lock()):
                app, title = await self._held(ask.session)
                able = _able(app, to)
                names = tuple(device.name for device in able)
                asked = Asked(app, title, asker, names)
                await self._check_right(ask, asked)
                await self._start(ask.session, asked, able)

    def _offered_already(self, ask: Ask) -> bool:
        """Whoever asked for itself, and was cut off or restarted, may ask again."""
        to = tuple(device.id for device in self._goes.get(ask.session, ()))
        return to == ask.to == (ask.asker,)

    async def _held(self, session: str) -> tuple[App, str]:
        if session in self._goes:
            raise TransferRefused(
                "Another device was faster: it goes to "
                f"{_or([device.name for device in self._goes[session]])}.",
                condition="taken",
            )
        try:
            held = await self._holder.holds(session)
        except TransferRefused as exc:
            if session in self._gone:
                raise TransferRefused(
                    f"It has gone to {self._gone[session]}.", condition=exc.condition
                ) from None
            raise
        self._gone.pop(session, None)  # it is back
        return held

    @contextlib.contextmanager
    def _one_of_few(self, peer: str, ask: Ask) -> Iterator[None]:
        self._asks.begin(ask, _now(), peer=peer)
        try:
            yield
        finally:
            self._asks.end(ask, peer=peer)
            if ask.session not in self._asks:
                self._deciding.pop(ask.session, None)

    async def _asker(self, peer: str, ask: Ask) -> str:
        """The name of the device that asks; it must be logged in where it says."""
        if not ask.asker:
            return ""
        for device in await self._holder.own():
            if (device.id, device.jid) == (ask.asker, peer):
                return device.name
        raise _refused("This does not come from the device that it names.")

    async def _targets(self, ask: Ask) -> list[Device]:
        known = {device.id: device for device in await self._holder.own()}
        to = [known[id] for id in ask.to if id in known]
        if not to:
            raise TransferRefused(
                "None of your devices is meant.", condition="not-acceptable"
            )
        return to

    async def _check_right(self, ask: Ask, asked: Asked) -> None:
        """A code that is shown here stands for the user's yes."""
        if not ask.proof or ask.to != (ask.asker,):
            await self._check_wish(ask, asked)
            return
        try:
            self._check_proof(ask.proof, ask.session, ask.asker)
        except MobilityError as exc:
            raise _refused(str(exc)) from None

    async def _check_wish(self, ask: Ask, asked: Asked) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                wanted = await self._on_ask(asked)
        except TimeoutError:
            raise _refused("Nobody answered there. Ask again, or go there.") from None
        if not wanted:
            self._asks.refuse(ask, _now())
            raise _refused("You said no there: it stays where it is.")

    # --- giving ----------------------------------------------------------------

    async def _start(self, session: str, asked: Asked, to: list[Device]) -> None:
        """Until it is offered; the rest goes on beside."""
        self._goes[session] = to
        offered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell(problem: MobilityError | None = None) -> None:
            if offered.done():
                return
            if problem is None:
                offered.set_result(None)
            else:
                offered.set_exception(problem)

        self._tasks.start(self._give(session, asked, to, tell))
        await offered

    async def _give(
        self,
        session: str,
        asked: Asked,
        to: Sequence[Device],
        tell: Callable[..., None],
    ) -> None:
        try:
            await self._holder.bring(asked.app)
            winner = await self._holder.give(asked.app, to, tell)
        except MobilityError as exc:
            log.info("what was asked for does not go: %s", exc)
            asked.end(str(exc))
            tell(_told(exc))
        else:
            self._note_gone(session, winner.name)
            asked.end("")
        finally:
            del self._goes[session]
            asked.end(_NOT_NOW)
            tell(PeerUnreachable(_NOT_NOW))

    def _note_gone(self, session: str, place: str) -> None:
        self._gone.pop(session, None)
        self._gone[session] = place
        if len(self._gone) > _MOST_GIVEN:
            del self._gone[next(iter(self._gone))]


def _told(exc: MobilityError) -> MobilityError:
    """What the device that asks hears of it."""
    if isinstance(exc, TransferRefused):
        return TransferRefused(str(exc), condition="not-acceptable")
    if isinstance(exc, LocalProtocolError):  # meanwhile something else was done with it
        return PeerUnreachable(_NOT_NOW)
    return PeerUnreachable(str(exc))


def _able(app: App, to: Sequence[Device]) -> list[Device]:
    """Those that can take it; there must be one."""
    problems = [device.problem(app) for device in to]
    able = [device for device, why in zip(to, problems, strict=True) if not why]
    if not able:
        raise TransferRefused(problems[0], condition="not-acceptable")
    return able


def _refused(text: str) -> TransferRefused:
    return TransferRefused(text, condition="declined")


def _or(names: Sequence[str]) -> str:
    """``A``, ``A or B``, ``A, B or C``."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _now() -> float:
    return asyncio.get_running_loop().time()
