"""A service feeds the parts of a session wherever they run, and loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest
from slixmpp.jid import JID

from mobility.errors import PeerUnreachable, RemoteProtocolError
from mobility.feeding import feed as feeding
from mobility.feeding.feed import Feed, Feeds
from mobility.protocol.feeding import Invitation, Invite, Sync
from mobility.protocol.numbering import Cursor, Heads, Inbox, Numbered, Span
from mobility.protocol.session import Stanza
from mobility.service import membership, serving
from mobility.service.membership import MOST_FED
from mobility.service.service import Service
from mobility.service.spoken import MOST_OF_ONE
from mobility.tasks import Tasks
from mobility.xmpp.stream import Stream
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.federation import Federation
from tests.fakes.running import RunningServer
from tests.integration.people import Running, address, forget, soon

GAME = "https://example.org/game"
MOVE, SAY, ROUND = (f"{{{GAME}}}{name}" for name in ("move", "say", "round"))
START = Cursor()
SECRET = "a secret of the component"
DOMAIN = "game.localhost"


class Place:
    """Where a part runs: it writes down what it was given."""

    def __init__(self, feeds: Feeds, stream: Stream) -> None:
        self.feeds = feeds
        self.stream = stream
        self.got: list[str] = []
        self._news = asyncio.Condition()
        self._feed: Feed | None = None

    @property
    def jid(self) -> str:
        return self.stream.jid

    @property
    def feed(self) -> Feed:
        assert self._feed is not None
        return self._feed

    def run(
        self, service: Service, *allow: str, cursor: Cursor = START, token: str = ""
    ) -> Invite:
        """Run a part here; what the phone asks the service for it."""
        token = token or secrets.token_urlsafe(16)
        self._expect(service, token, Inbox(allow, cursor))
        return Invite("s", "map", self.jid, token, frozenset(allow))

    def run_for_account(self, service: Service, *allow: str) -> None:
        """Run a part here that is sent what comes for the account."""
        self._expect(service, "", Inbox(allow))

    def _expect(self, service: Service, token: str, inbox: Inbox) -> None:
        self._feed = self.feeds.expect(
            service.jid, token=token, inbox=inbox, ready=self._apply
        )

    def _apply(self) -> None:
        while packet := self.feed.inbox.pop():
            self.got.append(packet.stanza.attributes["n"])
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def cut(self) -> None:
        """Lose the connection, and whatever was on its way; it comes back."""
        forget(self.stream)
        self.stream.xmpp.abort()
        await soon(self.stream.wait_offline())

    async def has(self, *numbers: int) -> None:
        """Wait until that many have come; these they are, and no more are missing."""
        wanted = [str(n) for n in numbers]
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(
                lambda: len(self.got) >= len(wanted) and not self.feed.inbox.missing
            )
        assert self.got == wanted


def packet(name: str, number: int) -> Stanza:
    return Stanza(name, {"n": str(number)})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TICK", 0.05)


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a Prosody that takes a component."""
    folder = tmp_path_factory.mktemp("hosting")
    with RunningServer(folder, services={DOMAIN: SECRET}) as running:
        yield running


@pytest.fixture
async def service(hosting: RunningServer) -> AsyncIterator[Service]:
    """Yield a service that is a component."""
    async with Service(DOMAIN, SECRET, port=hosting.component_port) as service:
        yield service


def came_back(stream: Stream, feeds: Feeds, online: bool) -> None:
    if online:
        feeds.online(resumed=stream.resumed)


@contextlib.asynccontextmanager
async def place(
    server: Running, account: tuple[str, str] | None = None
) -> AsyncIterator[Place]:
    """Yield a device with a connection of its own."""
    jid, password = account or server.add()
    async with AsyncExitStack() as stack:
        stream = Stream(f"{jid}/{secrets.token_hex(4)}", password, **address(server))
        feeds = Feeds(stream, await stack.enter_async_context(Tasks()))
        stream._on_change = partial(came_back, stream, feeds)
        await stack.enter_async_context(stream)
        yield Place(feeds, stream)


