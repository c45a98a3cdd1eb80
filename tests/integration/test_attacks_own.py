"""Attacks among the user's own devices, by who was logged in as their user once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID

from mobility import Client
from mobility.dispatch import bare
from mobility.errors import DirectoryUnavailable, MobilityError, PeerUnreachable
from mobility.own.acquaintances import Acquaintances
from mobility.own.arrivals import News
from mobility.own.codes import Codes
from mobility.own.directory import Directory
from mobility.protocol.asking import Ask
from mobility.protocol.code import prove
from mobility.protocol.device import describe
from mobility.protocol.directory import Entry
from mobility.xmpp import ns
from mobility.xmpp.codes.stanza import Scanned
from mobility.xmpp.devices.stanza import Listing
from mobility.xmpp.directory import stanza as directory_xml
from mobility.xmpp.offers import stanza as offer_xml
from mobility.xmpp.parser import LARGEST
from mobility.xmpp.pep import stanza as pep_xml
from mobility.xmpp.resources import MobilityResources
from mobility.xmpp.resources import stanza as resource_xml
from mobility.xmpp.stream import Stream
from tests.fakes.attacks import Attack, Attacks
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address, soon
from tests.integration.test_devices import PUBSUB, Device, offer, online
from tests.integration.test_own_devices import Person

attacks: Attacks[[RunningServer]] = Attacks()
OTHER = "o" * 22
FEW = 6  # items of a list, here
LAST = datetime(9999, 12, 31, tzinfo=UTC)


@contextlib.asynccontextmanager
async def two(server: RunningServer) -> AsyncIterator[tuple[Device, Device]]:
    """The user's phone, and a device of theirs that is in other hands."""
    account = server.add()
    async with online(server, account, b"1" * 32) as phone:
        async with online(server, account, b"2" * 32) as stolen:
            yield phone, stolen


def large(size: int) -> Element:
    element = Element("{urn:evil}large")
    element.text = "x" * size
    return element


# --- lists that are filled --------------------------------------------------------


async def filled(server: RunningServer, *ids: str, size: int) -> bool:
    """Whether the phone loses its connection, or its list, for what is put there."""
    async with two(server) as (phone, stolen):
        there = await phone.publish("Phone")
        for id in ids:
            await stolen.put(ns.DEVICES, id, large(size))
        await stolen.stream.close()
        broken: list[Any] = []
        phone.stream.xmpp.add_event_handler("rule_broken", broken.append)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mobility.xmpp.requests.plugin.SECONDS", 1.0)
            try:
                found = await phone.stream.devices.devices()
            except PeerUnreachable:
                return bool(broken)
        return found != [there]


@attacks.stopped_by({"mobility.xmpp.parser._WITHOUT_END": 2 * LARGEST})
async def a_list_is_filled_until_each_login_ends_with_it(server: RunningServer) -> bool:
    return await filled(server, "a", "b", "c", "d", size=200_000)


def as_it_comes(iq: Element) -> Any:
    path = "/".join(f"{{{pep_xml._PUBSUB}}}{each}" for each in ("pubsub", "items"))
    items = iq.findall(f"{path}/{{{pep_xml._PUBSUB}}}item")
    return [pep_xml.Item(item.get("id", ""), item[0]) for item in items]


@attacks.stopped_by({"mobility.xmpp.pep.stanza.found": as_it_comes})
async def a_list_is_filled_until_it_seems_empty(server: RunningServer) -> bool:
    """So that devices forget one another, and who was compared."""
    return await filled(server, "a", "b", size=150_000)


async def nothing(*_: Any) -> set[str]:
    """What stands in the place of who makes room."""
    return set()


