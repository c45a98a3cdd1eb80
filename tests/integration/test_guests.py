"""Visitors without an account: what they can do, and what they cannot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from slixmpp.exceptions import IqError

from mobility import (
    Carrier,
    Client,
    Comparing,
    ConnectionFailed,
    Invitation,
    Inviting,
    Progress,
    PublicDisplay,
    SettingsError,
    VisitRefused,
)
from mobility.cli.visit import _phone
from mobility.errors import DirectoryUnavailable
from mobility.server import Server
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration import test_commands as commands
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_formats import Film, film, sha

DOCUMENT = b"%PDF " + bytes(range(256)) * 60
GUESTS = "guests.localhost"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that lets guests in."""
    folder = tmp_path_factory.mktemp("welcoming")
    with RunningServer(folder, guests="welcome") as running:
        yield running


@pytest.fixture
async def lobby(server: RunningServer, hurry: None) -> AsyncIterator[Lobby]:
    """Yield a display that invites guests."""
    async with Lobby(server, guests=GUESTS) as lobby:
        yield lobby


@pytest.fixture
async def guest(server: RunningServer, hurry: None) -> AsyncIterator[Client]:
    """Yield the phone of somebody without an account."""
    async with Client.guest(GUESTS, **address(server)) as guest:
        yield guest


async def test_a_guest_presents_on_a_display_and_takes_the_document_back(
    lobby: Lobby, guest: Client
) -> None:
    code = await lobby.code()
    assert code.guests == GUESTS
    assert len(str(code)) <= 200
    board = Board(DOCUMENT, ("first",))
    async with visiting(guest, lobby) as screen:
        moved = await guest.transfer(board, to=screen)
        there = await lobby.board()
        assert there.document == DOCUMENT
        await board.draw("from the guest")
        await there.has("first", "from the guest")
        await there.draw("from the display")
        await moved.retrieve()
        assert board.strokes == ["first", "from the guest", "from the display"]
    assert screen.clean is True
    await lobby.is_empty()


async def test_a_guest_visits_from_the_command_line(
    server: RunningServer, tmp_path: Path
) -> None:
    environ = {
        "MOBILITY_CONFIG": str(tmp_path / "none.toml"),
        "MOBILITY_HOST": server.host,
        "MOBILITY_PORT": str(server.c2s_port),
        "MOBILITY_CA_FILE": str(server.ca_file),
        "MOBILITY_DATA": str(tmp_path / "phone"),
    }
    async with commands.lobby(server, tmp_path, guests=GUESTS) as screen:
        uri = (await screen.scene(Inviting)).uri
        async with commands.mobility(environ, "visit", uri, "--guest") as phone:
            phone.type((await screen.scene(Comparing)).code)
            await phone.says("On Lobby screen now")
            phone.type("")
            assert await phone.ends() == 0
            assert "nothing of yours is left" in phone.printed


async def test_without_a_domain_in_the_code_the_command_says_so(tmp_path: Path) -> None:
    code = Invitation("lobby@kiosk.example/r", bytes(16), bytes(16))
    with pytest.raises(SettingsError, match="This screen takes no guests"):
        _phone(None, code)


@pytest.mark.parametrize("carrier", [Carrier.DIRECT, Carrier.PROXY, Carrier.IBB])
async def test_a_large_state_of_a_guest_goes_and_comes_back(
    server: RunningServer, hurry: None, tmp_path: Path, carrier: Carrier
) -> None:
    path = film(tmp_path / "film", 300_000)
    seen: list[Progress] = []
    options: dict[str, Any] = {"carriers": [carrier]}
    async with (
        Lobby(server, Film, size=10_000_000, guests=GUESTS, **options) as lobby,
        Client.guest(GUESTS, **address(server), **options) as guest,
        visiting(guest, lobby) as screen,
    ):
        app = Film(path)
        app.formats = ("bundle",)
        moved = await guest.transfer(app, to=screen, progress=seen.append)
        assert carrier in {progress.carrier for progress in seen}
        await moved.retrieve()
        assert app.blobs["film"].sha256 == sha(path)


