"""Continue here: a device asks for what another one has, and gets it or is told why."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mobility import (
    Asked,
    Client,
    ListedSession,
    LocalProtocolError,
    PeerUnreachable,
    Session,
    TransferExpired,
    TransferRefused,
    VisitRefused,
)
from mobility.own import asking, requesting
from mobility.protocol.asking import Ask
from mobility.server import config
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Running, address, soon
from tests.integration.test_devices import USING_PEP
from tests.integration.test_own_devices import offered


class Person:
    """Somebody with devices, each with a journal."""

    def __init__(self, server: Running, folder: Path) -> None:
        self.account = server.add()
        self.options = address(server)
        self._folder = folder

    def device(self, name: str, *apps: type[Board], **options: Any) -> Client:
        where = {"data": self._folder / name} | self.options
        return Client(
            *self.account, device=name, apps=apps or (Board,), **where | options
        )

    @contextlib.asynccontextmanager
    async def devices(self, *names: str) -> AsyncIterator[list[Client]]:
        async with contextlib.AsyncExitStack() as stack:
            found = [
                await stack.enter_async_context(self.device(name)) for name in names
            ]
            for device in found:
                await device.devices()
            yield found

    def stream(self) -> Stream:
        """Another program of the account."""
        jid, password = self.account
        return Stream(jid, password, **self.options)


@pytest.fixture(params=["server", "ejabberd"])
def person(request: pytest.FixtureRequest, hurry: None, tmp_path: Path) -> Person:
    return Person(request.getfixturevalue(request.param), tmp_path)


@pytest.fixture
def prosody(server: Running, hurry: None, tmp_path: Path) -> Person:
    return Person(server, tmp_path)


async def listed(device: Client, title: str = "A board") -> ListedSession:
    """The session with that title, as soon as a device sees it."""
    return await seen(device, lambda each: each.title == title)


async def owned_by(device: Client, owner: str) -> ListedSession:
    return await seen(device, lambda each: each.owner_name == owner)


async def seen(
    device: Client, wanted: Callable[[ListedSession], bool]
) -> ListedSession:
    async def look() -> ListedSession:
        async with contextlib.aclosing(device.watch_sessions()) as lists:
            async for now in lists:
                for each in now:
                    if each.online and wanted(each):
                        return each
        raise AssertionError("it watches for ever")

    found: ListedSession = await soon(look())
    return found


async def gone(session: Session) -> None:
    await soon(session.ended())


async def test_a_session_goes_on_at_the_device_that_asks_for_it(
    person: Person,
) -> None:
    async with person.devices("Phone", "Laptop") as (phone, laptop):
        board = Board(b"a document", ("first",))
        here = await phone.list_session(board, title="A board")
        there: Any = await soon(laptop.request(await listed(laptop)))
        assert there.id == here.id
        assert there.app.strokes == ["first"]
        assert there.app.document == b"a document"
        assert there.app.running
        await gone(here)
        assert not board.running
        # and it can be asked for again, by the other one
        back: Any = await soon(phone.request(await owned_by(phone, "Laptop")))
        assert back.app.strokes == ["first"]
        await gone(there)


async def test_of_two_that_ask_at_the_same_moment_one_has_it_and_the_other_is_told(
    person: Person,
) -> None:
    names = "Phone", "Laptop", "Tablet"
    async with person.devices(*names) as (phone, laptop, tablet):
        board = Board(strokes=("first",))
        await phone.list_session(board, title="A board")
        wishes = [each.request(await listed(each)) for each in (laptop, tablet)]
        ends = await soon(asyncio.gather(*wishes, return_exceptions=True))
        (session,) = [end for end in ends if isinstance(end, Session)]
        (told,) = [end for end in ends if isinstance(end, TransferRefused)]
        winner = "Laptop" if ends[0] is session else "Tablet"
        assert session.runs
        assert told.condition in {"taken", "not-here"}
        assert winner in str(told)
        assert not board.running


async def test_the_user_is_asked_and_may_say_no(person: Person) -> None:
    questions: list[str] = []

    async def on_ask(asked: Asked) -> bool:
        questions.append(asked.question)
        return asked.device == "Laptop"

    async with (
        person.device("Phone", on_ask=on_ask) as phone,
        person.devices("Laptop", "Tablet") as (laptop, tablet),
    ):
        board = Board()
        await phone.list_session(board, title="A board")
        with pytest.raises(TransferRefused, match="Phone: You said no") as caught:
            await soon(tablet.request(await listed(tablet)))
        assert caught.value.condition == "declined"
        assert board.running
        with pytest.raises(TransferRefused, match="refused just now"):
            await soon(tablet.request(await listed(tablet)))
        await soon(laptop.request(await listed(laptop)))
        assert questions == [
            "Tablet wants to go on with A board. Give it?",
            "Laptop wants to go on with A board. Give it?",
        ]


async def test_who_scans_the_code_of_a_session_has_the_yes_of_who_shows_it(
    prosody: Person,
) -> None:
    async def on_ask(asked: Asked) -> bool:
        return False

    async with (
        prosody.device("Phone", on_ask=on_ask) as phone,
        prosody.devices("Laptop", "Tablet") as (laptop, tablet),
    ):
        board = Board(strokes=("first",))
        here = await phone.list_session(board, title="A board")
        async with contextlib.aclosing(phone.session_code(board)) as codes:
            code = await anext(codes)
        found = await listed(laptop)
        with pytest.raises(TransferRefused, match="You said no"):
            await soon(tablet.request(found))
        with pytest.raises(TransferRefused, match="not one that is shown here"):
            await soon(laptop.request(found, proof=tablet.codes.proof(code)))
        proof = laptop.codes.proof(code)
        there: Any = await soon(laptop.request(found, proof=proof))
        assert there.app.strokes == ["first"]
        await gone(here)


async def test_an_owner_whose_user_does_not_answer_says_so(
    prosody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.1)

    async def on_ask(asked: Asked) -> bool:
        await asyncio.Event().wait()
        return True

    async with (
        prosody.device("Phone", on_ask=on_ask) as phone,
        prosody.device("Laptop") as laptop,
    ):
        await phone.list_session(Board(), title="A board")
        with pytest.raises(TransferRefused, match="Nobody answered there"):
            await soon(laptop.request(await listed(laptop)))


async def test_an_owner_that_is_away_is_named(prosody: Person) -> None:
    board = Board()
    async with prosody.device("Laptop") as laptop:
        async with prosody.device("Phone") as phone:
            await phone.keep(board)
            await phone.list_session(board, title="A board")
            found = await listed(laptop)
        with pytest.raises(PeerUnreachable, match="cannot be reached"):
            await soon(laptop.request(found))  # it went since
        (found,) = await laptop.sessions()
        assert not found.online
        with pytest.raises(PeerUnreachable, match="Phone has this session, and is not"):
            await soon(laptop.request(found))


async def test_an_owner_that_goes_while_its_user_is_asked_keeps_nobody_waiting(
    person: Person,
) -> None:
    being_asked = asyncio.Event()

    async def on_ask(asked: Asked) -> bool:
        being_asked.set()
        await asyncio.Event().wait()
        return True

    async with person.device("Laptop") as laptop:
        async with person.device("Phone", on_ask=on_ask) as phone:
            await phone.list_session(Board(), title="A board")
            wanting = asyncio.create_task(laptop.request(await listed(laptop)))
            await soon(being_asked.wait())
        with pytest.raises(PeerUnreachable, match="Phone: It went off line before it"):
            await soon(wanting)


async def test_an_owner_that_was_cut_off_keeps_nobody_waiting(
    prosody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "ALIVE", 0.3)
    async with prosody.devices("Phone", "Laptop") as (phone, laptop):
        await phone.list_session(Board(), title="A board")
        found = await listed(laptop)
        monkeypatch.setattr(phone.stream.xmpp, "data_received", lambda data: None)
        with pytest.raises(PeerUnreachable, match="does not answer"):
            await soon(laptop.request(found))
        monkeypatch.undo()


async def test_an_owner_whose_app_is_not_open_says_so(prosody: Person) -> None:
    board = Board(strokes=("first",))
    async with prosody.device("Laptop") as laptop:
        async with prosody.device("Phone") as phone:
            await phone.keep(board)
            await phone.list_session(board, title="A board")
            await listed(laptop)
        async with prosody.device("Phone") as phone:
            await phone.devices()
            found = await listed(laptop)
            with pytest.raises(PeerUnreachable, match="Its app is not open there"):
                await soon(laptop.request(found))
            await phone.kept(Board)
            there: Any = await soon(laptop.request(found))
            assert there.app.strokes == ["first"]


async def test_what_the_owner_has_lent_is_fetched_first(person: Person) -> None:
    names = "Phone", "Laptop", "Tablet"
    async with person.devices(*names) as (phone, laptop, tablet):
        board = Board(strokes=("first",))
        board.title = "A board"
        to = [await phone.device("Laptop")]
        async with asyncio.TaskGroup() as group:
            lending = group.create_task(phone.offer(board, to=to))
            lent: Any = await (await offered(laptop)).accept()
        assert lending.result().away
        await lent.app.draw("laptop")
        there: Any = await soon(tablet.request(await listed(tablet)))
        assert there.app.strokes == ["first", "laptop"]
        await gone(lent)
        assert not board.running


async def test_what_the_owner_cannot_fetch_is_not_given(prosody: Person) -> None:
    async with prosody.devices("Phone", "Laptop", "Tablet") as (phone, laptop, tablet):
        board = Board()
        board.title = "A board"
        to = [await phone.device("Laptop")]
        async with asyncio.TaskGroup() as group:
            group.create_task(phone.offer(board, to=to))
            lent: Any = await (await offered(laptop)).accept()
        found = await listed(tablet)
        await laptop.stream.close()
        with pytest.raises(PeerUnreachable, match="Laptop does not answer"):
            await soon(tablet.request(found))
        laptop.stream.reopen()
        await laptop.stream.wait_online()
        assert lent.app.running


async def test_a_device_does_not_ask_for_what_it_cannot_have(prosody: Person) -> None:
    class Other(Board):
        uri = "https://example.org/apps/other"

    class Newer(Board):
        schema = 3

    async with (
        prosody.device("Phone") as phone,
        prosody.device("Laptop", Other) as laptop,
        prosody.device("Tablet", Newer) as tablet,
    ):
        session = await phone.list_session(Board(), title="A board")
        for device, condition in ((laptop, "no-such-app"), (tablet, "schema")):
            with pytest.raises(TransferRefused) as caught:
                await device.request(await listed(device))
            assert caught.value.condition == condition
        with pytest.raises(LocalProtocolError, match="runs here"):
            await phone.request(await listed(phone))
        assert session.runs


async def test_a_program_asks_for_a_device_which_takes_it(person: Person) -> None:
    async with person.devices("Phone", "Laptop") as (phone, laptop):
        here = await phone.list_session(Board(strokes=("first",)), title="A board")
        taking = asyncio.create_task(take(laptop))
        wanted = (await phone.device("Laptop")).id
        async with person.stream() as program:
            await program.asking.ask(phone.jid, Ask(here.id, "", (wanted,)))
        there: Any = await soon(taking)
        assert there.app.strokes == ["first"]
        await gone(here)


async def test_without_lists_on_the_server_a_session_goes_on_where_it_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    hurry: None,
    tmp_path: Path,
) -> None:
    without = [name for name in config.MODULES if name not in USING_PEP]
    monkeypatch.setattr(config, "MODULES", without)
    with RunningServer(tmp_path_factory.mktemp("server")) as server:
        person = Person(server, tmp_path)
        async with person.devices("Phone", "Laptop", "Tablet") as devices:
            phone, laptop, tablet = devices
            here = await phone.list_session(Board(strokes=("first",)), title="A board")
            there: Any = await soon(laptop.request(await listed(laptop)))
            assert there.app.strokes == ["first"]
            await gone(here)
            taking = asyncio.create_task(take(tablet))
            others = [d for d in await laptop.devices() if d.takes and d.online]
            assert {each.name for each in others} == {"Phone", "Tablet"}
            assert (await soon(laptop.send(there.app, to=others))).name == "Tablet"
            assert (await soon(taking)).id == here.id
            with pytest.raises(VisitRefused, match="Only your own devices"):
                await tablet._arrivals.receive_offer("romeo@localhost/x", None)  # type: ignore[arg-type]


async def take(device: Client) -> Session:
    return await (await offered(device)).accept()


async def test_what_was_asked_for_is_not_shown_as_an_offer(prosody: Person) -> None:
    async with prosody.devices("Phone", "Laptop") as (phone, laptop):
        await phone.list_session(Board(), title="A board")
        shown = asyncio.create_task(offered(laptop))
        await soon(laptop.request(await listed(laptop)))
        await phone.list_session(other := Board(), title="Another")
        to = [await phone.device("Laptop")]
        sending = asyncio.create_task(phone.send(other, to=to))
        offer = await soon(shown)
        await offer.accept()
        await soon(sending)


async def test_nobody_of_another_account_may_ask(
    person: Person, request: pytest.FixtureRequest, server: Running, ejabberd: Running
) -> None:
    async with person.device("Phone") as phone:
        session = await phone.list_session(Board(), title="A board")
        domain = phone.jid.partition("/")[0].partition("@")[2]
        own = server if person.options["port"] == server.c2s_port else ejabberd
        assert own.domain == domain
        jid, password = own.add()
        async with Stream(jid, password, **person.options) as stranger:
            for id in (session.id, "nothing"):
                wish = Ask(id, "", (phone._announcing.id,))
                with pytest.raises(TransferRefused, match="Only your own devices"):
                    await stranger.asking.ask(phone.jid, wish)
        assert session.runs


async def test_an_own_program_that_asks_without_end_disturbs_nobody(
    prosody: Person,
) -> None:
    questions: list[Asked] = []

    async def on_ask(asked: Asked) -> bool:
        questions.append(asked)
        return False

    async with (
        prosody.device("Phone", on_ask=on_ask) as phone,
        prosody.device("Laptop") as laptop,
        prosody.stream() as hostile,
    ):
        session = await phone.list_session(Board(), title="A board")
        await laptop.devices()
        us, other = phone._announcing.id, laptop._announcing.id

        async def flood(asker: str, number: int) -> Any:
            id = session.id if number % 2 else f"session-{number}"
            return await hostile.asking.ask(phone.jid, Ask(id, asker, (other,)))

        floods = [flood(each, n) for each in ("", us, other) for n in range(60)]
        ends = await soon(asyncio.gather(*floods, return_exceptions=True))
        assert all(isinstance(end, TransferRefused) for end in ends)
        assert len(questions) == 1  # of all that are no device
        assert session.runs
        assert not phone._asking._deciding
        with pytest.raises(TransferRefused, match="You said no there"):
            await soon(laptop.request(await listed(laptop)))


@pytest.mark.parametrize("where", ["_arrivals._understood", "_own.recover"])
async def test_a_device_that_gave_up_finds_the_offer_when_it_asks_again(
    prosody: Person, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async with prosody.devices("Phone", "Laptop") as (phone, laptop):
        await phone.list_session(Board(strokes=("first",)), title="A board")
        found = await listed(laptop)
        held, (part, name) = asyncio.Event(), where.split(".")
        monkeypatch.setattr(getattr(laptop, part), name, never(held))
        wish = asyncio.create_task(laptop.request(found))
        await soon(held.wait())
        wish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wish
        monkeypatch.undo()
        there: Any = await soon(laptop.request(found))
        assert there.app.strokes == ["first"]


def never(held: asyncio.Event) -> Callable[..., Any]:
    async def understood(*_: Any) -> None:
        held.set()
        await asyncio.Event().wait()

    return understood


async def test_another_device_cannot_give_what_was_asked_for(
    prosody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "OFFER", 0.5)
    async with prosody.devices("Phone", "Laptop", "Tablet") as (phone, laptop, tablet):
        here = await phone.list_session(Board(), title="A board")
        found = await listed(laptop)

        async def silent(peer: str, ask: Ask) -> None:
            pass

        phone.stream.asking.receive = silent
        other = Board(strokes=("planted",))
        other.session = tablet._session(here.id, other)
        to = [await tablet.device("Laptop")]
        giving = asyncio.create_task(tablet.send(other, to=to))
        with pytest.raises(TransferExpired):
            await soon(laptop.request(found))
        offer = await offered(laptop)  # like any other: its user decides
        assert offer.place == "Tablet"
        await offer.refuse()
        with pytest.raises(TransferRefused):
            await soon(giving)


async def test_what_was_promised_and_does_not_come_is_not_waited_for(
    prosody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "OFFER", 0.1)
    async with prosody.devices("Phone", "Laptop") as (phone, laptop):
        await phone.list_session(Board(), title="A board")
        found = await listed(laptop)

        async def silent(peer: str, ask: Ask) -> None:
            pass

        phone.stream.asking.receive = silent
        with pytest.raises(TransferExpired, match="It stays there; try again"):
            await soon(laptop.request(found))


async def test_a_device_that_was_restarted_may_ask_again_for_what_it_was_promised(
    prosody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with prosody.device("Phone") as phone:
        await phone.list_session(Board(strokes=("first",)), title="A board")
        async with prosody.device("Laptop") as laptop:
            held = asyncio.Event()
            monkeypatch.setattr(laptop._arrivals, "_understood", never(held))
            wish = asyncio.create_task(laptop.request(await listed(laptop)))
            await soon(held.wait())
            wish.cancel()
        async with prosody.device("Laptop") as laptop:
            there: Any = await soon(laptop.request(await listed(laptop)))
            assert there.app.strokes == ["first"]


async def test_nobody_is_disturbed_about_what_is_on_its_way_already(
    prosody: Person,
) -> None:
    async def on_ask(asked: Asked) -> bool:
        raise AssertionError("nobody is asked")

    async with (
        prosody.device("Phone", on_ask=on_ask) as phone,
        prosody.device("Laptop") as laptop,
        prosody.device("Tablet") as tablet,
    ):
        await tablet.devices()
        await laptop.devices()
        board = Board()
        await phone.list_session(board, title="A board")
        found = await listed(laptop)
        to = [await phone.device("Tablet")]
        sending = asyncio.create_task(phone.send(board, to=to))
        offer = await offered(tablet)
        with pytest.raises(PeerUnreachable, match="on its way to another device"):
            await soon(laptop.request(found))
        await offer.accept()
        await soon(sending)


async def test_nobody_is_disturbed_about_what_is_shared(prosody: Person) -> None:
    async def on_ask(asked: Asked) -> bool:
        raise AssertionError("nobody is asked")

    async with (
        prosody.device("Phone", on_ask=on_ask) as phone,
        prosody.device("Laptop") as laptop,
    ):
        board = Board()
        await phone.list_session(board, title="A board")
        found = await listed(laptop)
        async with phone.share(board, show=lambda scene: None):
            with pytest.raises(PeerUnreachable, match="It is shared"):
                await soon(laptop.request(found))
