"""What a device knows of the user's others: at once, without asking, and to the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from xml.etree.ElementTree import Element

import pytest
from slixmpp.xmlstream import StanzaBase

from mobility import Client, Device, LocalProtocolError, Part, UnknownDevice
from mobility.errors import InvalidState
from mobility.server import config
from mobility.xmpp.resources import MobilityResources
from mobility.xmpp.resources import stanza as resource_xml
from mobility.xmpp.stream import Stream
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address, soon
from tests.integration.test_devices import USING_PEP
from tests.integration.test_own_devices import Person, person

__all__ = ["person"]

Known = Callable[[list[Device]], Any]


class Slides(Board):
    uri = "urn:slides"
    schema = 3
    parts = (Part("notes"), Part("remote control"))


class Watching:
    """What a device is told of the others, while it does nothing but listen."""

    def __init__(self, device: Client) -> None:
        self.device = device
        self.now: list[Device] = []
        self.lists = device.watch_devices()
        self.heard: list[Element] = []
        self.said: list[Element] = []
        for way, stanzas in (("in", self.heard), ("out_sync", self.said)):
            device.stream.xmpp.add_filter(cast(Any, way), noting(stanzas))

    async def until(self, known: Known) -> list[Device]:
        async with asyncio.timeout(10):
            while not known(self.now):
                self.now = await anext(self.lists)
        return self.now

    async def named(self, name: str, known: Callable[[Device], Any]) -> Device:
        """The device of that name, once this is true of it."""
        found: list[Device] = []

        def there(devices: list[Device]) -> bool:
            found[:] = [d for d in devices if d.name == name and known(d)]
            return bool(found)

        await self.until(there)
        return found[0]

    @property
    def asked(self) -> int:
        """How many resources this one has asked what they are."""
        return sum(
            stanza.get("type") == "get"
            and stanza.find(f"{resource_xml.INFO}query") is not None
            and "/" in stanza.get("to", "")
            for stanza in self.said
        )


def noting(stanzas: list[Element]) -> Callable[[StanzaBase], StanzaBase]:
    def note(stanza: StanzaBase) -> StanzaBase:
        if stanza.xml.tag.startswith("{jabber:client}"):
            stanzas.append(stanza.xml)
        return stanza

    return note


@contextlib.asynccontextmanager
async def watching(device: Client) -> AsyncIterator[Watching]:
    async with device:
        watch = Watching(device)
        async with contextlib.aclosing(watch.lists):
            yield watch


@pytest.fixture
def questions() -> int:
    """Return how often a device that is on the list is asked what it is."""
    return 0


async def test_a_device_is_known_with_all_it_can_as_soon_as_it_is_there(
    person: Person, questions: int
) -> None:
    async with watching(person.device("Phone")) as phone:
        await phone.named("Phone", lambda d: d.this)
        async with person.device("Laptop", Slides, kind="pc", size=5000) as laptop:
            found = await phone.named("Laptop", lambda d: d.online)
            assert found.jid == laptop.jid
            assert (found.kind, found.size, found.busy) == ("pc", 5000, False)
            assert dict(found.apps) == {"urn:slides": 3}
            assert found.parts["urn:slides"] == ("notes", "remote control")
            assert not found.problem(Slides, size=5000, part="notes")
            assert "version 3" in found.problem(type("New", (Slides,), {"schema": 4}))
            assert "does not have the app" in found.problem(Board)
        away = await phone.named("Laptop", lambda d: not d.online)
        assert away.seen is not None
        assert datetime.now(UTC) - away.seen < timedelta(seconds=10)
        assert phone.asked <= questions
        async with person.device("Laptop", Slides):
            await phone.named("Laptop", lambda d: d.online)
        assert phone.asked <= 2 * questions


async def test_five_devices_know_one_another_and_none_is_asked_twice(
    person: Person, questions: int
) -> None:
    names = [f"Device {n}" for n in range(5)]
    async with contextlib.AsyncExitStack() as stack:
        five = [
            await stack.enter_async_context(watching(person.device(name)))
            for name in names
        ]
        for watch in five:
            await watch.until(lambda now: sum(d.online for d in now) == len(names))
        assert max(watch.asked for watch in five) <= 4 * questions


async def test_nothing_is_said_while_nothing_happens(person: Person) -> None:
    async with watching(person.device("Phone")) as phone:
        async with watching(person.device("Laptop")) as laptop:
            for watch, other in ((phone, "Laptop"), (laptop, "Phone")):
                await watch.named(other, lambda d: d.online)
                await watch.device.devices()  # all that was on its way has come
                watch.heard.clear()
                watch.said.clear()
            waiting = asyncio.ensure_future(anext(phone.lists))
            await asyncio.sleep(0.5)  # it is the quiet that is looked at
            assert phone.heard + phone.said + laptop.heard + laptop.said == []
            assert not waiting.done()
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting


async def test_a_device_that_says_that_it_is_busy_is_shown_so(person: Person) -> None:
    async with watching(person.device("Phone")) as phone:
        async with person.device("Laptop") as laptop:
            laptop.busy = True
            busy = await phone.named("Laptop", lambda d: d.busy)
            assert busy.problem(Board) == "Laptop is busy. Try again later."
            laptop.busy = False
            await phone.named("Laptop", lambda d: d.online and not d.busy)


async def test_a_name_that_the_user_gave_is_shown_everywhere_and_stays(
    person: Person,
) -> None:
    async with watching(person.device("Phone")) as phone:
        async with watching(person.device("Laptop")) as laptop:
            there = await phone.named("Laptop", lambda d: d.online)
            await phone.device.rename(there, "Desk")
            assert (await laptop.named("Desk", lambda d: d.this)).online
            await phone.named("Desk", lambda d: d.online)
            with pytest.raises(UnknownDevice, match="You have: Phone, Desk"):
                await phone.device.device("Laptop")
            with pytest.raises(InvalidState, match="one line"):
                await phone.device.rename(await laptop.device.device("Desk"), "a\nb")
        async with watching(person.device("Tablet")) as tablet:
            desk = await tablet.named("Desk", lambda d: not d.online)
            await tablet.named("Phone", lambda d: d.online)
            await tablet.device.rename(desk, "")
            await phone.named("Laptop", lambda d: not d.online)


async def test_a_device_that_is_forgotten_is_forgotten_everywhere(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "tablet"
    async with contextlib.AsyncExitStack() as stack:
        phone = await stack.enter_async_context(watching(person.device("Phone")))
        async with person.device("Tablet", data=data) as tablet:
            async with person.device("Old laptop"):
                there = await phone.named("Old laptop", lambda d: d.online)
                with pytest.raises(LocalProtocolError, match="Log it out there first"):
                    await phone.device.forget(there)
                await tablet.devices()
            old = await phone.named("Old laptop", lambda d: not d.online)
        await phone.device.forget(old)
        await phone.until(lambda now: old.id not in {d.id for d in now})
        async with person.device("Tablet", data=data) as tablet:
            names = {device.name for device in await tablet.devices()}
            assert names == {"Tablet", "Phone"}


async def test_a_fingerprint_that_was_compared_is_remembered(
    person: Person, tmp_path: Path
) -> None:
    async with person.device("Laptop") as laptop:
        (own, *_) = await laptop.devices()
        for _ in range(2):
            async with person.device("Phone", data=tmp_path / "phone") as phone:
                there = await phone.device("Laptop")
                assert there.fingerprint == own.fingerprint
                if not there.verified:
                    with pytest.raises(UnknownDevice, match="is not that device"):
                        await phone.verify("0" * 32)
                    assert (await phone.verify(own.fingerprint)).name == "Laptop"
        assert there.verified
        assert not own.verified


def chatting(server: RunningServer, account: tuple[str, str], **options: Any) -> Stream:
    """A program for messages, which knows nothing of us."""
    stream = Stream(*account, **address(server) | options)
    disco: Any = stream.xmpp.plugin["xep_0030"]
    about = {"category": "client", "itype": "handheld", "name": "Pidgin"}
    stream.xmpp.add_event_handler("session_bind", lambda _: disco.add_identity(**about))
    return stream


async def test_another_program_of_the_account_is_shown_as_what_it_is(
    server: RunningServer, hurry: None
) -> None:
    account = server.add()
    async with watching(Client(*account, **address(server))) as phone:
        async with chatting(server, account):
            chat = await phone.named("Pidgin", lambda d: d.online)
            assert (chat.id, chat.client, chat.takes) == ("", "Pidgin", False)
            assert chat.kind == "handheld"
            assert "another program" in chat.problem(Board)
            with pytest.raises(UnknownDevice, match="keeps its name"):
                await phone.device.rename(chat, "Mine")
        await phone.until(lambda now: "Pidgin" not in {d.name for d in now})


async def test_what_a_resource_says_wrongly_of_its_presence_is_believed_of_nobody_else(
    server: RunningServer, person: Person, hurry: None
) -> None:
    async with watching(person.device("Phone")) as phone:
        async with person.device("Laptop", Slides) as laptop:
            await phone.named("Laptop", lambda d: d.online)
            ver = await laptop.stream.resources.ver()
            async with chatting(server, person._account, priority=None) as liar:
                caps: Any = liar.xmpp.plugin["xep_0115"]
                disco: Any = liar.xmpp.plugin["xep_0030"]
                said = await disco.get_info(liar.jid, local=True)
                await disco.set_info(liar.jid, f"{caps.caps_node}#lie", said)
                await caps.assign_verstring(liar.jid, "lie")
                liar.xmpp.send_presence(ppriority=-1)
                await phone.named("Pidgin", lambda d: d.online)
                resources = phone.device.stream.resources
                believed = {each.ver for each in {**resources.known, **resources._told}}
                assert ver in believed
                assert "lie" not in believed


async def test_who_is_not_the_user_does_not_hear_what_a_device_is(
    server: RunningServer, person: Person
) -> None:
    async with person.device("Laptop", Slides) as laptop, person.device("Phone") as own:
        async with Stream(*server.add(), **address(server)) as stranger:
            for asker, forms in ((stranger, 0), (own.stream, 1)):
                disco: Any = asker.xmpp.plugin["xep_0030"]
                found = await soon(disco.get_info(laptop.jid))
                query = found.xml.find(f"{resource_xml.INFO}query")
                assert len(list(resource_xml.forms(query))) == forms
                assert ("Laptop" in str(found)) is bool(forms)


async def test_a_device_that_vanishes_without_a_word_is_away_and_was_seen_just_now(
    server: RunningServer, person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "phone"
    async with watching(person.device("Phone", data=data)) as phone:
        async with Proxy(server.c2s_port) as network:
            laptop = person.device("Laptop", data=tmp_path / "x", port=network.port)
            management: Any = laptop.stream.xmpp.plugin["xep_0198"]
            management.allow_resume = False  # otherwise it may come back for minutes
            async with laptop:
                await laptop.devices()
                await phone.named("Laptop", lambda d: d.online)
                network.shut()
                gone = await phone.named("Laptop", lambda d: not d.online)
                network.refuse()
        assert gone.seen is not None
        assert datetime.now(UTC) - gone.seen < timedelta(seconds=10)
    async with person.device("Phone", data=data) as phone_again:
        again = await phone_again.device("Laptop")
        assert again.seen == gone.seen


# --- where the server keeps no list ---------------------------------------------------


@pytest.fixture(scope="module")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Yield a server without PEP that gives up a lost connection quickly."""
    without = [name for name in config.MODULES if name not in USING_PEP]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(config, "MODULES", without)
        folder = tmp_path_factory.mktemp("server")
        with RunningServer(folder, hibernation=1) as server:
            yield server


