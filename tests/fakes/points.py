"""Where a program is struck, and what it tells: all that reaches into the product."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Any

from mobility import State
from mobility.errors import CarrierLost
from mobility.protocol import transfer as proto
from mobility.protocol.carrier import Carrier, Pipe
from mobility.protocol.envelope import FRAME
from mobility.protocol.login import Word
from mobility.protocol.split import Group
from mobility.protocol.state import decode_state
from mobility.split.seats import Seats
from mobility.store import Kept, Store
from mobility.transfer import Incoming
from mobility.transfer.collecting import Collecting
from mobility.transfer.side import Side
from mobility.visit.granting import Granting
from mobility.xmpp.bytestreams import Bytestreams
from mobility.xmpp.login import MobilityLogin
from mobility.xmpp.offers import MobilityOffers
from mobility.xmpp.offers.stanza import Waiting
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.transfer.stanza import Said
from tests.fakes.telling import tell

__all__ = ["CUT", "stop_at", "tell_frames", "tell_saved"]

CUT = b"x"  # resumed by this, a stream of frames is cut
_MIDDLE = 4  # the frame that is struck


def tell_saved() -> None:
    """What a personal device has journalled is acknowledged: it must never be lost."""
    keep, save = Store.keep, Incoming.save

    def kept(self: Store, kept: Kept) -> None:
        keep(self, kept)
        data: Any = decode_state(kept.state).data
        tell("saved", strokes=data["strokes"])

    def saved(
        self: Incoming,
        state: State,
        schema: int,
        heard: int,
        framed: Collection[str],
    ) -> None:
        save(self, state, schema, heard, framed)
        if self._kept is not None:
            data: Any = state.data
            tell("saved", strokes=data["strokes"])

    Store.keep = kept  # type: ignore[method-assign]
    Incoming.save = saved  # type: ignore[method-assign]


def tell_frames() -> None:
    """Each frame that arrives by a stream."""
    verify = Collecting._verify

    def verifying(self: Collecting, number: int, sealed: bytes) -> None:
        verify(self, number, sealed)
        tell("frame", sid=self._side.sid, number=number)

    Collecting._verify = verifying  # type: ignore[method-assign]


_At = Callable[..., bytes]


def stop_at(doing: str, word: str, moment: str, *, resume: int) -> None:
    """
    Stand still at one point, once, until the test writes a byte to `resume`.

    Args:
        doing: Whether this program ``says`` or ``hears`` the word.
        word: ``commit``, and so on; or ``frames``, of which the fourth is meant.
        moment: ``kept`` is before what is kept of the session is written, ``before``
            is before the step's journal, ``after`` behind it and before the wire,
            ``told`` when the other side has answered, and ``amid`` amid the frames.
        resume: A file descriptor.

    """
    struck = False

    def at(*point: object) -> bytes:
        nonlocal struck
        if struck or point != (doing, word, moment):
            return b""
        struck = True
        tell("stopped")
        return os.read(resume, 1)

    _around_hearing(at)
    _around_saying(at)
    _amid_frames(at)
    _around_login(at)
    _around_giving(at)
    _around_deciding(at)


def _named(event: object) -> str:
    return type(event).__name__.lower()


def _around_hearing(at: _At) -> None:
    hear, keep = Side.hear, Store.keep
    behind = {"ready": "commit", "commit": "confirm"}  # what is said, once it is kept
    due = ""

    def hearing(self: Side, event: proto.Event) -> proto.Event | None:
        nonlocal due
        word = _named(event)
        at("hears", word, "before")
        answer = hear(self, event)
        at("hears", word, "after")
        due = behind.get(word, due)
        return answer

    def keeping(self: Store, kept: Kept) -> None:
        at("says", due, "kept")
        keep(self, kept)

    Side.hear = hearing  # type: ignore[method-assign]
    Store.keep = keeping  # type: ignore[method-assign]


def _around_saying(at: _At) -> None:
    step, tell, ask = Side.step, Side.tell, MobilityTransfer.ask
    leave = MobilityOffers.leave

    def stepping(self: Side, event: proto.Event) -> None:
        at("says", _named(event), "before")
        step(self, event)

    async def telling(self: Side, event: proto.Event) -> None:
        if isinstance(event, proto.Data):  # it is not journalled
            at("says", "data", "before")
        await tell(self, event)

    async def asking(
        self: MobilityTransfer, peer: str, said: Said, *, seconds: float = 20
    ) -> Said | None:
        word = _named(said.event)
        at("says", word, "after")
        answer = await ask(self, peer, said, seconds=seconds)
        at("says", word, "told")
        return answer

    async def leaving(self: MobilityOffers, waiting: Waiting, **how: Any) -> None:
        at("says", "offer", "after")
        await leave(self, waiting, **how)
        at("says", "offer", "told")

    Side.step = stepping  # type: ignore[method-assign]
    Side.tell = telling  # type: ignore[method-assign]
    MobilityTransfer.ask = asking  # type: ignore[method-assign, assignment]
    MobilityOffers.leave = leaving  # type: ignore[method-assign]


def _around_giving(at: _At) -> None:
    release, adopt = Store.release, Store.adopt

    def releasing(self: Store, kept: Kept, word: bytes) -> None:
        at("says", "release", "before")
        release(self, kept, word)
        at("says", "release", "after")

    def adopting(self: Store, kept: Kept, sid: str) -> bool:
        at("hears", "release", "before")
        adopted = adopt(self, kept, sid)
        at("hears", "release", "after")
        return adopted

    Store.release = releasing  # type: ignore[method-assign]
    Store.adopt = adopting  # type: ignore[method-assign]


def _around_deciding(at: _At) -> None:
    decide = Seats.decide

    def deciding(self: Seats, group: Group) -> None:
        at("says", "decide", "before")
        decide(self, group)
        at("says", "decide", "after")

    Seats.decide = deciding  # type: ignore[method-assign]


def _around_login(at: _At) -> None:
    ask, receive = MobilityLogin.ask, Granting.receive

    async def asking(
        self: MobilityLogin, peer: str, word: Word, *, seconds: float | None = None
    ) -> Word | None:
        at("says", word.kind.__name__.lower(), "after")
        answer = await ask(self, peer, word, seconds=seconds)
        at("says", word.kind.__name__.lower(), "told")
        return answer

    async def receiving(self: Granting, word: Word) -> Word | None:
        answer = await receive(self, word)
        at("hears", word.kind.__name__.lower(), "after")
        return answer

    MobilityLogin.ask = asking  # type: ignore[method-assign, assignment]
    Granting.receive = receiving  # type: ignore[method-assign]


def _amid_frames(at: _At) -> None:
    open, verify = Bytestreams.open, Collecting._verify

    async def opening(
        self: Bytestreams, carrier: Carrier, peer: str, sid: str, *, seconds: float
    ) -> Pipe:
        return _Struck(await open(self, carrier, peer, sid, seconds=seconds), at)

    def verifying(self: Collecting, number: int, sealed: bytes) -> None:
        if number == _MIDDLE and at("hears", "frames", "amid") == CUT:
            raise CarrierLost("The network was cut.")
        verify(self, number, sealed)

    Bytestreams.open = opening  # type: ignore[method-assign, assignment]
    Collecting._verify = verifying  # type: ignore[method-assign]


class _Struck:
    """A stream that is struck after three frames and a half."""

    def __init__(self, pipe: Pipe, at: _At) -> None:
        self._pipe = pipe
        self._at = at
        self._left = FRAME * (_MIDDLE - 1) + FRAME // 2

    async def send(self, data: bytes) -> None:
        first, rest = data[: self._left], data[self._left :]
        self._left -= len(first)
        await self._pipe.send(first)
        if rest:
            if self._at("says", "frames", "amid") == CUT:
                raise CarrierLost("The network was cut.")
            await self._pipe.send(rest)

    async def receive(self) -> bytes:
        return await self._pipe.receive()

    async def close(self) -> None:
        await self._pipe.close()
