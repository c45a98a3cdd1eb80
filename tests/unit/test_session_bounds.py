"""A session holds only so much for its peer, and says so when that was too little."""

from __future__ import annotations

import asyncio

import pytest

from mobility import App, Stanza, State, TransferAborted
from mobility.protocol.packets import _MOST_HELD
from mobility.protocol.session import Packet
from mobility.session import Session

LARGE = Stanza("{urn:app}stroke", text="x" * 100_000)


class Slow(App):
    uri = "urn:app"

    async def snapshot(self) -> State:
        return State()


def session(sent: list[Packet] | None = None) -> Session:
    made = Session(
        "id",
        Slow(),
        send=lambda peer, packet: None if sent is None else sent.append(packet),
    )
    made.meet("phone@capulet.example/1", "sid", 1)
    return made


def test_a_phone_cannot_make_a_display_hold_more_than_so_many_bytes() -> None:
    slow = session()
    for number in range(1, 1000):
        slow.receive_packet(Packet("sid", 1, number, LARGE))
    assert slow._arrived.size <= _MOST_HELD
    assert slow.heard == len(slow._arrived)  # the rest will be asked for again


async def test_what_the_peer_may_not_have_heard_is_bounded_too() -> None:
    sent: list[Packet] = []
    slow = session(sent)
    for _ in range(1000):
        await slow.app.send(LARGE)
    assert len(sent) == 1000
    assert slow._unheard.size <= _MOST_HELD


async def test_what_is_said_while_a_session_moves_is_bounded() -> None:
    slow = session()
    await slow.capture()
    for _ in range(100):
        await slow.app.send(LARGE)
    with pytest.raises(TransferAborted, match="Too much"):
        await slow.stop()
    assert slow.runs
    await slow.resume()
    await slow.capture()
    assert await asyncio.wait_for(slow.stop(), 5) == []
