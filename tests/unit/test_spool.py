"""Frames on disk: read while they are written, and given up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mobility.errors import InvalidState
from mobility.protocol.envelope import FRAME, PLAIN, Envelope
from mobility.transfer.sealed import Opened, Sealing
from mobility.transfer.spool import Spool

ALL = 1 << 62


def begun(path: Path | None = None) -> Spool:
    spool = Spool(path)
    spool.begin()
    return spool


async def test_who_reads_waits_for_frames_that_a_thread_has_yet_to_write() -> None:
    spool = begun()
    reading = asyncio.create_task(spool.reach(0, 2))
    await asyncio.to_thread(spool.append, bytes(FRAME))
    assert not reading.done()
    await asyncio.to_thread(spool.append, bytes(FRAME))
    assert await reading == 2


async def test_the_rest_of_a_part_is_enough_however_little_it_is() -> None:
    spool = begun()
    reading = asyncio.create_task(spool.reach(0, 8))
    await asyncio.to_thread(spool.append, b"short")
    await asyncio.to_thread(spool.append, bytes(FRAME))
    assert await reading == 1
    assert spool.ends == [1]
    spool.append(b"short")
    assert await spool.reach(0, 8) == 1
    assert await spool.reach(1, 1) == 2
    assert await spool.reach(1, ALL) == 3


async def test_nobody_waits_for_what_never_comes() -> None:
    spool = begun()
    spool.append(b"short")
    reading = asyncio.create_task(spool.reach(1, 1))
    await asyncio.to_thread(spool.finish)
    with pytest.raises(InvalidState):
        await reading


def test_who_seals_for_nobody_stops_and_leaves_no_file(tmp_path: Path) -> None:
    spool = begun(tmp_path / "frames")
    sealing = Sealing(spool, Envelope(bytes(32), "sid", 1))
    sealing.write(bytes(PLAIN))
    spool.abandon()
    with pytest.raises(InterruptedError):
        sealing.write(bytes(PLAIN))
    assert not list(tmp_path.iterdir())


def test_what_was_sealed_is_read_from_anywhere() -> None:
    spool, envelope = begun(), Envelope(bytes(32), "sid", 1)
    content = bytes(range(256)) * 600
    with Sealing(spool, envelope) as sealing:
        for start in range(0, len(content), 70_000):
            sealing.write(content[start : start + 70_000])
    opened = Opened(spool, envelope, 0)
    assert opened.size == len(content)
    for at, count in ((0, 1), (PLAIN - 1, 2), (PLAIN, PLAIN), (5, 10**6), (10**6, 1)):
        assert opened.read(at, count) == content[at : at + count]
