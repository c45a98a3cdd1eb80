"""The user's devices see what the others run, and where it is now."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from slixmpp.exceptions import IqError

from mobility import (
    Client,
    ListedSession,
    LostSession,
    MovedSession,
    Session,
    TransferAborted,
    TransferRefused,
)
from mobility.errors import DirectoryUnavailable
from mobility.own.directory import observing
from mobility.protocol.directory import Entry
from mobility.server import config
from mobility.xmpp import ns
from mobility.xmpp.directory import stanza
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep import stanza as pep_xml
from mobility.xmpp.pep.stanza import Change, Item
from mobility.xmpp.stream import Stream
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, Running, address, soon, visiting
from tests.integration.test_devices import USING_PEP

Seen = list[ListedSession]


class Person:
    """Somebody with devices, all on one account."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.account = server.add()
        self.options = address(server)

    def device(self, name: str, **options: Any) -> Client:
        about = {"device": name, "apps": (Board,)} | self.options | options
        return Client(*self.account, **about)


@pytest.fixture(params=["server", "ejabberd"])
def person(request: pytest.FixtureRequest, hurry: None) -> Person:
    return Person(request.getfixturevalue(request.param))


@pytest.fixture
def pepless(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    hurry: None,
) -> Iterator[Person]:
    without = [name for name in config.MODULES if name not in USING_PEP]
    monkeypatch.setattr(config, "MODULES", without)
    with RunningServer(tmp_path_factory.mktemp("server")) as server:
        yield Person(server)


async def until(device: Any, true: Callable[[Seen], Any]) -> Seen:
    """Watch until the sessions are so."""
    watch = device.watch_sessions if isinstance(device, Client) else device.watch
    async with contextlib.aclosing(watch()) as lists:
        async with asyncio.timeout(10):
            async for listed in lists:
                if true(listed):
                    return listed
    raise AssertionError("it goes on for ever")


def places(listed: Seen) -> list[tuple[str, str, str]]:
    return sorted((each.title, each.owner_name, each.place) for each in listed)


async def take(device: Client) -> Session:
    async with contextlib.aclosing(device.offers()) as offers:
        async for offer in offers:
            return await offer.accept()
    raise AssertionError("there are offers for ever")


async def lend(
    phone: Client, laptop: Client, app: Board
) -> tuple[MovedSession, Session]:
    (to,) = [each for each in await phone.devices() if each.name == laptop.name]
    moved, session = await soon(asyncio.gather(phone.offer(app, to=[to]), take(laptop)))
    return moved, session


async def test_a_session_is_seen_from_its_beginning_to_its_end(person: Person) -> None:
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        board = Board()
        session = await phone.list_session(board, title="A board")
        (seen,) = await until(laptop, len)
        assert (seen.id, seen.app, seen.schema) == (session.id, Board.uri, 2)
        assert (seen.title, seen.owner_name, seen.place) == (
            "A board",
            "Phone",
            "Phone",
        )
        assert (seen.jid, seen.online, seen.here) == (phone.jid, True, False)
        (own,) = await phone.sessions()
        assert own.here
        phone.unlist_session(board)
        assert await until(laptop, lambda listed: not listed) == []


async def test_it_is_seen_where_it_has_gone_and_that_it_is_back(person: Person) -> None:
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        board = Board()
        board.title = "A board"
        await laptop.devices()
        moved, _ = await lend(phone, laptop, board)
        (there,) = await until(laptop, lambda now: now and now[0].place == "Laptop")
        assert (there.owner_name, there.here, there.epoch) == ("Phone", True, 1)
        await soon(moved.retrieve())
        (back,) = await until(laptop, lambda now: now and now[0].place == "Phone")
        assert (back.here, back.epoch) == (False, 2)


