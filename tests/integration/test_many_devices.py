"""Accounts with one, five and fifty devices: what each sees, and what it costs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from mobility import Asked, Client, Device, Session, TransferAborted
from mobility.protocol.asking import Ask
from mobility.xmpp import ns
from mobility.xmpp.stream import Stream
from tests.fakes.crowd import Crowd
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Running, address, soon
from tests.integration.test_asking import gone
from tests.integration.test_devices_live import Watching, noting, watching

FEW = 12  # stanzas that a device says and hears, however many others there are
PUBSUB = "{http://jabber.org/protocol/pubsub}pubsub"


@pytest.fixture(scope="module", params=[RunningServer, Ejabberd])
def brief(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Yield a server that waits for a second for who is cut off."""
    folder = tmp_path_factory.mktemp("server")
    with request.param(folder, hibernation=1) as running:
        yield running


def names(count: int) -> list[str]:
    return [f"Device-{n:02}" for n in range(count)]


def there(devices: list[Device]) -> set[str]:
    return {each.name for each in devices if each.online and not each.this}


class History:
    """All lists that a device was given."""

    def __init__(self, watch: Watching) -> None:
        self._watch = watch
        self.lists: list[list[Device]] = []

    async def until(self, online: set[str]) -> None:
        """These others are there, and nobody else."""

        def known(now: list[Device]) -> bool:
            self.lists.append(now)
            return there(now) == online

        await self._watch.until(known)

    def taken(self) -> list[set[str]]:
        """Who was there, one list after the other."""
        for now in self.lists:
            order = [(not d.this, not d.online, d.name) for d in now]
            assert order == sorted(order)
            assert all(dict(d.apps) == {Board.uri: Board.schema} for d in now)
            assert len({d.id for d in now}) == len(now)
        seen = [there(now) for now in self.lists]
        self.lists.clear()
        return seen


@pytest.fixture
async def growing(brief: Running, hurry: None) -> AsyncIterator[Growing]:
    account = brief.add()
    device = Client(*account, device="This", apps=[Board], **address(brief))
    with Crowd(brief, account, Board) as crowd:
        async with watching(device) as watch:
            history = History(watch)
            await history.until(set())
            yield Growing(crowd, watch, history)


@dataclass
class Growing:
    """An account to whose devices others are added, and one that watches."""

    crowd: Crowd
    watch: Watching
    history: History

    async def come(self, new: list[str]) -> None:
        """Until they are listed, one after the other; half of them have to be asked."""
        before = there(self.watch.now)
        await self.crowd.does(come=new, listed=new[::2])
        await self.history.until(before | {*new})
        seen = self.history.taken()
        assert all(one <= two for one, two in pairwise(seen))
        await self.watch.device.devices()  # all that was on its way has come
        asked = self.watch.asked
        assert asked <= len(new)
        assert len(self.watch.said) <= asked + FEW
        assert len(self.watch.heard) <= 2 * len(new) + asked + FEW
        self.forget()

    async def vanish(self, *gone: str) -> None:
        """Until they are not there for anybody; the server says so, and nobody asks."""
        await self.history.until(there(self.watch.now) - {*gone})
        seen = self.history.taken()
        assert all(one >= two for one, two in pairwise(seen))
        assert all(d.online or d.seen for d in self.watch.now)
        assert len(self.watch.heard) == len(gone)
        assert self.watch.said == []
        self.forget()

    def forget(self) -> None:
        self.watch.heard.clear()
        self.watch.said.clear()


async def test_one_five_and_fifty_that_come_and_vanish_are_listed_and_not_polled(
    growing: Growing,
) -> None:
    new = iter(names(60))
    for count in (1, 5, 50):
        online = len(there(growing.watch.now))
        await growing.come([next(new) for _ in range(count - online)])
        await asyncio.sleep(0.2)  # it is the quiet that is looked at
        assert growing.watch.heard + growing.watch.said == []
        *_, left = there(growing.watch.now)
        await growing.crowd.does(leave=[left])
        await growing.vanish(left)
        for cut in sorted(there(growing.watch.now))[:1]:
            await growing.crowd.does(cut=[cut])
            await growing.vanish(cut)
    rest = there(growing.watch.now)
    assert len(rest) == 48
    growing.crowd.kill()
    await growing.vanish(*rest)


async def test_devices_that_come_at_the_same_first_moment_are_all_on_the_list(
    brief: Running, hurry: None
) -> None:
    account, everybody = brief.add(), names(8)
    devices = [
        Client(*account, device=name, apps=[Board], **address(brief))
        for name in everybody
    ]
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.gather(*map(stack.enter_async_context, devices))
        found = await devices[0].stream.devices.devices()
        assert {each.device.name for each in found} == {*everybody}


