"""A stream dies while a part is on its way, and is not resumed: nobody waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client
from mobility.protocol import transfer as proto
from mobility.transfer import timing
from mobility.xmpp.transfer.stanza import Said
from tests.fakes.running import RunningServer
from tests.integration.parted import House, house, moved
from tests.integration.people import forget, soon


@pytest.fixture
async def home(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    monkeypatch.setattr(timing, "TRY", 60.0)
    async with house(server, data=tmp_path / "phone") as made:
        yield made


def cut_at(word: type[Any], hearer: Client, struck: Client) -> None:
    """Once, as one of them hears that: what is said to it is lost, and the answer."""
    receive = hearer.stream.transfers.receive

    async def heard(peer: str, said: Said) -> Said | None:
        answer = await receive(peer, said)
        if isinstance(said.event, word):
            hearer.stream.transfers.receive = receive
            forget(struck.stream)
            struck.stream.xmpp.abort()
        return answer

    hearer.stream.transfers.receive = heard


@pytest.mark.parametrize("who", ["phone", "laptop"])
@pytest.mark.parametrize(
    "word", [proto.Request, proto.Accept, proto.Ready, proto.Confirm]
)
async def test_a_part_comes_home_over_a_cut_at_each_word(
    home: House, word: type[Any], who: str
) -> None:
    laptop = await home.laptop()
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    await (await home.on("Laptop")).send(moved("north"))
    cut_at(word, laptop, laptop if who == "laptop" else home.phone)
    await soon(split.bring("map"))
    await home.part("map").has("begin", "north")


@pytest.mark.parametrize("who", ["phone", "laptop"])
@pytest.mark.parametrize("word", [proto.Offer, proto.Data, proto.Commit])
async def test_a_part_comes_home_over_a_cut_at_each_word_of_its_device(
    home: House, word: type[Any], who: str
) -> None:
    laptop = await home.laptop()
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    await (await home.on("Laptop")).send(moved("north"))
    cut_at(word, home.phone, laptop if who == "laptop" else home.phone)
    await soon(split.bring("map"))
    await home.part("map").has("begin", "north")


@pytest.mark.parametrize("who", ["phone", "laptop"])
@pytest.mark.parametrize(
    "word", [proto.Accept, proto.Data, proto.Ready, proto.Commit, proto.Confirm]
)
async def test_a_part_goes_to_a_device_over_a_cut_at_each_word(
    home: House, word: type[Any], who: str
) -> None:
    laptop = await home.laptop()
    own = await home.own("Laptop")
    hearer = laptop if word in {proto.Data, proto.Commit} else home.phone
    cut_at(word, hearer, laptop if who == "laptop" else home.phone)
    await soon(home.phone.split(home.game, {"map": own}))
    await home.part("remote").send(moved("north"))
    await (await home.on("Laptop")).has("begin", "north")