async def test_without_a_list_presence_and_disco_do_and_each_is_asked_once_for_ever(
    bare_server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    person = Person(bare_server)
    asked = []
    for _ in range(2):
        data = tmp_path / "phone"
        async with watching(person.device("Phone", data=data)) as phone:
            laptop = person.device("Laptop", Slides, data=tmp_path / "laptop")
            async with laptop:
                found = await phone.named("Laptop", lambda d: d.online)
                assert dict(found.apps) == {"urn:slides": 3}
            away = await phone.named("Laptop", lambda d: not d.online)
            assert away.seen is not None
            assert dict(away.apps) == {"urn:slides": 3}
            asked.append(phone.asked)
    assert asked == [1, 0]
    async with person.device("Phone", data=tmp_path / "phone") as again:
        assert [d.name for d in await again.devices()] == ["Phone", "Laptop"]


async def test_a_connection_that_is_cut_for_good_is_given_up_by_the_server(
    bare_server: RunningServer, hurry: None
) -> None:
    person = Person(bare_server)
    async with watching(person.device("Phone")) as phone:
        async with Proxy(bare_server.c2s_port) as network:
            async with person.device("Laptop", port=network.port):
                await phone.named("Laptop", lambda d: d.online)
                network.shut()
                await phone.named("Laptop", lambda d: not d.online)
                network.open()
                await phone.named("Laptop", lambda d: d.online)


async def test_a_device_whose_presence_comes_late_is_not_said_to_be_away(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = MobilityResources._on_presence

    def late(self: MobilityResources, presence: StanzaBase) -> None:
        asyncio.get_running_loop().call_later(0.2, seen, self, presence)

    async with person.device("Phone") as phone:
        await phone.devices()
        monkeypatch.setattr(MobilityResources, "_on_presence", late)
        async with person.device("Laptop") as laptop:
            states = {each.name: each.online for each in await laptop.devices()}
            assert states == {"Laptop": True, "Phone": True}