# --- sessions of fifty devices ------------------------------------------------------


@dataclass
class Fifty:
    """An account with fifty devices, each of which runs a session."""

    server: Running
    account: tuple[str, str]
    crowd: Crowd
    given: list[Asked] = field(default_factory=list)

    def device(self, name: str) -> Client:
        options: Any = address(self.server) | {"apps": [Board], "on_ask": self._give}
        return Client(*self.account, device=name, **options)

    async def _give(self, asked: Asked) -> bool:
        self.given.append(asked)
        return True

    @contextlib.asynccontextmanager
    async def devices(self, *names: str) -> AsyncIterator[list[Counted]]:
        async with contextlib.AsyncExitStack() as stack:
            devices = [self.device(name) for name in names]
            for each in devices:
                await stack.enter_async_context(each)
            for each in devices:
                await each.devices()
            yield [Counted(each) for each in devices]


class Counted:
    """A device, and what it says from now on."""

    def __init__(self, device: Client) -> None:
        self.device = device
        self.said: list[Element] = []
        device.stream.xmpp.add_filter("out_sync", noting(self.said))

    def asked(self, action: str, node: str) -> int:
        """How often it did so with a node of the account."""
        path = f"{PUBSUB}/*[@node='{node}']"
        found = (each for iq in self.said for each in iq.findall(path))
        return sum(each.tag.endswith(f"}}{action}") for each in found)


@pytest.fixture(scope="module")
def fifty(brief: Running) -> Iterator[Fifty]:
    account = brief.add()
    with Crowd(brief, account, Board) as crowd:
        crowd.obey(come=names(50), listed=names(50)[::5])
        crowd.obey(run=names(50))
        yield Fifty(brief, account, crowd)


async def test_fifty_sessions_are_listed_and_news_of_one_costs_one_message(
    fifty: Fifty, hurry: None
) -> None:
    async with fifty.devices("Phone", "Laptop") as (phone, laptop):
        async with contextlib.aclosing(phone.device.watch_sessions()) as lists:
            now = await anext(lists)
            owners = {each.owner_name: each for each in now}
            assert {*owners} == {*names(50)}
            assert all(each.online and not each.here for each in now)
            assert {each.owner for each in now} == {*fifty.crowd.ids.values()}
            assert len(await laptop.device.sessions()) == 50
            for each in (phone, laptop):
                each.said.clear()
            board = Board()
            await laptop.device.list_session(board, title="A board")
            while "A board" not in {each.title for each in now}:
                now = await soon(anext(lists))
            assert len(now) == 51
            laptop.device.unlist_session(board)
            while len(now) > 50:
                now = await soon(anext(lists))
            for each in (phone, laptop):
                assert each.asked("items", ns.SESSIONS) == 0  # all is in the message
                assert len(each.said) <= FEW


async def test_of_fifty_that_are_offered_what_a_program_asked_for_the_first_has_it(
    fifty: Fifty, hurry: None
) -> None:
    async with fifty.devices("Phone", "Laptop", "Tablet") as (phone, laptop, tablet):
        board = Board(strokes=("first",))
        here = await phone.device.list_session(board, title="A board")
        to = [d.id for d in await phone.device.devices() if d.takes and d.online]
        assert len(to) == 52
        both = asyncio.Barrier(2)

        async def take(device: Client) -> Any:
            async with contextlib.aclosing(device.offers()) as offers:
                offer = await anext(offers)
            await both.wait()
            return await offer.accept()

        taking = [asyncio.create_task(take(d.device)) for d in (laptop, tablet)]
        jid, password = fifty.account
        async with Stream(jid, password, **address(fifty.server)) as program:
            wish = Ask(here.id, "", tuple(to))
            await program.asking.ask(phone.device.jid, wish)
        async with asyncio.timeout(30):  # until Prosody has written fifty offers
            ends = await asyncio.gather(*taking, return_exceptions=True)
            assert not await fifty.given.pop().over()
        (session,) = [end for end in ends if isinstance(end, Session)]
        (told,) = [end for end in ends if isinstance(end, TransferAborted)]
        assert isinstance(session.app, Board)
        assert session.app.strokes == ["first"]
        assert "faster" in str(told) or "not offered" in str(told)
        await gone(here)
        assert not board.running
        assert not await phone.device.stream.offers.waiting()

        assert phone.asked("publish", ns.OFFERS) <= len(to) + 1
        assert len(phone.said) <= 4 * len(to) + FEW
        for each in (laptop, tablet):  # once for what comes, once for what goes
            assert each.asked("items", ns.OFFERS) <= 3
            # once more, if something came while it looked for the first time
            assert each.asked("items", ns.SESSIONS) <= 1
            # some of it is asked again where a server is slow
            assert len(each.said) <= 2 * FEW
