"""The user's devices find one another, and offers wait for those that are away."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest
from slixmpp.exceptions import IqError

from mobility.errors import DirectoryUnavailable
from mobility.protocol.device import describe, own_id
from mobility.protocol.transfer import Offer
from mobility.server import config
from mobility.xmpp import ns
from mobility.xmpp.devices import stanza as device_xml
from mobility.xmpp.devices.stanza import Listing
from mobility.xmpp.offers import Waiting
from mobility.xmpp.offers import stanza as offer_xml
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep import stanza as pep_xml
from mobility.xmpp.pep.stanza import Item
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said
from tests.fakes.running import RunningServer
from tests.integration.people import address, soon

APPS = {"https://mobility.example/apps/presenter": 1}
SEEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
USING_PEP = {"pep", "bookmarks", "vcard4", "vcard_legacy"}
PUBSUB = "http://jabber.org/protocol/pubsub"


@dataclass
class Device:
    """One of somebody's devices, online, and what it was told."""

    stream: Stream
    key: bytes
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def watch(self) -> None:
        self.stream.devices.watch(self.told)
        id = own_id(self.key)
        self.stream.offers.watch(id, self.told)
        self.stream.resources.changed = self.told

    def told(self) -> None:
        async def tell() -> None:
            async with self.news:
                self.news.notify_all()

        self.telling = asyncio.create_task(tell())

    async def until(self, true: Callable[[], Any]) -> None:
        async with self.news:
            await soon(self.news.wait_for(true))

    async def until_listed(self, *names: str) -> None:
        """Wait for news until the list has exactly these devices."""
        async with self.news:
            while await self.names() != sorted(names):
                await soon(self.news.wait())

    async def until_waiting(self, *offers: Waiting) -> None:
        """Wait for news until exactly these offers wait."""
        async with self.news:
            while await self.stream.offers.waiting() != list(offers):
                await soon(self.news.wait())

    async def names(self) -> list[str]:
        return sorted(each.device.name for each in await self.stream.devices.devices())

    def describe(self, name: str) -> Listing:
        described = describe(self.key, name=name, kind="pc", apps=APPS)
        return Listing(described, self.stream.jid, SEEN)

    async def publish(self, name: str) -> Listing:
        described = self.describe(name)
        await self.stream.devices.look()
        await self.stream.devices.publish(described)
        return described

    async def put(self, node: str, id: str, payload: Element) -> None:
        """What a hostile device puts there: anything."""
        await MobilityPep.of(self.stream.xmpp).publish(node, Item(id, payload))


@contextlib.asynccontextmanager
async def online(
    server: RunningServer, account: tuple[str, str], key: bytes
) -> AsyncIterator[Device]:
    device = Device(Stream(*account, **address(server)), key)
    device.watch()
    async with device.stream:
        yield device


@pytest.fixture
def account(server: RunningServer) -> tuple[str, str]:
    return server.add()


@pytest.fixture
async def own(
    server: RunningServer, account: tuple[str, str]
) -> AsyncIterator[list[Device]]:
    """Yield two devices of one account."""
    async with online(server, account, b"1" * 32) as phone:
        async with online(server, account, b"2" * 32) as laptop:
            yield [phone, laptop]


def keys() -> Iterator[bytes]:
    return (bytes([n]) * 32 for n in itertools.count(1))


def changed(listing: Listing, **changes: Any) -> Element:
    """What another device makes of it."""
    device = replace(listing.device, **changes)
    return device_xml.to_xml(replace(listing, device=device))


def offer(to: Listing, sid: str = "sid-1", **changes: Any) -> Waiting:
    said = Said(sid, Offer("session-1", "urn:app", size=85, sealed=b"sealed"))
    return replace(Waiting(said, "p" * 22, to.device.id, b"k" * 32, LATER), **changes)


async def test_two_devices_find_each_other_and_are_told_of_changes(
    own: list[Device],
) -> None:
    phone, laptop = own
    one = await phone.publish("Phone")
    await laptop.until_listed("Phone")
    other = await laptop.publish("Laptop")
    await phone.until_listed("Laptop", "Phone")
    assert await laptop.stream.devices.devices() == [one, other]
    await laptop.publish("Old laptop")
    await phone.until_listed("Old laptop", "Phone")  # it is the same one
    await phone.stream.devices.remove(other.device.id)
    await laptop.until_listed("Phone")


