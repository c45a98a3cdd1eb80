"""A machine that slept asks its server when it wakes; one that did not does not."""

from __future__ import annotations

import asyncio

import pytest

from mobility.own import awake


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Yield what the clock says from now on, one look after the other."""
    looks: list[float] = []
    monkeypatch.setattr(awake, "TICK", 0.001)
    monkeypatch.setattr(awake, "_now", lambda: looks.pop(0))
    return looks


async def test_time_that_is_missing_was_slept(clock: list[float]) -> None:
    clock += [0.0, 0.001, 1.0, 1.5, 10.0, 3610.0]
    checks: list[int] = []
    watching = asyncio.create_task(
        awake._watch_clock(lambda: checks.append(len(clock)))
    )
    with pytest.raises(IndexError):  # no more looks
        await asyncio.wait_for(watching, 10)
    assert checks == [0]  # after the last


async def test_the_clock_counts_a_suspend() -> None:
    assert awake._now() > 0


async def test_without_netlink_the_clock_is_watched_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("a sandbox")

    monkeypatch.setattr("mobility.own.netlink.socket.socket", refused)
    await awake._watch_network(lambda: None)
