"""Displays list themselves with their server, and anybody finds them by place."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import StanzaBase

from mobility import (
    Client,
    Coordinates,
    DisplayList,
    Listing,
    PeerUnreachable,
    PublicDisplay,
    SettingsError,
    Spot,
)
from mobility.errors import DirectoryUnavailable
from mobility.protocol.place import BEAT, Entry
from mobility.public.places import looking, looking_as_guest
from mobility.server import Server
from mobility.xmpp.places import plugin, stanza
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.apps import DEADLINE, Board
from tests.integration.people import address, soon

DRESDEN = Coordinates(51.0504, 13.7373)
LOBBY = Spot(DRESDEN, "Hotel Aurora", "0", "Lobby", "Beside the stairs")
NODE = stanza.NODE


class Quick(Server):
    """Forgets a display that has gone after a second, not a minute."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, guests="welcome", **options)

    def _write_config(self, log: Path) -> Path:
        path = super()._write_config(log)
        text = path.read_text()
        mark = 'mobility_nodes_access = { "localhost" }'
        assert mark in text
        path.write_text(text.replace(mark, f"{mark}\n\tmobility_displays_grace = 1"))
        return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server with a list, which is impatient."""
    with RunningServer(tmp_path_factory.mktemp("venue"), kind=Quick) as running:
        yield running


@pytest.fixture
def renewed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set whenever a display has seen to its entry."""
    done = asyncio.Event()
    renew = Listing._renew

    async def renewing(self: Listing) -> bool:
        result = await renew(self)
        done.set()
        return result

    monkeypatch.setattr(Listing, "_renew", renewing)
    return done


@asynccontextmanager
async def display(
    server: RunningServer,
    account: tuple[str, str],
    spot: Spot = LOBBY,
    *,
    name: str = "Lobby screen",
    **options: Any,
) -> AsyncIterator[Listing]:
    """A display that says where it is."""
    screen = PublicDisplay(
        *account, name=name, operator="Aurora", apps=[Board], **address(server)
    )
    async with screen, Listing(screen, spot, **options) as listing:
        yield listing


@asynccontextmanager
async def seeking(server: RunningServer) -> AsyncIterator[Callable[[], Any]]:
    """Somebody with an account there, who looks."""
    async with looking(*server.add(), **address(server)) as places:
        yield lambda: places.displays()


async def until(
    look: Callable[[], Awaitable[DisplayList]], suits: Callable[[DisplayList], bool]
) -> DisplayList:
    """What is listed, once it suits."""
    async with asyncio.timeout(3 * DEADLINE):
        while not suits(found := await look()):
            pass
    return found


def names(found: DisplayList) -> set[str]:
    return {display.name for display in found.displays}


async def test_a_display_is_found_with_all_that_it_says_of_itself(
    server: RunningServer,
) -> None:
    account = server.add_display()
    async with seeking(server) as look, display(server, account, name="Seen"):
        found = await until(look, lambda found: "Seen" in names(found))
    (seen,) = [each for each in found.displays if each.name == "Seen"]
    assert seen.domain == server.domain
    assert f"{seen.id}@{server.domain}" == account[0]
    assert (seen.operator, seen.spot) == ("Aurora", LOBBY)
    assert dict(seen.apps) == {Board.uri: Board.schema}
    assert seen.in_use is None
    assert not seen.silent


async def test_an_entry_has_no_address_and_nothing_that_opens_a_visit(
    server: RunningServer,
) -> None:
    account = server.add_display()
    screen = PublicDisplay(*account, name="Secret", apps=[Board], **address(server))
    async with screen, seeking(server) as look, Listing(screen, LOBBY):
        found = await until(look, lambda found: "Secret" in names(found))
        shown = repr(found)
        resource = screen.jid.partition("/")[2]
    assert resource
    assert resource not in shown
    assert "@" not in shown