async def test_presence_tells_which_of_five_devices_are_online(
    server: RunningServer,
) -> None:
    account = server.add()
    async with contextlib.AsyncExitStack() as stack:
        five = [
            await stack.enter_async_context(online(server, account, key))
            for key in itertools.islice(keys(), 5)
        ]
        there = five[0].stream.resources.resources
        others = {device.stream.jid for device in five[1:]}
        await five[0].until(lambda: there.keys() == others)
        await five[3].stream.close()
        others.remove(five[3].stream.jid)
        await five[0].until(lambda: there.keys() == others)


async def test_a_device_that_is_away_finds_what_waits_for_it(
    server: RunningServer, account: tuple[str, str], own: list[Device]
) -> None:
    phone, laptop = own
    target = await laptop.publish("Laptop")
    await laptop.stream.close()
    left = offer(target)
    await phone.stream.offers.leave(left, present=())
    async with online(server, account, laptop.key) as back:
        assert await back.stream.offers.waiting() == [left]


async def test_a_device_that_is_online_hears_at_once_and_also_of_the_end(
    own: list[Device],
) -> None:
    phone, laptop = own
    left = offer(await laptop.publish("Laptop"))
    await phone.stream.offers.leave(left, present=())
    await laptop.until_waiting(left)
    await phone.stream.offers.retract(left.sid)
    await laptop.until_waiting()
    await phone.stream.offers.retract(left.sid)  # again, which is no error


async def test_what_waits_is_still_there_after_a_restart_of_the_server(
    own_server: RunningServer,
) -> None:
    account = own_server.add()
    async with online(own_server, account, b"1" * 32) as phone:
        described = await phone.publish("Phone")
        await phone.stream.offers.leave(offer(described), present=())
        for end in (own_server.restart, own_server.kill):
            await end()
        await own_server.restart()
    async with online(own_server, account, b"2" * 32) as laptop:
        assert await laptop.stream.devices.devices() == [described]
        assert await laptop.stream.offers.waiting() == [offer(described)]


async def test_nobody_else_can_read_or_change_or_hear_of_them(
    server: RunningServer, own: list[Device]
) -> None:
    phone, laptop = own
    described = await phone.publish("Phone")
    left = offer(described)
    async with online(server, server.add(), b"3" * 32) as stranger:
        await phone.stream.offers.leave(left, present=())
        await laptop.until_waiting(left)
        bare = phone.stream.xmpp.boundjid.bare
        item = Item(described.device.id, device_xml.to_xml(described))
        for node in (ns.DEVICES, ns.OFFERS):
            for kind, request in (
                ("get", pep_xml.fetch(node)),
                ("set", pep_xml.publish_to_existing(node, item)),
                ("set", pep_xml.retract(node, described.device.id)),
                ("set", pep_xml.configure(node)),
            ):
                iq: Any = stranger.stream.xmpp.make_iq(ito=bare)
                iq["type"] = kind
                iq.xml.append(request)
                with pytest.raises(IqError, match=r"forbidden|not-allowed"):
                    await iq.send()
        assert await stranger.names() == []
        assert await stranger.stream.offers.waiting() == []
    assert await laptop.stream.devices.devices() == [described]
    assert await laptop.stream.offers.waiting() == [left]


async def test_only_the_accounts_own_server_can_tell_of_changes(
    server: RunningServer, own: list[Device]
) -> None:
    phone, laptop = own
    told: list[str] = []
    async with online(server, server.add(), b"3" * 32) as stranger:
        described = await laptop.publish("Laptop")
        await phone.until_listed("Laptop")
        await phone.stream.offers.leave(offer(described), present=())
        await laptop.until_waiting(offer(described))
        MobilityPep.of(phone.stream.xmpp)._watched = {
            ns.OFFERS: lambda _: told.append(ns.OFFERS)
        }
        for sender in (stranger, laptop):
            xmpp = sender.stream.xmpp
            message = xmpp.make_message(phone.stream.jid, mtype="headline")
            event = SubElement(message.xml, pep_xml.EVENT)
            SubElement(event, f"{{{PUBSUB}#event}}items", node=ns.OFFERS)
            message.send()
            ping: Any = xmpp.plugin["xep_0199"]
            await ping.send_ping(phone.stream.jid)
    assert told == []


