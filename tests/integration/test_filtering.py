"""A device is brought what its parts listen to, and people's messages stay theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from slixmpp.xmlstream import StanzaBase

from mobility import Client, Way
from mobility.protocol.sift import OFF, Sift
from mobility.xmpp.sifting import MobilitySifting
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.delegated import CLIENT
from tests.integration.people import Running, address, soon
from tests.integration.sifting import Sifted, entered

GAME = "https://example.org/apps/chase"
POSITION, TICKET = f"{{{GAME}}}position", f"{{{GAME}}}ticket"
Account = tuple[str, str]


@pytest.fixture
def account(server: RunningServer) -> Account:
    return server.add()


@asynccontextmanager
async def listening(
    server: Running, account: Account, *names: str, **options: Any
) -> AsyncIterator[tuple[Client, list[Element]]]:
    """A device with parts that listen to these names, and all messages that it gets."""
    jid, password = account
    async with Client(jid, password, **address(server) | options) as device:
        heard: list[Element] = []

        def hear(stanza: StanzaBase) -> StanzaBase:
            if stanza.xml.tag == f"{{{CLIENT}}}message":
                heard.append(stanza.xml)
            return stanza

        device.stream.xmpp.add_filter("in", hear)
        await device._filtering.listen(names)
        yield device, heard


def say(sender: Sifted, to: str, payload: str, kind: str = "chat") -> None:
    sender.say(f"<message to='{to}' type='{kind}'>{payload}</message>")


def bodies(heard: list[Element]) -> list[str]:
    return [found for each in heard if (found := each.findtext(f"{{{CLIENT}}}body"))]


def packets(heard: list[Element]) -> list[str]:
    return [child.tag for each in heard for child in each if GAME in child.tag]


async def settled(device: Client, *people: Sifted) -> None:
    """All that these said has come by now."""
    for person in people:
        await person.is_heard_after()
    jid = device.stream.xmpp.boundjid
    await soon(device.stream.xmpp.plugin["xep_0199"].send_ping(jid))


async def test_our_server_is_seen_to_filter(
    server: RunningServer, account: Account
) -> None:
    async with listening(server, account) as (device, heard):
        now = await device.filtering()
        assert now.way is Way.SERVER
        assert now.names == frozenset()
        assert now.problem == ""
        assert device.stream.priority == -1
        await device._filtering.check()
        assert len(heard) == 1  # the probe, and not the decoy


async def test_a_part_gets_what_it_listens_to_of_what_is_sent_to_the_account(
    server: RunningServer, account: Account
) -> None:
    async with (
        listening(server, account, POSITION) as (device, heard),
        entered(server, server.add(), "game", None) as game,
    ):
        assert (await device.filtering()).names == {POSITION}
        assert device.stream.priority == 0
        for kind in ("headline", "chat", "normal"):
            say(game, account[0], f"<position xmlns='{GAME}'/>", kind)
            say(game, account[0], f"<ticket xmlns='{GAME}'/>", kind)
        await settled(device, game)
        assert packets(heard) == [POSITION] * 3


async def test_what_people_write_waits_for_the_client_that_they_write_to(
    server: RunningServer, account: Account
) -> None:
    async with entered(server, server.add(), "friend") as friend:
        say(friend, account[0], "<body>before</body>")
        await friend.is_heard_after()
        async with listening(server, account, POSITION) as (device, heard):
            assert device.stream.priority == 0
            say(friend, account[0], "<body>meanwhile</body>")
            say(friend, account[0], f"<body>both</body><x xmlns='{GAME}'/>")
            await settled(device, friend)
            await device._filtering.listen(())
            assert device.stream.priority == -1
            say(friend, account[0], "<body>after</body>")
            await settled(device, friend)
            assert bodies(heard) == []
    async with entered(server, account, "chat") as chat:
        await soon(chat.hears(lambda each: bodies([each]) == ["after"]))
        assert bodies(chat.heard) == ["before", "meanwhile", "both", "after"]


async def test_a_client_of_the_user_gets_what_people_write_at_once(
    server: RunningServer, account: Account
) -> None:
    async with (
        entered(server, server.add(), "friend") as friend,
        entered(server, account, "chat", 0) as chat,
        listening(server, account, POSITION) as (device, heard),
    ):
        say(friend, account[0], "<body>hello</body>")
        await settled(device, friend)
        await soon(chat.hears(lambda each: bodies([each]) == ["hello"]))
        assert bodies(heard) == []


async def test_trying_the_filter_leaves_nothing_for_other_clients(
    server: RunningServer, account: Account
) -> None:
    async with listening(server, account, POSITION):
        pass
    async with entered(server, account, "chat") as chat:
        await chat.is_heard_after()
        assert chat.ids("message") == []


async def test_two_devices_get_different_packets(
    server: RunningServer, account: Account
) -> None:
    async with (
        listening(server, account, POSITION) as (map_, on_map),
        listening(server, account, TICKET) as (list_, in_list),
        entered(server, server.add(), "game", None) as game,
    ):
        for name in ("position", "ticket", "position"):
            say(game, account[0], f"<{name} xmlns='{GAME}'/>", "normal")
        await settled(map_, game)
        await settled(list_, game)
        assert packets(on_map) == [POSITION, POSITION]
        assert packets(in_list) == [TICKET]


async def test_other_parts_change_what_a_device_gets(
    server: RunningServer, account: Account
) -> None:
    async with (
        listening(server, account, POSITION) as (device, heard),
        entered(server, server.add(), "game", None) as game,
    ):
        await device._filtering.listen({TICKET})
        say(game, account[0], f"<position xmlns='{GAME}'/>")
        say(game, account[0], f"<ticket xmlns='{GAME}'/>")
        await settled(device, game)
        assert packets(heard) == [TICKET]
        assert (await device.filtering()).names == {TICKET}


async def test_a_server_that_takes_the_rules_and_does_not_apply_them_is_found_out(
    server: RunningServer, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(self: MobilitySifting, sift: Sift) -> None: ...

    monkeypatch.setattr(MobilitySifting, "set", forget)
    async with listening(server, account, POSITION) as (device, _):
        now = await device.filtering()
        assert now.way is Way.RELAY
        assert "says that it filters, and does not" in now.problem
        assert device.stream.priority == -1


async def test_a_filter_that_is_lost_costs_nobody_a_message(
    server: RunningServer, account: Account
) -> None:
    async with (
        listening(server, account, POSITION) as (device, _),
        entered(server, server.add(), "friend") as friend,
    ):
        await device.stream.sifting.set(OFF)
        for text in ("one", "two"):
            say(friend, account[0], f"<body>{text}</body>")
            await settled(device, friend)
        assert device.stream.priority == -1
        assert (await device.filtering()).names == frozenset()
        async with entered(server, account, "chat") as chat:
            await soon(chat.hears(lambda each: bodies([each]) == ["two"]))
            assert sorted(bodies(chat.heard)) == ["one", "two"]


async def test_a_stranger_has_no_device_believe_that_its_filter_is_lost(
    server: RunningServer, account: Account
) -> None:
    """What is beyond our bounds comes without its content, so nothing in it passes."""
    many = " ".join(f"a{n}=''" for n in range(70))
    async with (
        listening(server, account, POSITION) as (device, heard),
        entered(server, server.add(), "stranger", None) as stranger,
    ):
        say(stranger, account[0], f"<position xmlns='{GAME}' {many}/>", "headline")
        await settled(device, stranger)
        assert len(heard[-1]) == 0
        assert (await device.filtering()).names == {POSITION}


async def test_a_filter_holds_over_a_cut_and_is_set_anew_on_a_new_session(
    server: RunningServer, account: Account, hurry: None
) -> None:
    async with Proxy(server.c2s_port) as network:
        cut = {"port": network.port}
        async with (
            listening(server, account, POSITION, **cut) as (device, heard),
            entered(server, server.add(), "friend") as friend,
        ):
            network.cut()
            await soon(device.stream.wait_offline())
            for payload in ("<body>hello</body>", f"<position xmlns='{GAME}'/>"):
                say(friend, account[0], payload)
            await soon(device.stream.wait_online())
            await settled(device, friend)
            assert device.stream.resumed
            assert bodies(heard) == []
            assert packets(heard) == [POSITION]
            assert device.stream.priority == 0
            changed = asyncio.Event()
            device._filtering.changed = changed.set
            device.stream.xmpp.end_session_on_disconnect = True
            network.cut()
            await soon(device.stream.wait_offline())
            await soon(changed.wait())
            assert not device.stream.resumed
            assert (await device.filtering()).names == {POSITION}
            assert device.stream.priority == 0


async def test_a_server_without_a_filter_leaves_the_priority_as_it_is(
    ejabberd: Ejabberd,
) -> None:
    account = ejabberd.add()
    async with (
        listening(ejabberd, account, POSITION) as (device, heard),
        entered(ejabberd, ejabberd.add(), "friend") as friend,
    ):
        now = await device.filtering()
        assert now.way is Way.RELAY
        assert "has no filter" in now.problem
        assert now.names == frozenset()
        assert device.stream.priority == -1
        say(friend, account[0], "<body>hello</body>")
        await settled(device, friend)
        assert bodies(heard) == []
    async with entered(ejabberd, account, "chat") as chat:
        await soon(chat.hears(lambda each: bodies([each]) == ["hello"]))
