"""
A phone, its parts, and devices where they run, with all that a move does but the wire.

The sessions are real; what is between them is a queue here, that may lose what is in
it. Nothing happens by itself but what is heard: whoever plays calls for the rest.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from mobility.errors import PeerUnreachable
from mobility.parts.piece import Piece
from mobility.protocol.session import Packet, State
from mobility.protocol.state import (
    decode_packets,
    decode_state,
    encode_packets,
    encode_state,
)
from mobility.refusal import made
from mobility.session import Session
from mobility.xmpp.session import stanza as wire
from tests.unit.split.apps import Game, Listing, moved

__all__ = ["Seat", "World"]

PHONE = "juliet@capulet.example/phone"


@dataclass(eq=False)
class Seat:
    """
    One place of a part.

    Attributes:
        session, piece: On the phone.
        there: On the device that has it, if one has.
        saved: How it was there, when the phone last heard of it.
        tail: What came after that.
        heard: The last packet of the phone that is in it.
        life: How often its device has stopped since it came.
        at_risk: What was said there since.

    """

    session: Session
    piece: Piece
    there: Session | None = None
    saved: State = field(default_factory=State)
    tail: bytes = b"[]"
    heard: int = 0
    life: int = 0
    at_risk: set[str] = field(default_factory=set)

    @property
    def part(self) -> str:
        return self.piece._part

    @property
    def runs(self) -> Session:
        return self.there or self.session

    @property
    def passes(self) -> bool:
        """It is on its way to another device: nobody sees it."""
        return self.there is None and self.piece.passes

    @property
    def shown(self) -> Listing:
        app = self.runs.shown
        assert isinstance(app, Listing)
        return app


class World:
    """All of it; `async with`, since sessions apply what they hear by themselves."""

    def __init__(self) -> None:
        self.game = Game()
        self.seats: list[Seat] = []
        self.said: set[str] = set()
        self.may_be_lost: set[str] = set()
        self.order: list[tuple[str, str]] = []
        self._wire: deque[tuple[Session, Packet]] = deque()
        self._jobs: dict[Session, asyncio.Task[None]] = {}
        self._names = itertools.count(1)
        self._behind: set[Session] = set()
        self.game.hub.on_order = lambda said: self.order.extend(
            (one.name, one.text) for one in said
        )
        for part in self.game.names:
            self._sit(part, self.game.piece(part))

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for job in self._jobs.values():
            job.cancel()

    def _sit(self, part: str, piece: Piece) -> Seat:
        id = f"WHOLE.{part}.{len(self.seats)}"
        session = piece.session = Session(id, piece, send=self._send_to_device)
        session.missed = lambda: self._behind.add(session)
        seat = Seat(session, piece)
        self.seats.append(seat)
        return seat

    def seat(self, part: str) -> Seat:
        return next(seat for seat in self.seats if seat.part == part)

    # --- the wire --------------------------------------------------------------

    def _send_to_device(self, peer: str, packet: Packet) -> None:
        for seat in self.seats:
            if seat.there and seat.session.sid == packet.sid:
                self._put(seat.there, packet)

    def _send_to_phone(self, peer: str, packet: Packet) -> None:
        for seat in self.seats:
            if seat.session.sid == packet.sid:
                self._put(seat.session, packet)

    def _put(self, to: Session, packet: Packet) -> None:
        message = Element("message")
        wire.to_message(message, packet)
        self._wire.append((to, wire.packet(message)))

    async def pump(self) -> None:
        """All that is on its way arrives, and is applied."""
        while self._wire or self._behind:
            while self._wire:
                to, packet = self._wire.popleft()
                to.receive_packet(packet)
            self._ask_again()
            await quiet()

    def _ask_again(self) -> None:
        """As a transfer does when a session has missed something."""
        for session in self._behind:
            before = session.heard
            other = self._other(session)
            if other is not None:
                other.resend()
                for to, packet in [each for each in self._wire if each[0] is session]:
                    to.receive_packet(packet)
                if session.heard == before:
                    session.skip()
                    other.resend()
        self._behind.clear()

    def _other(self, session: Session) -> Session | None:
        for seat in self.seats:
            if session in {seat.session, seat.there}:
                return seat.there if session is seat.session else seat.session
        return None

    def cut(self, seat: Seat) -> None:
        """What is on its way is lost; then both say it again."""
        both = {seat.session, seat.there}
        self._wire = deque(each for each in self._wire if each[0] not in both)
        if seat.there is not None:
            seat.session.resend()
            seat.there.resend()

    def skips(self, seat: Seat) -> None:
        """What is on its way is lost, and the device takes what comes next."""
        assert seat.there is not None
        self._wire = deque(each for each in self._wire if each[0] is not seat.there)
        seat.there.skip()

    # --- what is said ----------------------------------------------------------

    async def say(self, seat: Seat) -> None:
        """Something that was never said before."""
        text = f"{next(self._names)} {seat.part}"
        try:
            await seat.runs.shown.send(moved(text))
        except PeerUnreachable:
            return
        self.said.add(text)
        if seat.there is not None:
            seat.at_risk.add(text)

    # --- where it is -----------------------------------------------------------

    async def goes(self, seat: Seat, *meanwhile: Seat) -> None:
        """It moves to a device; others say something at each step."""
        session = seat.session
        state = await session.capture()
        await self._all_say(meanwhile)
        device = self._device(seat, f"sid{next(self._names)}", session.epoch + 1)
        await device.load(carried(state), session.app.schema)
        await self._all_say(meanwhile)
        tail = encode_packets(await session.stop())
        seat.saved, seat.tail = carried(state), tail
        seat.there, heard, seat.heard, seat.life = device, session.heard, 0, 0
        session.meet("device", device.sid, device.epoch)
        await self._all_say(meanwhile)
        await device.take(decode_packets(tail), heard=heard)
        self._start(device)
        self._start(session)
        await quiet()

    def _device(self, seat: Seat, sid: str, epoch: int) -> Session:
        app = made(Game, seat.part)
        device = Session(seat.session.id, app, send=self._send_to_phone)
        app.session, device.runs = device, False
        device.missed = lambda: self._behind.add(device)
        device.meet(PHONE, sid, epoch, life=seat.life, heard=seat.heard)
        return device

    async def restarts(self, seat: Seat) -> None:
        """Its device stops, and goes on from its own journal."""
        before = seat.there
        assert before is not None
        self._wire = deque(each for each in self._wire if each[0] is not before)
        before.end()
        self._jobs.pop(before).cancel()
        self.may_be_lost |= seat.at_risk
        seat.life += 1
        seat.there = self._device(seat, before.sid, before.epoch)
        await seat.there.load(seat.saved, before.app.schema)
        await seat.there.take(decode_packets(seat.tail), heard=0)
        self._start(seat.there)
        await quiet()

    async def comes_back(self, seat: Seat, *meanwhile: Seat) -> None:
        device, session = seat.there, seat.session
        assert device is not None
        state = await device.capture()
        await self._all_say(meanwhile)
        await session.restore(carried(state))
        await self._all_say(meanwhile)
        tail = encode_packets(await device.stop())
        await self._all_say([each for each in meanwhile if each is not seat])
        heard = device.heard
        await session.take(decode_packets(tail), heard=heard, state=carried(state))
        await self._is_back(seat, device)

    async def dies(self, seat: Seat) -> None:
        """Its device is gone: it goes on here as it was when that was heard of last."""
        device, session = seat.there, seat.session
        assert device is not None
        self._wire = deque(each for each in self._wire if each[0] is not session)
        device.end()
        self.may_be_lost |= seat.at_risk
        await session.restore(seat.saved)
        await session.take(decode_packets(seat.tail), heard=0, state=seat.saved)
        await self._is_back(seat, device)

    async def _is_back(self, seat: Seat, device: Session) -> None:
        seat.session.epoch, seat.there = device.epoch + 1, None
        seat.heard = seat.life = 0
        seat.at_risk.clear()
        seat.session.separate()
        device.end()
        self._jobs.pop(device).cancel()
        self._jobs.pop(seat.session).cancel()
        await quiet()

    async def is_saved(self, seat: Seat) -> None:
        """A checkpoint comes from there."""
        assert seat.there is not None
        state, seat.heard = await seat.there.checkpoint()
        seat.saved, seat.tail = carried(state), b"[]"
        seat.at_risk.clear()
        seat.piece._expects(seat.saved)
        seat.session.forget_heard(seat.heard)

    async def is_copied(self, source: Seat) -> Seat:
        """Another device shows the same part; it goes on from what is known here."""
        state = source.saved if source.there else await source.session.saved()
        tail = decode_packets(source.tail) if source.there else ()
        piece = self.game.copy_of(source.part)
        seat = self._sit(source.part, piece)
        await piece.begin(state, tail)
        await self.goes(seat)
        return seat

    async def _all_say(self, seats: list[Seat] | tuple[Seat, ...]) -> None:
        for seat in seats:
            await self.say(seat)
        await quiet()

    def _start(self, session: Session) -> None:
        self._jobs[session] = asyncio.create_task(session.apply_packets())

    # --- what is true in the end -----------------------------------------------

    async def settles(self) -> None:
        """The luck is good, and nobody says anything any more."""
        for _ in range(2):
            for seat in self.seats:
                self.cut(seat)
            await self.pump()
            for seat in self.seats:
                if seat.there is not None:
                    await self.is_saved(seat)
            await self.pump()

    def expected(self, seat: Seat) -> list[str]:
        return [text for name, text in self.order if name in seat.piece.allow]


def carried(state: State) -> State:
    return decode_state(encode_state(state))


async def quiet() -> None:
    """Whoever has something to do, does it."""
    for _ in range(20):
        await asyncio.sleep(0)
