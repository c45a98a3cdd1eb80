"""A service feeds the parts of a session wherever they run, and loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from mobility.protocol.feeding import Invite
from mobility.protocol.numbering import Cursor, Inbox
from mobility.protocol.session import Stanza
from mobility.split import service as services
from mobility.split.feed import Feed, Feeds
from mobility.split.service import Service
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.people import Running, address

GAME = "https://example.org/game"
MOVE, SAY, ROUND = (f"{{{GAME}}}{name}" for name in ("move", "say", "round"))
START = Cursor()
SECRET = "a secret of the component"
DOMAIN = "game.localhost"


class Place:
    """Where a part runs: it writes down what it was given."""

    def __init__(self, feeds: Feeds, jid: str) -> None:
        self.feeds = feeds
        self.jid = jid
        self.got: list[str] = []
        self._news = asyncio.Condition()
        self._feed: Feed | None = None

    @property
    def feed(self) -> Feed:
        assert self._feed is not None
        return self._feed

    def run(
        self, service: Service, *allow: str, cursor: Cursor = START, token: str = ""
    ) -> Invite:
        """Run a part here; what the phone asks the service for it."""
        token = token or secrets.token_urlsafe(16)
        self._feed = self.feeds.expect(
            service.jid,
            session="s",
            part="map",
            token=token,
            inbox=Inbox(allow, cursor),
            ready=self._apply,
        )
        return Invite("s", "map", self.jid, token, frozenset(allow))

    def _apply(self) -> None:
        while packet := self.feed.inbox.pop():
            self.got.append(packet.stanza.attributes["n"])
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def has(self, *numbers: int) -> None:
        wanted = [str(n) for n in numbers]
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(self.got) >= len(wanted))
        assert self.got == wanted


def packet(name: str, number: int) -> Stanza:
    return Stanza(name, {"n": str(number)})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "TICK", 0.05)


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


@contextlib.asynccontextmanager
async def place(
    server: Running, account: tuple[str, str] | None = None
) -> AsyncIterator[Place]:
    """Yield a device with a connection of its own."""
    jid, password = account or server.add()
    async with AsyncExitStack() as stack:
        stream = Stream(jid, password, **address(server))
        feeds = await stack.enter_async_context(Feeds(stream))
        await stack.enter_async_context(stream)
        yield Place(feeds, stream.jid)


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