# --- what a guest cannot do -----------------------------------------------------------

DISCO = "{http://jabber.org/protocol/disco#info}query"
FORBIDDEN = {
    "the roster": ("", "{jabber:iq:roster}query"),
    "a node of its own": ("", "{http://jabber.org/protocol/pubsub}pubsub"),
    "a list of its own": ("", "{urn:xmpp:blocking}blocklist"),
    "a password": ("localhost", "{jabber:iq:register}query"),
    "a command of the server": (
        "localhost",
        "{http://jabber.org/protocol/commands}command",
    ),
    "an upload": ("upload.localhost", "{urn:xmpp:http:upload:0}request"),
    "a node for others": (
        "pubsub.localhost",
        "{http://jabber.org/protocol/pubsub}pubsub",
    ),
    "a room": ("conference.localhost", DISCO),
    "an account": ("BARE", DISCO),
    "an account's card": ("BARE", "{vcard-temp}vCard"),
    "something else of a device": ("FULL", "{jabber:iq:version}query"),
    "what a person's devices run": ("FULL", "{urn:xmpp:tmp:mobility:sessions:0}ask"),
    "a list of a person's sessions": (
        "FULL",
        "{urn:xmpp:tmp:mobility:sessions:0}sessions",
    ),
    "a code of a person's device": ("FULL", "{urn:xmpp:tmp:mobility:codes:0}scanned"),
    "an offer to a person's device": ("FULL", "{urn:xmpp:tmp:mobility:offers:0}offer"),
    "what a person shares": ("FULL", "{urn:xmpp:tmp:mobility:sharing:0}share"),
    "another guest": ("GUEST", DISCO),
    "another server": ("elsewhere.example", DISCO),
}


@contextlib.asynccontextmanager
async def as_guest(server: RunningServer) -> AsyncIterator[Stream]:
    async with Stream(GUESTS, Anonymous(), **address(server)) as stream:
        yield stream


async def asked(stream: Stream, to: str, tag: str) -> str:
    """What comes of a question: the condition of the error, if it is one."""
    iq = stream.xmpp.make_iq_get(ito=to or None)
    iq.xml.append(Element(tag))
    try:
        await soon(iq.send(timeout=5))
    except IqError as exc:
        return str(exc.iq["error"]["condition"])
    return "result"


@pytest.mark.parametrize(("to", "tag"), FORBIDDEN.values(), ids=FORBIDDEN)
async def test_a_guest_reaches_nothing_but_displays_and_an_account_does(
    server: RunningServer, to: str, tag: str
) -> None:
    async with (
        Stream(*server.add(), **address(server)) as romeo,
        Stream(*server.add(), **address(server)) as juliet,
        as_guest(server) as guest,
        as_guest(server) as other,
    ):
        bare = str(romeo.xmpp.boundjid.bare)
        names = {"BARE": bare, "FULL": romeo.jid, "GUEST": other.jid}
        to = names.get(to, to)
        assert await asked(guest, to, tag) == "forbidden"
        if to != other.jid:
            assert await asked(juliet, to, tag) != "forbidden"
        assert await asked(guest, romeo.jid, DISCO) == "result"
        assert await asked(romeo, guest.jid, DISCO) == "result"


PROPOSE = "{urn:xmpp:jingle-message:0}propose"