@pytest.fixture(autouse=True)
def small(hurry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have lists that are soon full."""
    for module in ("own.announcing", "xmpp.directory.plugin", "xmpp.offers.plugin"):
        monkeypatch.setattr(f"mobility.{module}.LARGEST", FEW)
    monkeypatch.setattr("mobility.own.acquaintances.MOST_PASSING", FEW // 2)


@attacks.stopped_by({"mobility.xmpp.offers.plugin.MobilityOffers._swept": nothing})
async def offers_of_nobody_leave_no_room_for_others(server: RunningServer) -> bool:
    """Damaged ones, and some of a device that there is not, to be there for years."""
    async with two(server) as (phone, stolen):
        to = await phone.publish("Phone")
        for n in range(FEW // 2):
            forged = offer(to, f"sid-{n}", expires=LAST)
            await stolen.put(ns.OFFERS, f"sid-{n}", offer_xml.to_xml(forged))
            await stolen.put(ns.OFFERS, f"no-{n}", large(1))
        known = {to.device.id}.__contains__
        ours = offer(to, "ours", initiator=to.device.id)
        try:
            present = await phone.stream.offers.present(1, known=known)
            await phone.stream.offers.leave(ours, present=present)
        except DirectoryUnavailable:
            return True
        return await phone.stream.offers.waiting() != [ours]


@attacks.stopped_by({"mobility.own.announcing.Announcing._sweep": nothing})
async def sessions_of_nobody_leave_no_room_for_others(server: RunningServer) -> bool:
    person = Person(server)
    async with online(server, person._account, b"2" * 32) as stolen:
        for n in range(FEW // 2):
            forged = Entry(f"s{n}", "urn:a", 1, 9, "o" * 22, "Old", "Old", 0.0)
            await stolen.put(ns.SESSIONS, f"s{n}", directory_xml.to_item(forged))
            await stolen.put(ns.SESSIONS, f"no-{n}", large(1))
        async with person.device("Phone") as phone:
            session = await phone.list_session(Board())
            await phone._announcing._write()
            found = await stolen.stream.directory.entries()
            return session.id not in found.entries


# --- strangers ---------------------------------------------------------------------


@contextlib.asynccontextmanager
async def strange(server: RunningServer) -> AsyncIterator[tuple[Client, Stream]]:
    """A phone, and somebody of another account who knows where it is."""
    async with Person(server).device("Phone") as phone:
        async with Stream(*server.add(), **address(server)) as stranger:
            yield phone, stranger


async def heard(phone: Client, sender: Stream) -> None:
    """Wait until the phone has heard what was sent."""
    ping: Any = sender.xmpp.plugin["xep_0199"]
    await ping.send_ping(phone.jid, timeout=9)


@attacks.stopped_by({"mobility.xmpp.parser._WITHOUT_END": 2 * LARGEST})
async def a_stanza_grows_on_its_way_until_a_device_is_off_line(
    server: RunningServer,
) -> bool:
    """Of each quotation mark servers make six bytes."""
    async with strange(server) as (phone, stranger):
        body = "'" * 250_000
        stranger.xmpp.send_raw(
            f"<message to='{phone.jid}'><body>{body}</body></message>"
        )
        try:
            await heard(phone, stranger)
        except IqError:
            return True
        return False


@attacks.stopped_by({"mobility.own.arrivals.bare": lambda jid: "anybody"})
async def a_stranger_puts_an_offer_into_a_device(server: RunningServer) -> bool:
    async with strange(server) as (phone, stranger):
        assert phone._own is not None
        to = Listing(phone._own.us, phone.jid, LAST)
        await stranger.offers.put(phone.jid, offer(to))
        return bool(phone._arrivals._given)


def anybodys(self: Codes, peer: str) -> None:
    pass


@attacks.stopped_by({"mobility.own.codes.Codes._check_own": anybodys})
async def a_stranger_has_a_photo_of_a_code(server: RunningServer) -> bool:
    async with strange(server) as (phone, stranger):
        proof = prove(phone.codes.device().token, "", OTHER)
        await stranger.codes.ask(phone.jid, Scanned(OTHER, proof))
        return phone.codes.expects(OTHER)


@attacks.stopped_by({"mobility.own.asking.bare": lambda jid: "anybody"})
async def a_stranger_asks_for_a_session_of_which_they_know(
    server: RunningServer,
) -> bool:
    """They learn nothing from the answer either: whether there is such a session."""
    async with strange(server) as (phone, stranger):
        session = await phone.list_session(Board())
        said = []
        for id in (session.id, "no-such"):
            try:
                await stranger.asking.ask(phone.jid, Ask(id, "", (OTHER,)))
            except MobilityError as exc:
                said.append(str(exc))
        return said[0] != said[1]


EVENT = (
    "<event xmlns='{pubsub}#event'><items node='{node}'><retract id='x'/></items>"
    "</event>"
)
FORGED = {
    "an event": "<message to='{to}' type='headline'>{event}</message>",
    "an event of the account": (
        "<message to='{to}' from='{bare}' type='headline'>{event}</message>"
    ),
    "a carbon": (
        "<message to='{to}'><received xmlns='urn:xmpp:carbons:2'><forwarded "
        "xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{bare}' "
        "to='{to}'>{event}</message></forwarded></received></message>"
    ),
    "an archived message": (
        "<message to='{to}'><result xmlns='urn:xmpp:mam:2' id='1'><forwarded "
        "xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{bare}' "
        "to='{to}'>{event}</message></forwarded></result></message>"
    ),
    "presence": "<presence to='{to}'/>",
    "that a device went": "<presence to='{to}' type='unavailable'/>",
    "a wish to be a contact": "<presence to='{bare}' type='subscribe'/>",
}


@pytest.mark.parametrize("name", FORGED)
async def test_what_a_stranger_says_of_ones_devices_changes_nothing(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    told: list[object] = []
    monkeypatch.setattr(Acquaintances, "_tell", lambda self: told.append(self))
    monkeypatch.setattr(Directory, "changed", lambda self: told.append(self))
    monkeypatch.setattr(News, "set", lambda self: told.append(self))
    async with strange(server) as (phone, stranger):
        before = await phone.devices()
        told.clear()
        for node in (ns.DEVICES, ns.LABELS, ns.SESSIONS, ns.OFFERS):
            event = EVENT.format(pubsub=PUBSUB, node=node)
            names = {"to": phone.jid, "bare": bare(phone.jid), "event": event}
            # A sender that is not theirs, their server puts right or refuses.
            stranger.xmpp.send_raw(FORGED[name].format(**names))
        with contextlib.suppress(IqError, IqTimeout):
            await heard(phone, stranger)
        assert not told
        assert await phone.devices() == before


# --- what a device is --------------------------------------------------------------


async def where(phone: Client, id: str) -> str:
    """Where a device is logged in; empty if it is not."""
    return next((d.jid for d in await phone.devices() if d.id == id and d.online), "")


def one_each(_: object) -> Any:
    return defaultdict(lambda: 1)


@attacks.stopped_by({"mobility.own.acquaintances.Counter": one_each})
async def a_listed_device_claims_the_presence_of_another(server: RunningServer) -> bool:
    """So that the other is not there for anybody, even when it is."""
    person = Person(server)
    async with person.device("Laptop") as laptop:
        await laptop.devices()
        id, ver = laptop.codes.key, await laptop.stream.resources.ver()
        async with online(server, person._account, b"2" * 32) as stolen:
            await stolen.stream.devices.look()
            listing = replace(stolen.describe("Tablet"), ver=ver)
            await stolen.stream.devices.publish(listing)
        async with person.device("Phone") as phone:
            return await where(phone, id) != laptop.jid


def nowhere(*_: object) -> bool:
    return False


@attacks.stopped_by({"mobility.own.acquaintances.Acquaintances._is_listed_at": nowhere})
async def a_resource_says_of_itself_what_another_says(server: RunningServer) -> bool:
    """The words are signed, but that it is the one who may say them is not."""
    person = Person(server)
    async with person.device("Laptop") as laptop, person.device("Phone") as phone:
        await laptop.devices()
        copied = Stream(*person._account, **address(server))
        assert laptop._own is not None
        copied.resources.describe(laptop._own.us)
        async with copied:
            async with contextlib.aclosing(phone.watch_devices()) as lists:
                async for _ in lists:
                    if copied.jid in phone.stream.resources.resources:
                        break
            return await where(phone, laptop.codes.key) != laptop.jid


def of_the_account(self: MobilityResources, asker: Any) -> bool:
    return JID(asker).bare == self.xmpp.boundjid.bare


@attacks.stopped_by(
    {"mobility.xmpp.resources.plugin.MobilityResources._is_own": of_the_account}
)
async def a_screen_that_was_let_in_asks_what_a_device_is(server: RunningServer) -> bool:
    person = Person(server)
    async with person.device("Phone") as phone:
        screen = Stream(*person._account, priority=None, **address(server))
        async with screen:
            disco: Any = screen.xmpp.plugin["xep_0030"]
            return "Phone" in str(await disco.get_info(phone.jid))


def kept(_: Acquaintances) -> None:
    """All that were ever seen."""


@attacks.stopped_by({"mobility.own.acquaintances.Acquaintances._forget_many": kept})
async def a_login_is_a_new_device_again_and_again(server: RunningServer) -> bool:
    """In the journals of all others they stay, when the login has long been ended."""
    person = Person(server)
    async with person.device("Phone") as phone:
        for number in range(FEW):
            ghost = Stream(*person._account, **address(server))
            key = bytes([number + 1]) * 32
            ghost.resources.describe(describe(key, name="Ghost", kind="pc", apps={}))
            async with ghost, contextlib.aclosing(phone.watch_devices()) as lists:
                async for devices in lists:
                    if ghost.jid in {device.jid for device in devices if device.online}:
                        break
        away = {d.id for d in await phone.devices() if not d.online}
        return len(away) > FEW // 2


def unread(_: Element) -> tuple[str, ...]:
    return ()


@attacks.stopped_by({"mobility.xmpp.resources.stanza._texts": unread})
async def another_description_has_the_hash_of_a_device(server: RunningServer) -> bool:
    """The hash is of texts with a mark between them; here the mark is in a text."""
    person = Person(server)
    async with person.device("Laptop") as laptop, person.device("Phone") as phone:
        ver = await laptop.stream.resources.ver()
        disco: Any = phone.stream.xmpp.plugin["xep_0030"]
        said = await disco.get_info(laptop.jid)
        query = said.xml.find(f"{resource_xml.INFO}query")
        (form,) = resource_xml.forms(query)
        query.remove(form)
        last = max(
            query.iter(f"{resource_xml.INFO}feature"), key=lambda f: f.get("var")
        )
        last.set("var", "<".join([last.get("var"), *hashed(form)]))
        assert resource_xml.about(query).device is None
        caps = resource_xml.Caps(ver, "sha-1", "urn:node")
        return phone.stream.resources._is_true(caps, query)


def hashed(form: Element) -> Iterator[str]:
    """What of a form goes into the hash (XEP-0115 §5.1)."""
    yield ns.DEVICES
    for name in sorted(field.get("var", "") for field in form):
        if name != "FORM_TYPE":
            yield name
            yield from sorted(resource_xml._values(form, name))


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_fails(server: RunningServer, attack: Attack[[RunningServer]]) -> None:
    assert not await soon(attack.succeeds(server))


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    server: RunningServer,
    attack: Attack[[RunningServer]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack.undefended(monkeypatch)
    assert await soon(attack.attempt(server))


@pytest.mark.parametrize("which", ["server", "ejabberd"])
async def test_a_list_that_was_filled_is_cleaned_and_stays_in_use(
    request: pytest.FixtureRequest, which: str
) -> None:
    server = request.getfixturevalue(which)
    async with two(server) as (phone, stolen):
        there = await phone.publish("Phone")
        for id in "abcd":
            await stolen.put(ns.DEVICES, id, large(200_000))
        assert await phone.stream.devices.devices() == [there]
        left = await stolen.stream.devices._pep.items(ns.DEVICES)
        assert [item.id for item in left] == [there.device.id]


@pytest.mark.parametrize("which", ["server", "ejabberd"])
async def test_a_list_that_was_filled_with_names_is_begun_anew(
    request: pytest.FixtureRequest, which: str
) -> None:
    server = request.getfixturevalue(which)
    async with two(server) as (phone, stolen):
        await phone.publish("Phone")
        # At once, and then something small: Debian's expat lets a server see the end of
        # such a tag only when as much again has come.
        names = [stolen.put(ns.DEVICES, id * 130_000, large(1)) for id in "abcd"]
        await asyncio.gather(*names, stolen.put(ns.DEVICES, "e", large(150_000)))
        assert await phone.stream.devices.devices() == []
        there = await phone.publish("Phone")
        assert await stolen.stream.devices.devices() == [there]