async def test_a_part_is_fed_what_it_listens_to_wherever_it_runs(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        service.send(phone.jid, packet(MOVE, 1))
        invite = lobby.run(service, MOVE, ROUND)
        await phone.feeds.invite(service.jid, invite)
        for number, name in enumerate((SAY, MOVE, SAY, ROUND, MOVE), 2):
            service.broadcast(packet(name, number))
        await lobby.has(1, 3, 5, 6)
        assert lobby.feed.inbox.missing == 0
        (participant,) = service.participants(phone.jid)
        assert participant.jid == lobby.jid
        assert participant.live


async def test_nothing_is_lost_or_doubled_when_streams_are_cut(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE, ROUND))
        names = itertools.cycle((MOVE, SAY, MOVE, ROUND))
        heard = []
        for number, name in zip(range(1, 601), names, strict=False):
            service.broadcast(packet(name, number))
            heard += [number] if name != SAY else []
            if number % 200 == 100:
                await lobby.cut()
            await asyncio.sleep(0)
        await lobby.has(*heard)
        assert lobby.feed.inbox.missing == 0
        assert not lobby.feed.inbox.gone


async def test_a_part_that_moves_goes_on_where_it_was(
    hosting: RunningServer, service: Service
) -> None:
    async with AsyncExitStack() as stack:
        phone, here, there = [
            await stack.enter_async_context(place(hosting)) for _ in range(3)
        ]
        service.admit(phone.jid)
        first = here.run(service, MOVE)
        await phone.feeds.invite(service.jid, first)
        for number in range(1, 51):
            service.broadcast(packet(MOVE, number))
        await here.has(*range(1, 51))
        here.feeds.stop(here.feed)
        for number in range(51, 101):  # while it is nowhere
            service.broadcast(packet(MOVE, number))
        second = there.run(service, MOVE, cursor=here.feed.inbox.cursor)
        await phone.feeds.dismiss(service.jid, first.token)
        await phone.feeds.invite(service.jid, second)
        for number in range(101, 151):
            service.broadcast(packet(MOVE, number))
        await there.has(*range(51, 151))
        assert [each.jid for each in service.participants(phone.jid)] == [there.jid]


