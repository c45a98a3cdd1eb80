"""By which way packets of services come to each place of a split session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import pytest

from mobility import Service, Split, Stanza, Way
from mobility.feeding import feed, feeding
from mobility.parts.traffic import written
from mobility.service import serving
from tests.fakes.running import RunningServer
from tests.integration.parted import MOVE, SAY, URI, Game, House
from tests.integration.people import address, soon
from tests.integration.sifting import Sifted, entered
from tests.integration.test_relaying import listens


@pytest.fixture
async def house(server: RunningServer, hurry: None) -> AsyncIterator[House]:
    """Yield a phone, and whatever else its user has."""
    async with AsyncExitStack() as stack:
        house = House(server, stack)
        await house.begin()
        yield house


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((serving, "TICK"), (feed, "AGAIN"), (feeding, "AGAIN")):
        monkeypatch.setattr(module, name, 0.05)


async def ways(split: Split[Game], **wanted: Way | None) -> None:
    """Wait until packets come to the parts by these ways."""

    async def come() -> None:
        async with aclosing(split.watch()) as changes:
            async for places in changes:
                if {part: there[0].way for part, there in places.items()} == wanted:
                    return

    await soon(come())


def say(game: Sifted, to: str, name: str, text: str) -> None:
    payload = f"<{name} xmlns='{URI}'>{text}</{name}>"
    game.say(f"<message to='{to}' type='headline'>{payload}</message>")


async def test_each_place_has_its_own_way_and_the_phone_is_spared(
    house: House, server: RunningServer
) -> None:
    account = server.add()
    async with entered(server, account, "game", None) as game:
        house.game.services = (account[0],)
        laptop, screen = await house.laptop(), await house.display("Lobby")
        own = await house.own("Laptop")
        split = await house.phone.split(house.game, {"chat": own, "map": screen})
        await ways(split, map=Way.RELAY, chat=Way.SERVER, remote=None)
        await listens(laptop, MOVE, SAY)
        assert laptop.stream.priority == 0
        me = house.phone.jid.partition("/")[0]
        for name, text in (("move", "1"), ("say", "2"), ("move", "3")):
            say(game, me, name, text)
        await (await house.on("Laptop")).has("begin", "1", "2", "3")
        await (await house.on("Lobby")).has("begin", "1", "3")
        assert house.game.hub.meter.counted.keys() == {MOVE}
        (place,) = split.places["map"]
        assert place.traffic.stanzas == 2
        await soon(split.retrieve())
        await house.part("chat").has("begin", "1", "2", "3")
        await house.part("map").has("begin", "1", "3")


async def test_a_device_that_cannot_filter_any_more_has_it_from_the_phone(
    house: House, server: RunningServer
) -> None:
    account = server.add()
    async with entered(server, account, "game", None) as game:
        house.game.services = (account[0],)
        laptop = await house.laptop()
        own = await house.own("Laptop")
        split = await house.phone.split(house.game, {"chat": own})
        await ways(split, map=Way.SERVER, chat=Way.SERVER, remote=None)
        await laptop._filtering._give_up("The test says so.")
        laptop._filtering.changed()
        await ways(split, map=Way.SERVER, chat=Way.RELAY, remote=None)
        assert laptop.stream.priority == -1
        say(game, house.phone.jid, "say", "1")
        await (await house.on("Laptop")).has("begin", "1")


async def test_a_service_that_knows_of_parts_needs_neither_server_nor_phone(
    house: House, server: RunningServer
) -> None:
    jid, password = server.add()
    async with Service(f"{jid}/game", password, **address(server)) as game:
        house.game.services = (game.jid,)
        game.admit(house.phone.jid.partition("/")[0])
        laptop, screen = await house.laptop(), await house.display("Lobby")
        own = await house.own("Laptop")
        split = await house.phone.split(house.game, {"chat": own, "map": screen})
        await ways(split, map=Way.SERVICE, chat=Way.SERVICE, remote=None)
        for name in (MOVE, SAY):
            game.broadcast(Stanza(name, text="1"))
        await (await house.on("Laptop")).has("begin", "1", "1")
        await (await house.on("Lobby")).has("begin", "1")
        spared = {
            each.part: each.traffic for each in game.participants(house.phone.jid)
        }
        assert (spared["chat"].stanzas, spared["chat"].spared_stanzas) == (2, 0)
        assert (spared["map"].stanzas, spared["map"].spared_stanzas) == (1, 1)
        assert spared["map"].bytes == written(Stanza(MOVE, text="1"))
        assert house.phone.stream.priority == -1
        assert laptop.stream.priority == -1