async def test_what_ends_with_its_device_is_not_listed_any_more_but_what_it_lent_is(
    person: Person, tmp_path: Path
) -> None:
    async with person.device("Laptop") as laptop:
        await laptop.devices()
        async with person.device("Phone", data=tmp_path / "phone") as phone:
            lent = Board()
            await phone.list_session(Board(), title="Here")
            await phone.list_session(lent, title="Lent")
            await lend(phone, laptop, lent)
            seen = [("Here", "Phone", "Phone"), ("Lent", "Phone", "Laptop")]
            await until(laptop, lambda now: places(now) == seen)
        (left,) = await until(laptop, lambda now: len(now) == 1 and not now[0].online)
        assert (left.title, left.owner_name) == ("Lent", "Phone")
        async with person.device("Phone", data=tmp_path / "phone") as phone:
            (moved,) = phone.away(Board)
            (again,) = await until(laptop, lambda now: now and now[0].online)
            assert (again.title, again.since) == (left.title, left.since)
            await soon(moved.retrieve())
            await until(laptop, lambda now: places(now) == [("Lent", "Phone", "Phone")])


def noted(device: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a device takes off the directory from now on."""
    plugin, retracted = device.stream.directory, []
    retract = plugin.retract

    async def note(id: str) -> None:
        retracted.append(id)
        await retract(id)

    monkeypatch.setattr(plugin, "retract", note)
    return retracted


async def test_a_session_that_was_given_belongs_to_the_other_device(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "phone"
    async with person.device("Laptop", data=tmp_path / "laptop") as laptop:
        async with person.device("Phone", data=data) as phone:
            board, retracted = Board(), noted(phone, monkeypatch)
            await phone.list_session(board, title="A board")
            to = await phone.device("Laptop")
            winner, _ = await soon(
                asyncio.gather(phone.send(board, to=[to]), take(laptop))
            )
            assert winner.name == "Laptop"
            given = [("A board", "Laptop", "Laptop")]
            await until(phone, lambda now: places(now) == given)
            await until(laptop, lambda now: places(now) == given and now[0].here)
            assert retracted == []
        async with person.device("Phone", data=data) as phone:
            await phone._announcing._write()
            assert places(await phone.sessions()) == given


async def test_what_a_forgotten_device_had_is_not_listed_any_more(
    person: Person, tmp_path: Path
) -> None:
    async with person.device("Phone") as phone:
        async with person.device("Laptop", data=tmp_path / "laptop") as laptop:
            board = Board()
            await laptop.list_session(board, title="A board")
            await laptop.keep(board)
            await until(phone, len)
        (left,) = await until(phone, lambda now: now and not now[0].online)
        assert left.owner_name == "Laptop"
        await phone.forget(await phone.device("Laptop"))
        assert await phone.sessions() == []


async def test_what_is_not_ours_any_more_is_corrected_when_we_log_in(
    person: Person, tmp_path: Path
) -> None:
    async with person.device("Laptop") as laptop:
        async with person.device("Phone", data=tmp_path / "phone") as phone:
            await phone.list_session(Board(), title="A board")
            await until(laptop, len)
            (entry,) = phone._announcing.entries().values()
        await until(laptop, lambda now: not now)
        await laptop.stream.directory.publish(entry, present=())  # as if it had crashed
        assert places(await laptop.sessions()) == [("A board", "Phone", "Phone")]
        async with person.device("Phone", data=tmp_path / "phone"):
            await until(laptop, lambda now: not now)


async def test_a_device_that_was_cut_off_learns_what_was_taken_back_and_where_it_is(
    person: Person,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(person.options["port"]))
        enter = stack.enter_async_context
        phone = await enter(person.device("Phone"))
        laptop = await enter(person.device("Laptop", port=proxy.port))
        tablet = await enter(person.device("Tablet"))
        for device in (laptop, tablet):
            await device.devices()
        board = Board()
        moved, there = await lend(phone, laptop, board)
        proxy.shut()
        assert await soon(moved.reclaim()) is board
        _, _ = await lend(phone, tablet, board)
        await until(tablet, lambda now: now and now[0].place == "Tablet")
        assert there.runs  # nobody has told it yet
        proxy.open()
        lost = await first_lost(laptop)
        assert lost.text == ("Phone has taken back “A board”. It runs on Tablet now.")
        assert (lost.app, lost.id) == (Board.uri, there.id)
        await soon(there.ended())
        (seen,) = await laptop.sessions()
        assert (seen.owner_name, seen.place, seen.here) == ("Phone", "Tablet", False)


async def test_a_device_that_was_off_learns_it_when_it_starts(
    person: Person, tmp_path: Path
) -> None:
    async with person.device("Phone") as phone:
        async with person.device("Laptop", data=tmp_path / "laptop") as laptop:
            await laptop.devices()
            moved, _ = await lend(phone, laptop, Board())
        await soon(moved.reclaim())
        async with person.device("Laptop", data=tmp_path / "laptop") as laptop:
            (arriving,) = laptop.arriving()
            with pytest.raises(TransferAborted):
                await soon(arriving.accept())
            lost = await first_lost(laptop)
            assert lost.text.endswith("It goes on there.")
            assert not laptop.arriving()


async def first_lost(device: Client) -> LostSession:
    async with contextlib.aclosing(device.lost()) as losses:
        found: LostSession = await soon(anext(losses))
    return found


async def test_a_session_that_never_ran_here_is_none_that_was_lost(
    person: Person,
) -> None:
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        await laptop.devices()
        (to,) = [each for each in await phone.devices() if not each.this]
        offering = asyncio.create_task(phone.offer(Board(), to=[to]))
        async with contextlib.aclosing(laptop.offers()) as offers:
            offer = await soon(anext(offers))
        await offer.refuse()
        with pytest.raises(TransferRefused):
            await soon(offering)
        assert not laptop._losses._waiting


async def test_a_session_on_a_public_screen_is_listed_under_the_screens_name(
    server: RunningServer, hurry: None, lobby: Lobby
) -> None:
    person = Person(server)
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        board = Board()
        await phone.list_session(board, title="A board")
        async with visiting(phone, lobby) as screen:
            await phone.transfer(board, to=screen)
            (seen,) = await until(laptop, lambda now: now and now[0].place != "Phone")
            assert (seen.place, seen.here) == ("Lobby screen", False)
        (seen,) = await until(laptop, lambda now: now and now[0].place == "Phone")


async def test_a_screen_of_a_visit_is_listed_only_if_the_device_lists_anything(
    server: RunningServer, hurry: None, lobby: Lobby
) -> None:
    person = Person(server)
    async with person.device("Laptop") as laptop, person.device("Phone", apps=()) as p:
        async with visiting(p, lobby) as screen:
            await p.transfer(Board(), to=screen)
            assert await laptop.sessions() == await p.sessions() == []


# --- what others put there ------------------------------------------------------


def hostile_items(entry: Entry) -> list[Item]:
    good = stanza.to_item(entry)
    parts = {name: Element(f"{{{ns.SESSIONS}}}{name}") for name in ("owner", "place")}
    broken = stanza.to_item(replace(entry, id="broken"))
    broken.remove(broken[0])
    many = Element(stanza.SESSION, good.attrib)
    many.extend([*parts.values()] * 200)
    return [
        Item("nonsense", Element("{urn:evil}session")),
        Item("empty", Element(stanza.SESSION)),
        Item("broken", broken),
        Item("many", many),
        Item("a b", good),
        Item("x" * 65, good),
        Item("old", stanza.to_item(replace(entry, owner="short"))),
    ]


async def test_what_is_no_session_is_left_out_and_what_is_ours_is_put_right(
    person: Person,
) -> None:
    async with person.device("Phone") as phone, person.device("Hostile") as hostile:
        await phone.list_session(Board(), title="A board")
        await until(hostile, len)
        (entry,) = phone._announcing.entries().values()
        pep = MobilityPep.of(hostile.stream.xmpp)
        for item in hostile_items(entry):
            await pep.publish(ns.SESSIONS, item)
        for wrong in (
            stanza.to_item(replace(entry, title="Evil", place="Evil")),
            Element("{urn:evil}session"),
            stanza.to_item(replace(entry, owner="e" * 22, title="Evil")),
        ):
            await pep.publish(ns.SESSIONS, Item(entry.id, wrong))
            await until(hostile, lambda now: places(now) == [MINE])
            assert places(await phone.sessions()) == [MINE]
        if not isinstance(person.server, Ejabberd):  # which tells nobody
            await pep.retract(ns.SESSIONS, entry.id)
            await until(hostile, lambda now: places(now) == [MINE])


MINE = ("A board", "Phone", "Phone")


async def test_an_entry_of_a_later_epoch_is_not_fought_over_and_stops_nothing(
    person: Person,
) -> None:
    async with person.device("Phone") as phone, person.device("Other") as other:
        board = Board()
        await phone.list_session(board, title="A board")
        await until(other, len)
        (entry,) = phone._announcing.entries().values()
        later = replace(entry, owner="e" * 22, owner_name="Else", epoch=9)
        await other.stream.directory.publish(later, present=())
        (seen,) = await until(other, lambda now: now[0].owner_name == "Else")
        assert (seen.online, seen.jid) == (False, "")
        assert places(await phone.sessions()) == [MINE]
        assert board.running


async def test_a_session_too_many_waits_for_a_place_and_displaces_nobody(
    server: RunningServer,
    hurry: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mobility.xmpp.directory.plugin.LARGEST", 6)
    person = Person(server)
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        boards = [Board() for _ in range(7)]
        for number, board in enumerate(boards):
            await phone.list_session(board, title=f"{number}")
        seen = {each.title for each in await until(laptop, lambda now: len(now) == 6)}
        await phone._announcing._write()
        assert "6 sessions are listed already" in caplog.text
        assert len(await phone.sessions()) == 7
        missing = {str(number) for number in range(7)} - seen
        phone.unlist_session(boards[int(min(seen))])
        now = await until(laptop, lambda now: missing <= {each.title for each in now})
        assert len(now) == 6


async def test_others_neither_read_nor_ask(server: RunningServer, hurry: None) -> None:
    person, stranger = Person(server), Person(server)
    async with person.device("Phone") as phone, stranger.device("Stranger") as thief:
        await phone.list_session(Board(), title="A board")
        for kind in ("get", "set"):
            iq: Any = thief.stream.xmpp.make_iq(ito=phone.jid)
            iq["type"] = kind
            iq.xml.append(Element(stanza.ELEMENT))
            with pytest.raises(IqError, match="not-allowed"):
                await iq.send()
        assert await thief.stream.directory.ask_each([phone.jid]) == {phone.jid: []}
        bare = phone.jid.partition("/")[0]
        fetch = thief.stream.xmpp.make_iq_get(ito=bare)
        fetch.xml.append(pep_xml.fetch(ns.SESSIONS))
        with pytest.raises(IqError, match=r"forbidden|not-allowed|item-not-found"):
            await fetch.send()


# --- onlookers, and servers without lists ---------------------------------------


async def test_an_onlooker_sees_them_and_is_no_device(person: Person) -> None:
    async with person.device("Phone") as phone:
        await phone.devices()
        async with observing(*person.account, **person.options) as onlooker:
            assert await onlooker.all() == []
            await phone.list_session(Board(), title="A board")
            (seen,) = await until(onlooker, lambda now: now and now[0].online)
            assert (seen.here, seen.jid) == (False, phone.jid)
            assert [each.name for each in await phone.devices()] == ["Phone"]


async def test_where_the_server_keeps_no_lists_the_devices_are_asked(
    pepless: Person,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        phone = await enter(pepless.device("Phone"))
        chat = await enter(
            Stream(f"{pepless.account[0]}/chat", pepless.account[1], **pepless.options)
        )
        chat.xmpp.remove_handler("mobility_directory")  # it knows nothing of us
        board = Board()
        await phone.list_session(board, title="A board")
        laptop = await enter(pepless.device("Laptop"))
        (seen,) = await until(laptop, len)
        assert (seen.owner_name, seen.place, seen.here) == ("Phone", "Phone", False)
        assert (seen.jid, seen.online) == (phone.jid, True)
        second = Board()
        await phone.list_session(second, title="Second")  # and it says so by itself
        await until(laptop, lambda now: len(now) == 2)
        phone.unlist_session(board)
        await until(laptop, lambda now: [each.title for each in now] == ["Second"])
        async with observing(*pepless.account, **pepless.options) as onlooker:
            assert len(await until(onlooker, len)) == 1
        await phone.__aexit__(None, None, None)
        assert await until(laptop, lambda now: not now) == []


async def test_a_screen_that_is_logged_in_as_the_user_is_told_nothing(
    pepless: Person,
) -> None:
    account, password = pepless.account
    async with pepless.device("Phone") as phone:
        async with Stream(f"{account}/screen", password, **pepless.options) as screen:
            await phone.list_session(Board(), title="A board")

            async def lent() -> set[str]:
                return {"screen"}

            answered = await screen.directory.ask_each([phone.jid])
            assert len(answered[phone.jid]) == 1
            phone._directory._screens = lent
            answered = await screen.directory.ask_each([phone.jid])
            assert answered == {phone.jid: []}
            assert screen.jid not in await phone._directory.others()


async def test_a_guest_has_no_directory_of_its_own() -> None:
    guest = Client.guest("example.org")
    with pytest.raises(DirectoryUnavailable, match="A guest has no other devices"):
        await guest.list_session(Board())


async def test_what_was_cut_off_amid_a_retraction_is_cleared_at_the_next_login(
    person: Person,
) -> None:
    async with person.device("Phone") as phone, person.device("Laptop"):
        pep = MobilityPep.of(phone.stream.xmpp)
        await pep.publish(ns.SESSIONS, Item("talk", stanza.ended()))
        async with person.device("Tablet") as tablet:
            async with asyncio.timeout(10):
                while await pep.items(ns.SESSIONS):
                    await tablet.sessions()


@pytest.mark.parametrize("title", [" a board\n", "board" * 100])
async def test_a_name_that_is_shown_in_another_way_is_written_once(
    person: Person, title: str
) -> None:
    async with person.device(f" {title} phone ") as phone, person.device("B") as laptop:
        written: list[str] = []
        publish = phone.stream.directory.publish

        async def noted(entry: Entry, **more: Any) -> None:
            written.append(entry.id)
            await publish(entry, **more)

        phone.stream.directory.publish = noted  # type: ignore[method-assign]
        await phone.list_session(Board(), title=title)
        await until(laptop, len)
        for _ in range(3):
            await phone._announcing._write()
        assert len(written) == 1


async def is_told(device: Client, other: Client, late: asyncio.Queue[Change]) -> None:
    """Until the server knows that it listens, it tells a device nothing."""
    directory = other.stream.directory
    session = await other.list_session(Board(), title="Elsewhere")
    entry = (await directory.entries()).entries[session.id]
    async with asyncio.timeout(10):
        while late.empty():
            await directory.publish(entry, present=[entry.id])
            await asyncio.sleep(0.01)


async def test_what_a_device_wrote_it_knows_before_the_server_tells_it(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        plugin, late = phone.stream.directory, asyncio.Queue[Change]()
        written: list[str] = []
        hear, publish = plugin._hear, plugin.publish

        async def noted(entry: Entry, **more: Any) -> None:
            written.append(entry.id)
            await publish(entry, **more)

        async def told() -> str:
            change = await late.get()
            hear(change)
            return " ".join(stanza.entry(i.id, i.payload).title for i in change.items)

        await plugin.entries()
        with monkeypatch.context() as until_then:
            until_then.setattr(plugin, "_hear", late.put_nowait)
            until_then.setattr(plugin, "publish", noted)
            await is_told(phone, laptop, late)
            first = await phone.list_session(Board(), title="First")
            second = await phone.list_session(Board(), title="Second")
            for _ in range(2):
                await phone._announcing._write()
            assert written == [first.id, second.id]
            other = replace((await plugin.entries()).entries[first.id], title="Other")
            await laptop.stream.directory.publish(other, present=[first.id])
            async with asyncio.timeout(10):
                while await told() != "Other":
                    pass
        there = (await plugin.entries()).entries
        assert [there[each.id].title for each in (first, second)] == ["Other", "Second"]