async def test_a_phone_finds_displays_by_distance_and_says_nothing_of_its_place(
    server: RunningServer, tmp_path: Path
) -> None:
    spots = {
        "Far": Spot(Coordinates(-33.8688, 151.2093)),
        "Near": Spot(Coordinates(51.0510, 13.7373)),
        "Somewhere": Spot(),
    }
    async with contextlib.AsyncExitStack() as stack:
        for name, spot in spots.items():
            one = display(server, server.add_display(), spot, name=name)
            await stack.enter_async_context(one)
        phone = Client(*server.add(), data=tmp_path, **address(server))
        await stack.enter_async_context(phone)
        sent: list[str] = []

        def sending(said: StanzaBase) -> StanzaBase:
            sent.append(str(said))
            return said

        phone.stream.xmpp.add_filter("out", sending)

        async def look() -> DisplayList:
            return await phone.displays(near=Coordinates(51.0504, 13.7373))

        found = await until(look, lambda found: set(spots) <= names(found))
        order = [each for each in found.displays if each.name in spots]
    assert [each.name for each in order] == ["Near", "Far", "Somewhere"]
    assert order[0].distance == pytest.approx(66.7, abs=0.5)
    assert order[2].distance is None
    assert not any("51.05" in text for text in sent)


# --- displays that go, fall silent, move ----------------------------------------------


async def test_a_display_that_ends_in_order_is_listed_no_more(
    server: RunningServer,
) -> None:
    async with seeking(server) as look:
        async with display(server, server.add_display(), name="Leaver"):
            await until(look, lambda found: "Leaver" in names(found))
        assert "Leaver" not in names(await look())


async def test_a_display_that_is_cut_off_is_soon_listed_no_more(
    server: RunningServer,
) -> None:
    async with seeking(server) as look:
        stream = Stream(*server.add_display(), **address(server))
        async with stream:
            await stream.places.publish(entry("Cut"))
            assert "Cut" in names(await look())
            await asyncio.wait_for(vanish(stream), DEADLINE)
            await until(look, lambda found: "Cut" not in names(found))


async def vanish(stream: Stream) -> None:
    """Without a goodbye, as after a power cut; the server keeps the session for it."""
    keeper = stream._keeper
    assert keeper is not None
    keeper.cancel()
    await asyncio.wait({keeper})
    stream.xmpp.abort()


async def test_a_display_that_moved_or_was_renamed_has_one_entry(
    server: RunningServer,
) -> None:
    account = server.add_display()
    async with seeking(server) as look:
        async with display(server, account, name="Old name") as listing:
            await until(look, lambda found: "Old name" in names(found))
            listing.stay()
        elsewhere = Spot(Coordinates(0, 180), room="Attic")
        async with display(server, account, elsewhere, name="New name"):
            found = await until(look, lambda found: "New name" in names(found))
    mine = [each for each in found.displays if account[0].startswith(f"{each.id}@")]
    assert [(each.name, each.spot) for each in mine] == [("New name", elsewhere)]