async def test_a_node_that_was_made_readable_by_others_is_private_again(
    server: RunningServer, own: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, laptop = own
    open_to_all = pep_xml.OPTIONS | {"pubsub#access_model": "open"}
    with monkeypatch.context() as careless:
        careless.setattr(pep_xml, "OPTIONS", open_to_all)
        await laptop.publish("Laptop")
    await phone.publish("Phone")
    async with online(server, server.add(), b"3" * 32) as stranger:
        iq = stranger.stream.xmpp.make_iq_get(ito=phone.stream.xmpp.boundjid.bare)
        iq.xml.append(pep_xml.fetch(ns.DEVICES))
        with pytest.raises(IqError, match=r"forbidden|not-allowed"):
            await iq.send()
    assert await phone.names() == ["Laptop", "Phone"]


async def test_what_a_hostile_device_puts_there_is_left_out(own: list[Device]) -> None:
    phone, hostile = own
    described = await phone.publish("Phone")
    evil = changed(described, name="Evil")
    good = device_xml.to_xml(hostile.describe("Hostile"))
    await hostile.put(ns.DEVICES, "changed", evil)
    await hostile.put(ns.DEVICES, "another-name", good)
    await hostile.put(ns.DEVICES, "nonsense", Element("{urn:evil}device"))
    await hostile.put(ns.DEVICES, "empty", Element(device_xml.ELEMENT))
    assert await phone.stream.devices.devices() == [described]
    waits = offer_xml.to_xml(offer(described))
    await hostile.put(ns.OFFERS, "another-sid", waits)
    await hostile.put(ns.OFFERS, "nonsense", Element("{urn:evil}offer"))
    await hostile.put(ns.OFFERS, "empty", Element(offer_xml.ELEMENT))
    await hostile.stream.offers.leave(offer(described), present=())
    await phone.until_waiting(offer(described))


async def test_a_description_that_was_overwritten_is_not_believed_and_comes_back(
    own: list[Device],
) -> None:
    phone, hostile = own
    described = await phone.publish("Phone")
    forged = changed(described, agreement=hostile.describe("x").device.agreement)
    await hostile.put(ns.DEVICES, described.device.id, forged)
    assert await phone.stream.devices.devices() == []
    await phone.publish("Phone")
    assert await phone.stream.devices.devices() == [described]


async def test_a_full_list_refuses_the_next_and_forgets_nothing(
    own: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, laptop = own
    described = await phone.publish("Phone")
    for plugin in ("devices", "offers"):
        monkeypatch.setattr(f"mobility.xmpp.{plugin}.plugin.LARGEST", 1)
    with pytest.raises(DirectoryUnavailable, match="You have 1 devices"):
        await laptop.publish("Laptop")
    await phone.publish("Phone")  # that is no other one
    lasts = datetime.now(UTC) + timedelta(days=1)
    waiting = offer(described, expires=lasts)
    await phone.stream.offers.leave(waiting, present=())
    present = await laptop.stream.offers.present(1)
    with pytest.raises(DirectoryUnavailable, match="1 offers to your devices"):
        await laptop.stream.offers.leave(offer(described, "sid-2"), present=present)
    assert await laptop.names() == ["Phone"]


async def test_a_server_that_keeps_less_than_we_need_says_so(
    own: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    too_many = pep_xml.OPTIONS | {"pubsub#max_items": "257"}  # one more than Prosody's
    monkeypatch.setattr(pep_xml, "OPTIONS", too_many)
    with pytest.raises(DirectoryUnavailable, match="does not keep that much"):
        await own[0].publish("Phone")


async def test_an_offer_expires_by_a_generous_clock() -> None:
    to = describe(b"1" * 32, name="a", kind="pc", apps={})
    left = offer(Listing(to, "a@b/c", SEEN))
    assert not left.expired(LATER + timedelta(minutes=59))
    assert left.expired(LATER + timedelta(minutes=61))


async def test_a_server_without_such_lists_is_told_apart_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = [name for name in config.MODULES if name not in USING_PEP]
    monkeypatch.setattr(config, "MODULES", without)
    with RunningServer(tmp_path_factory.mktemp("server")) as server:
        async with online(server, server.add(), b"1" * 32) as phone:
            for attempt in (
                lambda: phone.publish("Phone"),
                phone.names,
                lambda: phone.stream.devices.remove("x"),
                phone.stream.offers.waiting,
            ):
                with pytest.raises(DirectoryUnavailable, match="does not keep lists"):
                    await attempt()
