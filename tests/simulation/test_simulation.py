"""The simulation itself: it is the same each time, and it notices what goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable

import pytest

from mobility import MobilityError, State
from mobility.testing import (
    Deadlock,
    Display,
    Faults,
    Ledger,
    Phone,
    PowerCut,
    Simulation,
    Stuck,
    hostile,
)
from mobility.testing.loop import VirtualLoop
from tests.simulation.rounds import play, two_owners_planted

BAD = Faults(loss=0.05, duplicate=0.1, reorder=0.1, cut=0.02, crash=0.01)


async def there_and_back(phone: Phone, lobby: Display) -> None:
    """With an entry on each side; what does not work out is left."""
    try:
        await phone.transfer(Ledger("one"), to=lobby)
        await phone.do(phone.app(Ledger).write("two"))
        await lobby.do(lobby.app(Ledger).write("three"))
    except (MobilityError, PowerCut, AssertionError):
        pass
    await phone.take_back()


def test_a_ledger_goes_there_and_back() -> None:
    with Simulation() as world:
        lobby, phone = world.display(Ledger), world.phone(Ledger)

        async def scenario() -> None:
            await phone.transfer(Ledger("one"), to=lobby)
            assert lobby.app(Ledger).entries == ["one"]
            assert phone.here == []
            await phone.do(phone.app(Ledger).write("two"))
            await phone.take_back()
            assert lobby.here == []

        world.run(scenario())
        world.check()
        assert phone.app(Ledger).entries == ["one", "two"]


# --- time and chance -----------------------------------------------------------


def trace(seed: int) -> list[str]:
    with Simulation(seed=seed, faults=BAD) as world:
        lobby, phone = world.display(Ledger), world.phone(Ledger)
        world.run(there_and_back(phone, lobby))
        return world.trace


def test_the_same_seed_gives_the_same_trace() -> None:
    for seed in range(20):
        assert trace(seed) == trace(seed)


def test_another_seed_gives_another_trace() -> None:
    assert len({tuple(trace(seed)) for seed in range(20)}) == 20


def test_a_year_passes_at_once() -> None:
    with Simulation() as world:
        world.run(asyncio.sleep(365 * 86400), within=1e9)
        assert world.loop.time() >= 365 * 86400


def test_who_waits_for_ever_is_named() -> None:
    loop = VirtualLoop()

    async def wait_for_godot() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"test_simulation\.py"):
        loop.run_until_complete(wait_for_godot())
    for task in loop.tasks:
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_who_never_waits_is_stopped() -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110 - it shall be stupid
            await asyncio.sleep(0)

    with Simulation() as world, pytest.raises(Stuck, match="never waits"):
        world.run(spin())


def test_who_takes_too_long_is_stuck() -> None:
    with Simulation() as world, pytest.raises(Stuck, match="after 10 s"):
        world.run(asyncio.sleep(11), within=10)


# --- power ---------------------------------------------------------------------


def test_a_device_without_power_does_not_clean_up() -> None:
    with Simulation() as world:
        lobby, phone = world.display(Ledger), world.phone(Ledger)
        left: list[str] = []

        async def job() -> None:
            ledger = phone.app(Ledger)
            try:
                await asyncio.sleep(3600)
            finally:
                left.append("began")
                await ledger.stop()
                left.append("ended")

        async def scenario() -> None:
            await phone.transfer(Ledger("one"), to=lobby)
            world.loop.call_later(1, phone.crash)
            with pytest.raises(PowerCut):
                await phone.do(job())
            steps = phone.steps
            await asyncio.sleep(1000)
            assert phone.steps == steps
            with pytest.raises(PowerCut):
                await phone.do(phone.client.transfer(Ledger(), to=None))  # type: ignore[arg-type]

        world.run(scenario())
        assert left == ["began"]


@pytest.mark.parametrize("victim", ["phone", "lobby"])
def test_a_crash_at_any_step_loses_nothing(victim: str) -> None:
    for step in itertools.count(1):
        with Simulation(seed=step) as world:
            lobby, phone = world.display(Ledger), world.phone(Ledger)
            device = phone if victim == "phone" else lobby
            device.crash(step=step)
            world.run(there_and_back(phone, lobby))
            world.check()
            assert phone.app(Ledger).entries[:1] == ["one"]
            if not device.crashes:
                break
    assert step > 50


async def kept_there_and_back(world: Simulation, phone: Phone, lobby: Display) -> None:
    """The journal has it before it goes, and when it is back."""
    world.adopt(phone, Ledger("zero"))
    while not _is_kept(phone):
        with contextlib.suppress(PowerCut):
            await phone.ready()
            await phone.keep(phone.app(Ledger))
    try:
        await phone.transfer(phone.app(Ledger), to=lobby)
        await lobby.do(lobby.app(Ledger).write("one"))
    except (MobilityError, PowerCut, AssertionError):
        pass
    await phone.take_back()


def _is_kept(phone: Phone) -> bool:
    session = phone.app(Ledger).session if phone.here else None
    return session is not None and session.kept


@pytest.mark.parametrize("victim", ["phone", "lobby"])
def test_a_crash_at_any_step_loses_nothing_that_is_kept(victim: str) -> None:
    for step in itertools.count(1, 2):
        with Simulation(seed=step) as world:
            lobby, phone = world.display(Ledger), world.phone(Ledger)
            device = phone if victim == "phone" else lobby
            device.crash(step=step)
            world.run(kept_there_and_back(world, phone, lobby))
            world.check()
            entries = phone.app(Ledger).entries
            phone.crash()
            phone.start()
            world.run(phone.ready())
            world.check()
            assert phone.app(Ledger).entries == entries
            assert entries[:1] == ["zero"]
            if device.crashes == (victim == "phone"):  # only by hand
                break
    assert step > 50


@pytest.mark.parametrize("victim", ["phone", "lobby"])
def test_a_cut_at_any_step_loses_nothing(victim: str) -> None:
    for step in range(1, 100, 3):
        with Simulation(seed=step, faults=Faults(outage=(1.0, 120.0))) as world:
            lobby, phone = world.display(Ledger), world.phone(Ledger)
            (phone if victim == "phone" else lobby).cut(step=step)
            world.run(there_and_back(phone, lobby))
            world.check()
            assert phone.app(Ledger).entries[:1] == ["one"]


# --- what it finds -------------------------------------------------------------


async def cut_off_at_the_commit(
    world: Simulation, phone: Phone, lobby: Display
) -> None:
    """The display has it, and cannot say so for longer than anybody waits."""
    async with asyncio.TaskGroup() as group:
        job = group.create_task(_try(phone.transfer(Ledger("one"), to=lobby)))
        await world.happens("lobby: hears commit")
        phone.cut()
        await job
        phone.resume()


async def _try(job: Awaitable[object]) -> None:
    with contextlib.suppress(MobilityError):
        await job


def test_nobody_runs_it_twice_when_the_commit_is_not_answered() -> None:
    with Simulation() as world:
        lobby, phone = world.display(Ledger), world.phone(Ledger)
        world.run(cut_off_at_the_commit(world, phone, lobby))
        world.check()


def test_two_owners_are_found() -> None:
    with two_owners_planted(), Simulation() as world:
        lobby, phone = world.display(Ledger), world.phone(Ledger)
        world.run(cut_off_at_the_commit(world, phone, lobby))
        with pytest.raises(AssertionError, match="runs on lobby and phone"):
            world.check()


def test_a_session_that_nobody_runs_is_found() -> None:
    with Simulation() as world:
        lobby, phone = world.display(Ledger), world.phone(Ledger)
        world.run(phone.transfer(Ledger(), to=lobby))
        lobby.crash()
        with pytest.raises(AssertionError, match="runs nowhere"):
            world.check()


def test_a_bug_in_a_task_is_found() -> None:
    with Simulation() as world:

        async def scenario() -> None:
            world.loop.call_soon(lambda: [][0])
            await asyncio.sleep(1)

        world.run(scenario())
        with pytest.raises(AssertionError, match="IndexError"):
            world.check()


@pytest.mark.parametrize("name", [n for n in hostile.__all__ if n != "Distortion"])
def test_a_hostile_display_cannot_keep_a_session(name: str) -> None:
    with Simulation() as world:
        lobby = world.display(Ledger, distort=getattr(hostile, name))
        phone = world.phone(Ledger)
        world.run(there_and_back(phone, lobby))
        world.check()
        entries = phone.app(Ledger).entries
        assert entries[:1] == ["one"]
        assert len(entries) == len(set(entries))


# --- rounds --------------------------------------------------------------------


def test_random_rounds_lose_and_double_nothing() -> None:
    bad = [outcome for seed in range(40) if not (outcome := play(seed)).well]
    assert not bad


def test_what_a_display_said_before_it_handed_back_is_not_applied_again() -> None:
    """Its packet was lost, and comes once more after the state that it is in."""
    with Simulation() as world:
        lobby, phone = world.display(Ledger), world.phone(Ledger)

        async def scenario() -> None:
            await phone.transfer(Ledger("one"), to=lobby)
            world.network.faults = Faults(loss=1.0)
            await lobby.do(lobby.app(Ledger).write("two"))
            world.network.faults = Faults()
            async with asyncio.TaskGroup() as group:
                group.create_task(phone.take_back())
                await world.happens("phone: before confirm")
                phone.cut()
                lobby.cut()
                lobby.reconnect()
                await asyncio.sleep(0.01)
                phone.resume()

        world.run(scenario())
        world.check()
        assert phone.app(Ledger).entries == ["one", "two"]


@pytest.mark.parametrize("faults", [Faults(), Faults(loss=0.2), Faults(cut=0.02)])
def test_large_files_go_by_streams_that_are_cut(faults: Faults) -> None:
    document = bytes(range(256)) * 4000

    class Reader(Ledger):
        async def snapshot(self) -> State:
            return State({"entries": self.entries}, {"document": self.document})

        async def restore(self, state: State) -> None:
            await super().restore(state)
            self.document = state.files["document"]

        def __init__(self, *entries: str) -> None:
            super().__init__(*entries)
            self.document = document

    for seed in range(3):
        with Simulation(seed=seed, faults=faults) as world:
            lobby, phone = world.display(Reader), world.phone(Reader)
            world.run(carried(phone, lobby, Reader("one")))
            world.check()
            assert any("piece by" in line for line in world.trace)
            assert phone.app(Reader).document == document


async def carried(phone: Phone, lobby: Display, app: Ledger) -> None:
    while not lobby.here:
        await _try(phone.transfer(app, to=lobby))
        if phone.here:
            app = phone.app(Ledger)
    await phone.take_back()


def test_a_checkpoint_that_comes_while_its_session_is_reclaimed_loses_nothing() -> None:
    class Slow(Ledger):
        async def restore(self, state: State) -> None:
            await asyncio.sleep(2)
            await super().restore(state)

    with Simulation() as world:
        lobby, phone = world.display(Slow), world.phone(Slow)

        async def scenario() -> None:
            await phone.transfer(Slow("one"), to=lobby)
            await phone.do(phone.app(Slow).write("two"))
            await world.happens("lobby: hears headline")
            await phone.reclaim()

        world.run(scenario())
        world.check()
        assert any("hears checkpoint" in line for line in world.trace)
        assert phone.app(Slow).entries == ["one", "two"]