async def test_between_two_processes_of_a_display_its_entry_stays_as_it_was(
    server: RunningServer, renewed: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[Entry] = []
    publish = plugin.MobilityPlaces.publish

    async def publishing(self: plugin.MobilityPlaces, entry: Entry) -> None:
        published.append(entry)
        await publish(self, entry)

    monkeypatch.setattr(plugin.MobilityPlaces, "publish", publishing)
    monkeypatch.setattr("mobility.public.placing.time.time", lambda: 1_800_000_150.0)
    account = server.add_display()
    odd = Spot(Coordinates(51.123456789, 13.0), text="Two\nlines")
    for _ in range(3):
        renewed.clear()
        async with display(server, account, odd, name="Visited") as listing:
            await soon(renewed.wait())
            listing.stay()
    assert len(published) == 1
    assert published[0].stamp % BEAT == listing._phase


async def test_after_a_restart_of_the_server_displays_list_themselves_again(
    tmp_path: Path,
) -> None:
    with RunningServer(tmp_path, kind=Quick) as own:
        account = own.add_display()
        async with display(own, account, name="Lasting"):
            async with seeking(own) as look:
                await until(look, lambda found: "Lasting" in names(found))
            await own.restart()
            async with seeking(own) as look:
                await until(look, lambda found: "Lasting" in names(found))


async def test_whether_somebody_is_there_is_told_only_if_the_display_is_to_tell(
    server: RunningServer,
) -> None:
    async with seeking(server) as look:
        async with display(server, server.add_display(), name="Silent") as listing:
            await until(look, lambda found: "Silent" in names(found))
            listing.use("taken")
            found = await look()
            assert {e.in_use for e in found.displays if e.name == "Silent"} == {None}
        open_one = display(server, server.add_display(), name="Open", in_use="shown")
        async with open_one as listing:
            listing.use("taken")
            await until(look, lambda found: in_use(found) is True)
            listing.use("free")
            await until(look, lambda found: in_use(found) is False)


def in_use(found: DisplayList) -> bool | None:
    return next((e.in_use for e in found.displays if e.name == "Open"), None)


# --- who may write --------------------------------------------------------------------


def entry(name: str, **more: Any) -> Entry:
    return Entry(name, "", Spot(), stamp=int(time.time()), **more)


async def condition(stream: Stream, to: str, kind: str, element: Element) -> str:
    """What comes of a request: the condition of the error, if it is one."""
    iq = stream.xmpp.make_iq(ito=to)
    iq["type"] = kind
    iq.xml.append(element)
    try:
        await soon(iq.send(timeout=5))
    except IqError as exc:
        return str(exc.iq["error"]["condition"])
    return "result"


async def test_an_account_that_nobody_named_is_not_listed(
    server: RunningServer,
) -> None:
    async with Stream(*server.add(), **address(server)) as stranger:
        with pytest.raises(DirectoryUnavailable, match="names the accounts that may"):
            await stranger.places.publish(entry("Stranger"))


def owned(action: str, **attributes: str) -> Element:
    pubsub = Element("{http://jabber.org/protocol/pubsub#owner}pubsub")
    name = f"{{http://jabber.org/protocol/pubsub#owner}}{action}"
    SubElement(pubsub, name, {"node": NODE, **attributes})
    return pubsub


def subscribe(jid: str) -> Element:
    pubsub = Element("{http://jabber.org/protocol/pubsub}pubsub")
    name = "{http://jabber.org/protocol/pubsub}subscribe"
    SubElement(pubsub, name, node=NODE, jid=jid)
    return pubsub


async def test_a_display_writes_its_own_entry_and_no_other(
    server: RunningServer,
) -> None:
    victim, thief = server.add_display(), server.add_display()
    service = f"pubsub.{server.domain}"
    name = victim[0].partition("@")[0]
    async with (
        Stream(*victim, **address(server)) as there,
        Stream(*thief, **address(server)) as stream,
        seeking(server) as look,
    ):
        await there.places.publish(entry("Victim"))
        for element in (
            stanza.publish(name, entry("Thief")),
            stanza.publish("another", entry("Thief")),
            stanza.retract(name),
            stanza.create(),
            stanza.configure(),
            stanza.admit({thief[0]: "owner"}),
            owned("purge"),
            owned("delete"),
            subscribe(thief[0]),
        ):
            assert await condition(stream, service, "set", element) == "forbidden"
        assert "Victim" in names(await look())
        assert "Thief" not in names(await look())


async def test_what_is_no_entry_or_too_large_is_not_taken(
    server: RunningServer,
) -> None:
    jid, password = server.add_display()
    service, name = f"pubsub.{server.domain}", jid.partition("@")[0]
    async with Stream(jid, password, **address(server)) as stream:
        huge = stanza.publish(name, entry("x" * 5000))
        other = stanza.publish(name, entry("Other"))
        other[0][0][0].tag = "{urn:example}other"
        none = stanza.publish(name, entry("None"))
        none[0][0].clear()
        none[0][0].set("id", name)
        for element in (huge, other, none):
            assert await condition(stream, service, "set", element) == "not-acceptable"


async def test_a_user_cannot_make_a_node_of_the_protocols_name(
    server: RunningServer,
) -> None:
    async with Stream(*server.add(), **address(server)) as stream:
        made = stanza.create()
        made[0].set("node", "urn:xmpp:tmp:mobility:other:0")
        service = f"pubsub.{server.domain}"
        assert await condition(stream, service, "set", made) == "forbidden"


async def test_a_display_that_may_no_longer_be_listed_goes(
    server: RunningServer,
) -> None:
    jid, password = server.add_display("fired")
    async with (
        Stream(jid, password, **address(server)) as stream,
        seeking(server) as look,
    ):
        await stream.places.publish(entry("Fired"))
        assert "Fired" in names(await look())
        server._server.accounts.unlist_display("fired")
        await until(look, lambda found: "Fired" not in names(found))


# --- who looks ------------------------------------------------------------------------


async def test_a_guest_reads_the_list_and_nothing_else_there(
    server: RunningServer,
) -> None:
    service = f"pubsub.{server.domain}"
    guests = f"guests.{server.domain}"
    async with (
        display(server, server.add_display(), name="For guests"),
        looking_as_guest(guests, **address(server)) as places,
    ):

        async def look() -> DisplayList:
            return await places.displays([server.domain])

        await until(look, lambda found: "For guests" in names(found))
        xmpp = places._plugin.xmpp
        stream: Any = type("Of", (), {"xmpp": xmpp})()
        for kind, element in forbidden():
            assert await condition(stream, service, kind, element) == "forbidden"


def forbidden() -> list[tuple[str, Element]]:
    """What a guest may not ask of the pubsub service."""
    other = stanza.fetch(["x"])
    other[0].set("node", "other")
    both = stanza.fetch(["x"])
    both.append(other[0])
    listing = stanza.ids()
    listing.set("node", "other")
    subscribe = stanza.fetch([])
    subscribe[0].tag = "{http://jabber.org/protocol/pubsub}subscribe"
    return [
        ("get", other),
        ("get", both),
        ("get", listing),
        ("get", subscribe),
        ("set", stanza.fetch(["x"])),
        ("set", stanza.publish("x", entry("Guest"))),
    ]


async def test_a_list_that_is_too_long_for_one_answer_comes_in_several(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [server.add_display() for _ in range(3)]
    monkeypatch.setattr(plugin, "_BATCH", 1)
    async with contextlib.AsyncExitStack() as stack:
        look = await stack.enter_async_context(seeking(server))
        for number, account in enumerate(accounts):
            stream = Stream(*account, **address(server))
            await stack.enter_async_context(stream)
            await stream.places.publish(entry(f"Batch {number}"))
        found = await look()
        assert {f"Batch {number}" for number in range(3)} <= names(found)
        monkeypatch.setattr(stanza, "LARGEST", 1)
        short = await look()
        assert len(short.displays) == 1
        left = len(found.displays) - 1
        assert short.problems == (f"{left} entries of localhost cannot be shown.",)


async def test_a_server_that_is_none_or_keeps_no_list_is_a_sentence(
    server: RunningServer,
) -> None:
    async with looking(*server.add(), **address(server)) as places:
        with pytest.raises(PeerUnreachable, match=r"no server called nowhere\.example"):
            await places.displays(["nowhere.example"])
        with pytest.raises(DirectoryUnavailable, match="keeps no list"):
            await places.displays([f"conference.{server.domain}"])
        some = await places.displays(["nowhere.example", server.domain])
        assert "nowhere.example" in some.problems[0]
        for wrong in ("lobby@kiosk.example", "http://kiosk.example", ""):
            with pytest.raises(SettingsError, match="is not a server"):
                await places.displays([wrong])


async def test_a_display_that_is_not_let_in_works_all_the_same_and_says_why(
    server: RunningServer, renewed: asyncio.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mobility.public.placing")
    async with display(server, server.add(), name="Refused"):
        await soon(renewed.wait())
    assert "names the accounts that may be there" in caplog.text