async def test_the_last_packet_is_not_lost_either(
    hosting: RunningServer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        service.broadcast(packet(MOVE, 1))
        await lobby.has(1)
        with monkeypatch.context() as patch:  # somewhere on the way it is dropped
            patch.setattr(service._wire, "feed", lambda jid, packet: None)
            service.broadcast(packet(MOVE, 2))
        await lobby.has(1, 2)


async def test_while_nobody_was_invited_the_account_is_sent_all(
    hosting: RunningServer, service: Service
) -> None:
    account = hosting.add()
    async with place(hosting, account) as phone:
        phone.stream.xmpp.send_presence(ppriority=0)
        phone.run_for_account(service, MOVE)
        await phone.stream.xmpp.plugin["xep_0199"].send_ping(JID("localhost"))
        service.admit(phone.jid)
        service.broadcast(packet(MOVE, 1))
        await phone.has(1)


async def test_what_is_no_longer_kept_is_said_to_be_gone(
    hosting: RunningServer,
) -> None:
    async with (
        Service(DOMAIN, SECRET, port=hosting.component_port, kept=10) as service,
        place(hosting) as phone,
        place(hosting) as lobby,
    ):
        service.admit(phone.jid)
        for number in range(1, 31):
            service.broadcast(packet(MOVE, number))
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        await lobby.has(*range(21, 31))
        assert lobby.feed.inbox.lost == 20
        assert lobby.feed.inbox.missing == 0


# --- what is said to a service -------------------------------------------------------


async def test_what_is_said_arrives_once_and_in_order_though_the_stream_is_cut(
    hosting: RunningServer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_ANSWER", 0.3)
    async with place(hosting) as phone:
        heard: list[str] = []

        async def listen() -> None:
            async for spoken in service.packets():
                assert spoken.sender == phone.jid
                heard.append(spoken.stanza.attributes["n"])

        listening = asyncio.create_task(listen())
        for number in range(30):
            saying = asyncio.create_task(
                phone.feeds.say(service.jid, packet(SAY, number))
            )
            if number % 10 == 5:
                await asyncio.sleep(0)
                await phone.cut()
            await soon(saying)
        listening.cancel()
        assert heard == [str(number) for number in range(30)]


async def test_a_client_that_knows_nothing_of_numbers_is_heard(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone:
        phone.stream.xmpp.send_raw(
            f"<message to='{service.jid}'><say xmlns='{GAME}' n='1'/></message>"
        )
        spoken = await soon(anext(service.packets()))
        assert spoken.sender == phone.jid
        assert spoken.stanza == packet(SAY, 1)


# --- the service is cut off ----------------------------------------------------------


async def test_a_service_whose_connection_is_cut_loses_nothing(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        for number in range(1, 201):
            service.broadcast(packet(MOVE, number))
            if number == 100:
                await asyncio.sleep(0.01)
                service._connection.xmpp.abort()
            await asyncio.sleep(0)
        await lobby.has(*range(1, 201))


async def test_a_service_that_begins_anew_says_so_and_is_asked_to_invite_again(
    hosting: RunningServer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "AGAIN", 0.05)
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        invite = lobby.run(service, MOVE)
        await phone.feeds.invite(service.jid, invite)
        for number in (1, 2, 3):
            service.broadcast(packet(MOVE, number))
        await lobby.has(1, 2, 3)
        service.dismiss(phone.jid)  # as if it were another process
        uninvited = asyncio.Event()
        lobby.feed.uninvited = uninvited.set
        lobby.feed.catch_up()
        await soon(uninvited.wait())
        service.admit(phone.jid)
        service.broadcast(packet(MOVE, 4))
        await phone.feeds.invite(service.jid, invite)
        await lobby.has(1, 2, 3, 4)


# --- other servers -------------------------------------------------------------------


async def test_a_service_that_is_an_account_on_another_kind_of_server(
    ejabberd: Ejabberd,
) -> None:
    jid, password = ejabberd.add()
    async with (
        Service(f"{jid}/game", password, **address(ejabberd)) as service,
        place(ejabberd) as phone,
        place(ejabberd) as lobby,
    ):
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        for number in range(1, 101):
            service.broadcast(packet(MOVE, number))
            if number == 50:
                await lobby.cut()
        await lobby.has(*range(1, 101))
        await phone.feeds.say(service.jid, packet(SAY, 1))
        assert (await soon(anext(service.packets()))).member == jid_of(phone)


def jid_of(place: Place) -> str:
    return place.jid.partition("/")[0]


@pytest.mark.parametrize("how", ["refuse", "swallow"])
async def test_a_display_on_another_server_is_fed_by_the_service_itself(
    federation: Federation, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_ANSWER", 1.0)
    monkeypatch.setattr(feeding, "AGAIN", 0.05)
    jid, password = federation.home.add()
    async with (
        Service(f"{jid}/game", password, **address(federation.home)) as service,
        place(federation.home) as phone,
        place(federation.venue) as lobby,
    ):
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        for number in range(1, 51):
            service.broadcast(packet(MOVE, number))
        await lobby.has(*range(1, 51))
        getattr(federation.there, how)()
        for number in range(51, 101):
            service.broadcast(packet(MOVE, number))
            await asyncio.sleep(0)
        federation.heal()
        await lobby.has(*range(1, 101))


# --- those who mean harm -------------------------------------------------------------


async def test_a_stranger_invites_nobody(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as stranger, place(hosting) as lobby:
        invite = lobby.run(service, MOVE)
        with pytest.raises(RemoteProtocolError):
            await stranger.feeds.invite(service.jid, invite)
        assert not service.members


async def test_a_part_is_fed_by_who_was_named_with_its_token_and_nobody_else(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        invite = lobby.run(service, MOVE)
        wrong = replace(invite, token=secrets.token_urlsafe(16))
        with pytest.raises(RemoteProtocolError):
            await phone.feeds.invite(service.jid, wrong)
        other = Invitation(invite.session, invite.part, invite.token)
        with pytest.raises(RemoteProtocolError):  # the phone is not that service
            await phone.stream.splitting.ask(lobby.jid, other)
        assert not service.participants(phone.jid)
        await phone.feeds.invite(service.jid, invite)
        assert service.participants(phone.jid)


async def test_a_token_is_good_for_its_account_only(
    hosting: RunningServer, service: Service
) -> None:
    async with AsyncExitStack() as stack:
        phone, lobby, thief = [
            await stack.enter_async_context(place(hosting)) for _ in range(3)
        ]
        service.admit(phone.jid)
        invite = lobby.run(service, MOVE)
        await phone.feeds.invite(service.jid, invite)
        sync = Sync(invite.token, Cursor("", {MOVE: 0}))
        with pytest.raises(RemoteProtocolError):
            await thief.stream.splitting.ask(service.jid, sync)
        with pytest.raises(RemoteProtocolError):
            await thief.feeds.dismiss(service.jid, invite.token)
        with pytest.raises(RemoteProtocolError):
            await thief.stream.splitting.ask(service.jid, replace(sync, token=""))
        service.admit(thief.jid)  # a member, too, who has seen the token somewhere
        await phone.feeds.dismiss(service.jid, invite.token)
        await phone.feeds.invite(service.jid, invite)
        taken = replace(invite, participant=thief.jid)
        thief.run(service, MOVE, token=invite.token)
        await thief.feeds.invite(service.jid, taken)
        service.send(phone.jid, packet(MOVE, 1))
        await lobby.has(1)
        service.send(phone.jid, packet(MOVE, 2))
        await lobby.cut()
        await lobby.has(1, 2)
        assert not thief.got


async def test_a_participant_gets_no_other_names_than_it_was_invited_for(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        service.send(phone.jid, packet(SAY, 1))
        invite = lobby.run(service, MOVE, SAY)
        refused = asyncio.Event()
        lobby.feed.uninvited = refused.set
        await phone.feeds.invite(service.jid, replace(invite, allow=frozenset({MOVE})))
        await soon(refused.wait())
        service.send(phone.jid, packet(SAY, 2))
        service.send(phone.jid, packet(MOVE, 3))
        await phone.feeds.say(service.jid, packet(SAY, 4))
        assert not lobby.got


async def test_numbers_of_somebody_else_are_not_heard(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        service.send(phone.jid, packet(MOVE, 1))
        await lobby.has(1)
        feed = lobby.feed.inbox.cursor.feed
        forged = Numbered(feed, 2, 2, packet(MOVE, 666))
        phone.stream.splitting.feed(lobby.jid, forged)
        phone.stream.splitting.tell(lobby.jid, Heads("another", {MOVE: Span(1, 9)}))
        await phone.stream.xmpp.plugin["xep_0199"].send_ping(JID(lobby.jid))
        service.send(phone.jid, packet(MOVE, 2))
        await lobby.has(1, 2)
        assert lobby.feed.inbox.missing == 0


async def test_a_service_that_lies_about_its_numbers_harms_nothing_but_its_feed(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        service.send(phone.jid, packet(MOVE, 1))
        await lobby.has(1)
        feed = lobby.feed.inbox.cursor.feed
        huge = Numbered(feed, 2**31, 2**31, packet(MOVE, 666), {MOVE: 2**31})
        service._wire.feed(lobby.jid, huge)
        service._wire.feed(lobby.jid, Numbered(feed, 2, 2, packet(MOVE, 2), {SAY: 9}))
        await lobby.has(1, 2)
        service.send(phone.jid, packet(MOVE, 2))
        service.send(phone.jid, packet(MOVE, 3))
        await lobby.has(1, 2, 3)
        assert lobby.feed.inbox.missing == 0


async def test_a_member_cannot_have_a_service_talk_to_everybody(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        invites = [lobby.run(service, MOVE) for _ in range(MOST_FED + 1)]
        for invite in invites[:-1]:
            await phone.feeds.invite(service.jid, invite)
        with pytest.raises(RemoteProtocolError):
            await phone.feeds.invite(service.jid, invites[-1])
        nobody = replace(invites[0], participant="nobody@localhost/none")
        with pytest.raises(PeerUnreachable):
            await phone.feeds.invite(service.jid, nobody)
        assert len(service.participants(phone.jid)) == MOST_FED


async def test_one_who_floods_a_service_leaves_room_for_others(
    hosting: RunningServer, service: Service
) -> None:
    async with place(hosting) as flooder, place(hosting) as phone:
        for number in range(MOST_OF_ONE + 50):
            message = f"<say xmlns='{GAME}' n='{number}'/>"
            flooder.stream.xmpp.send_raw(
                f"<message to='{service.jid}'>{message}</message>"
            )
        await flooder.stream.xmpp.plugin["xep_0199"].send_ping(JID("localhost"))
        await phone.feeds.say(service.jid, packet(SAY, 1))
        senders = [
            (await soon(anext(service.packets()))).sender
            for _ in range(MOST_OF_ONE + 1)
        ]
        assert senders.count(flooder.jid) == MOST_OF_ONE
        assert phone.jid in senders


async def test_one_who_asks_for_the_same_again_and_again_is_sent_it_so_often_only(
    hosting: RunningServer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(hosting) as phone, place(hosting) as lobby:
        service.admit(phone.jid)
        await phone.feeds.invite(service.jid, lobby.run(service, MOVE))
        for number in range(1, 101):
            service.broadcast(packet(MOVE, number))
        await lobby.has(*range(1, 101))
        monkeypatch.setattr(membership, "MOST_RESENT", 250)
        monkeypatch.setattr(membership, "RESENT", 0.0)
        fresh = replace(lobby.feed.inbox.cursor, heads={MOVE: 0})
        for _ in range(10):
            sync = Sync(lobby.feed.token, fresh)
            await lobby.stream.splitting.ask(service.jid, sync)
        # of a thousand; a sync of its own may have been on its way before
        assert 100 <= lobby.feed.inbox.doubled <= 400