async def test_nothing_of_a_guest_is_shown_to_a_person(server: RunningServer) -> None:
    got: list[str] = []
    async with (
        Stream(*server.add(), **address(server)) as romeo,
        Stream(*server.add(), **address(server)) as juliet,
        as_guest(server) as guest,
    ):
        for event in (
            "message",
            "message_error",
            "presence_subscribe",
            "presence_available",
        ):
            romeo.xmpp.add_event_handler(event, lambda it: got.append(str(it["from"])))
        for sender in (guest, juliet):
            for mark in (None, "{urn:xmpp:tmp:mobility:session:0}session"):
                message = sender.xmpp.make_message(mto=romeo.jid, mbody="Hello")
                if mark:
                    message.xml.append(Element(mark))
                message.send()
                for tag in ("{jabber:x:conference}x", PROPOSE):  # it would ring
                    message = sender.xmpp.make_message(mto=romeo.jid)
                    message.xml.append(Element(tag))
                    if mark:
                        message.xml.append(Element(mark))
                    message.send()
            behind = sender.xmpp.make_message(mto=romeo.jid, mtype="error")
            behind.xml.append(Element("{jabber:client}error"))
            behind["body"] = "Hello"
            behind.send()
            bare = romeo.xmpp.boundjid.bare
            sender.xmpp.send_presence(pto=bare, ptype="subscribe")
            sender.xmpp.send_presence(pto=romeo.jid)
            assert await asked(sender, romeo.jid, DISCO) == "result"  # all have come
        assert got.count(guest.jid) == 0
        assert got.count(juliet.jid) >= 3


async def test_nobody_but_a_device_of_the_venue_reaches_a_guest(
    server: RunningServer,
) -> None:
    got: list[str] = []
    async with (
        Stream(*server.add(), **address(server)) as romeo,
        as_guest(server) as guest,
    ):
        guest.xmpp.add_event_handler("message", lambda it: got.append(it["body"]))
        for to in (guest.jid, guest.xmpp.boundjid.bare):
            romeo.xmpp.make_message(mto=to, mbody="Hello").send()
            assert await asked(romeo, guest.xmpp.boundjid.bare, DISCO) != "result"
        assert await asked(romeo, guest.jid, DISCO) == "result"
        assert got == []


# --- how many, and how long -----------------------------------------------------------


class Strict(Server):
    """Lets two guests in, for a second."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, guests="welcome", **options)

    def _write_config(self, log: Path) -> Path:
        path = super()._write_config(log)
        with path.open("a") as file:  # the virtual host of the guests is the last
            file.write("\tmobility_guests_most = 2\n\tmobility_guests_lifetime = 1\n")
        return path


async def test_there_are_so_many_guests_and_they_stay_so_long(tmp_path: Path) -> None:
    with RunningServer(tmp_path, kind=Strict) as server:
        changes: list[bool] = []
        ended = asyncio.Event()

        def on_change(online: bool) -> None:
            changes.append(online)
            if not online:
                ended.set()

        where = address(server)
        async with Stream(GUESTS, Anonymous(), on_change=on_change, **where):
            async with as_guest(server):
                with pytest.raises(ConnectionFailed, match="no more guests in now"):
                    async with as_guest(server):
                        pass
            async with as_guest(server) as next_one:
                assert next_one.online
            await soon(ended.wait())
        assert changes[:2] == [True, False]


# --- who may be a guest, and of what --------------------------------------------------


async def test_a_server_that_wants_no_guests_says_so(
    tmp_path: Path,
) -> None:
    with RunningServer(tmp_path) as server:
        assert server.guests_domain is None
        with pytest.raises(ConnectionFailed) as raised:
            async with Client.guest("localhost", **address(server)):
                pass
        assert "lets nobody in without an account" in str(raised.value)


async def test_a_guest_has_no_other_devices(guest: Client) -> None:
    for asking in (guest.devices(), guest.offer(Board(), to=[])):
        with pytest.raises(DirectoryUnavailable, match="A guest has no other devices"):
            await soon(asking)


async def test_a_guest_visits_screens_of_that_server_only(
    server: RunningServer, guest: Client, hurry: None
) -> None:
    async with Lobby(server) as silent:
        code = await silent.code()
        with pytest.raises(VisitRefused, match="cannot visit this screen"):
            guest.visit(code, approve=silent.digits)


def test_a_display_names_a_domain_below_its_own() -> None:
    with pytest.raises(SettingsError, match=r"such as guests\.kiosk\.example"):
        PublicDisplay(
            "lobby@kiosk.example", "secret", name="Lobby", guests="guests.evil.example"
        )
