"""Which visits go on, on all devices of a user, and how any of them ends one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from slixmpp import JID
from slixmpp.exceptions import IqError

from mobility import Client, Introduction, Invitation, MobilityError, Screen
from mobility.errors import ConnectionFailed, PeerUnreachable, VisitEnded
from mobility.protocol.delegation import Level, Policy
from mobility.protocol.listing import Listed
from mobility.server import config
from mobility.store import Kept, Store
from mobility.visit import visits
from mobility.visit.eviction import evict
from mobility.visit.history import Ending
from mobility.visit.visits import overseeing
from mobility.xmpp.stream import Stream
from mobility.xmpp.visits.stanza import Revoke
from tests.fakes.running import RunningServer
from tests.fakes.world import Device, World
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_devices import USING_PEP

Account = tuple[str, str]
LEVELS = list(Level)


@pytest.fixture
def account(server: RunningServer) -> Account:
    return server.add()


@pytest.fixture
async def phone(
    server: RunningServer, account: Account, hurry: None, tmp_path: Path
) -> AsyncIterator[Client]:
    """Yield the device that visits."""
    data = tmp_path / "phone"
    async with Client(
        *account, device="Juliet's phone", data=data, **address(server)
    ) as phone:
        yield phone


@pytest.fixture
async def laptop(
    server: RunningServer, account: Account, phone: Client
) -> AsyncIterator[Client]:
    """Yield another device of the same user."""
    async with Client(*account, device="Laptop", **address(server)) as laptop:
        yield laptop


@pytest.fixture
async def wall(server: RunningServer, tmp_path: Path) -> AsyncIterator[Device]:
    """Yield a display that is a process, which can be stopped and killed."""
    folder = tmp_path / "wall"
    wall = Device(server, folder, "display", server.add())
    async with wall.net:
        await wall.prepare()
        yield wall
        await wall.kill()


@asynccontextmanager
async def let_in(phone: Client, wall: Device, **options: Any) -> AsyncIterator[Screen]:
    program = await wall.start()
    code = Invitation.parse((await program.hears("code"))["code"])

    async def digits(_: Introduction) -> str:
        found: str = (await program.hears("digits"))["digits"]
        return found

    async with phone.visit(code, approve=digits, **options) as screen:
        yield screen


def freeze(wall: Device) -> None:
    os.kill(wall.program._process.pid, signal.SIGSTOP)


async def is_there(device: Client, jid: str) -> bool:
    """Whether the server has anybody under this address."""
    plugin: Any = device.stream.xmpp.plugin["xep_0199"]
    try:
        await plugin.send_ping(JID(jid), timeout=0.5)
    except IqError as exc:
        return bool(exc.iq["error"]["condition"] != "service-unavailable")
    except Exception:
        return True  # it is bound, and says nothing
    return True


async def listed(device: Client) -> list[str]:
    return [visit.id for visit in (await device.active_visits()).visits]


async def until_listed(device: Client) -> str:
    """The one visit, as soon as it is told."""
    async with asyncio.timeout(10):
        while not (found := await listed(device)):
            pass
    return found[0]


# --- the list -------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.value)
async def test_all_devices_see_a_visit_for_as_long_as_it_goes_on(
    level: Level, server: RunningServer, phone: Client, laptop: Client, lobby: Lobby
) -> None:
    lifetime = timedelta(hours=1)
    async with visiting(phone, lobby, level=level, lifetime=lifetime) as screen:
        id = await until_listed(laptop)
        for device in (phone, laptop):
            (visit,) = (await device.active_visits()).visits
            assert (visit.id, visit.level, visit.domain) == (id, level, server.domain)
            assert (visit.name, visit.device) == ("Lobby screen", "Juliet's phone")
            assert visit.lifetime == lifetime
            assert abs(visit.since.timestamp() - time.time()) < 10
            assert bool(visit.resource) is (level is not Level.GUEST)
            assert visit.state == ("connected" if visit.resource else "")
            assert screen.jid.endswith(visit.resource)
    assert not await listed(laptop)
    assert not await listed(phone)


async def test_what_is_not_a_visit_is_left_out_of_the_list(
    phone: Client, laptop: Client
) -> None:
    good = Listed("good", Level.GUEST, "kiosk", "", "Phone", phone.jid, time.time(), 9)
    nonsense = [
        replace(good, id="a", resource="display-1"),  # a guest has none
        replace(good, id="b", level=Level.LOGIN),
        replace(good, id="c" * 65),
        replace(good, id="old", since=time.time() - 4000),
    ]
    for visit in [*nonsense, good]:
        await laptop.stream.running.publish(visit)
    assert await listed(phone) == ["good"]


async def test_where_the_server_keeps_no_lists_the_visits_of_this_device_are_known(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    hurry: None,
) -> None:
    without = [name for name in config.MODULES if name not in USING_PEP]
    monkeypatch.setattr(config, "MODULES", without)
    with RunningServer(tmp_path_factory.mktemp("server")) as server:
        account = server.add()
        async with (
            Lobby(server) as lobby,
            Client(*account, **address(server)) as phone,
            Client(*account, device="Laptop", **address(server)) as laptop,
            visiting(phone, lobby) as screen,
        ):
            seen, elsewhere = [await d.active_visits() for d in (phone, laptop)]
            assert "does not keep lists" in seen.problem
            assert seen.problem == elsewhere.problem
            assert [visit.name for visit in seen.visits] == ["Lobby screen"]
            assert not elsewhere.visits
            with pytest.raises(VisitEnded, match="does not keep lists"):
                await laptop.revoke(seen.visits[0].id)
            assert (await phone.revoke(seen.visits[0].id)).told
            assert screen.over


# --- revoke ---------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.value)
async def test_another_device_ends_a_visit_and_the_session_is_on_its_phone_again(
    level: Level, phone: Client, laptop: Client, lobby: Lobby
) -> None:
    board = Board(strokes=("first",))
    async with visiting(phone, lobby, level=level) as screen:
        where = screen.jid
        moved = await phone.transfer(board, to=screen)
        revoked = await laptop.revoke(await until_listed(laptop))
        assert revoked.told
        await soon(moved.ended())
        await soon(screen.ended())
        assert board.running
        assert moved.as_saved
        if level is not Level.GUEST:
            assert not await is_there(laptop, where)
        assert not await listed(laptop)
    assert [visited.how for visited in phone.history()] == [Ending.REVOKED]
    await lobby.is_empty()


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.value)
async def test_a_display_that_is_frozen_is_out_all_the_same(
    level: Level, phone: Client, laptop: Client, wall: Device
) -> None:
    board = Board(strokes=("first",))
    async with let_in(phone, wall, level=level) as screen:
        where = screen.jid
        await phone.transfer(board, to=screen)
        freeze(wall)
        assert (await laptop.revoke(await until_listed(laptop))).told
        assert board.running
        assert board.strokes[0] == "first"
        if level is not Level.GUEST:
            assert not await is_there(laptop, where)
    (visited,) = phone.history()
    assert (visited.how, visited.clean) == (Ending.REVOKED, False)


async def test_the_login_of_a_display_without_power_is_not_there_for_it_to_resume(
    phone: Client, laptop: Client, wall: Device
) -> None:
    async with let_in(phone, wall, level=Level.LOGIN) as screen:
        await wall.program.kill()
        assert await is_there(laptop, screen.jid)  # hibernates
        await laptop.revoke(await until_listed(laptop))
        assert not await is_there(laptop, screen.jid)


async def test_a_login_is_ended_while_the_phone_that_lent_it_is_off(
    server: RunningServer, tmp_path: Path, account: Account, laptop: Client
) -> None:
    async with World(server, tmp_path / "both") as world:
        world.phone.jid, world.phone.password = f"{account[0]}/phone", account[1]
        await world.meet(phone={"level": "login"})
        where = (await world.phone.program.hears("visits"))["jid"]
        id = await until_listed(laptop)
        await world.phone.program.kill()
        assert not (await laptop.revoke(id)).told
        assert not await is_there(laptop, where)
        assert not await listed(laptop)


async def test_a_login_that_only_the_server_knows_is_listed_and_ended(
    phone: Client, laptop: Client, lobby: Lobby
) -> None:
    async with visiting(phone, lobby, level=Level.TOKEN) as screen:
        await laptop.stream.running.retract(await until_listed(laptop))
        (visit,) = (await laptop.active_visits()).visits
        assert (visit.level, visit.domain, visit.device) == (Level.TOKEN, "", "")
        assert visit.name.startswith("Lobby screen")
        assert screen.jid.endswith(visit.resource)
        assert not (await laptop.revoke(visit.id)).told
        assert not await is_there(laptop, screen.jid)


async def test_a_token_that_nobody_has_used_yet_is_void_when_it_is_revoked(
    phone: Client, laptop: Client
) -> None:
    policy = Policy("display-1", {}, lifetime=60, idle=60, label="Lobby screen")
    await phone.stream.delegation.mint(policy)
    (visit,) = (await laptop.active_visits()).visits
    assert visit.state == "waiting"
    await laptop.revoke(visit.id)
    assert not await listed(laptop)


async def test_a_phone_that_goes_as_soon_as_it_has_its_session_back_has_ended_the_visit(
    server: RunningServer, account: Account, lobby: Lobby, hurry: None
) -> None:
    where = address(server)
    async with Client(*account, device="Laptop", **where) as laptop:
        async with Client(*account, **where) as phone:
            async with visiting(phone, lobby) as screen:
                moved = await phone.transfer(Board(), to=screen)
                id = await until_listed(laptop)
                revoking = asyncio.create_task(laptop.revoke(id))
                await soon(moved.ended())
        assert (await soon(revoking)).told
    assert screen.clean is True


async def test_a_guest_stays_while_the_phone_that_let_it_in_is_off_and_we_are_told(
    phone: Client, laptop: Client
) -> None:
    since = time.time()
    away = Listed(
        *("guest1", Level.GUEST, "kiosk.example", "Lobby screen", "Old phone"),
        *(f"{laptop.jid.partition('/')[0]}/nobody", since, 3600.0),
    )
    await laptop.stream.running.publish(away)
    with pytest.raises(PeerUnreachable, match="Old phone let this screen in as a g"):
        await laptop.revoke("guest1")
    assert await listed(laptop) == ["guest1"]


async def test_a_visit_that_is_over_cannot_be_revoked(phone: Client) -> None:
    with pytest.raises(VisitEnded, match="No visit is called 'nothing'"):
        await phone.revoke("nothing")


async def test_nobody_else_ends_a_visit(
    phone: Client, laptop: Client, other_phone: Client, lobby: Lobby
) -> None:
    async with visiting(phone, lobby) as screen:
        id = await until_listed(laptop)
        for stranger in (other_phone.stream, lobby.display.stream):
            with pytest.raises(MobilityError, match="Only your own devices"):
                await stranger.running.ask(phone.jid, Revoke(id))
        assert not screen.over


# --- servers that know nothing of us --------------------------------------------------


@pytest.fixture(params=["prosody", "ejabberd"])
def plain(request: pytest.FixtureRequest) -> RunningServer:
    """Give a server of either kind."""
    name = {"prosody": "server"}.get(request.param, request.param)
    found: RunningServer = request.getfixturevalue(name)
    return found


async def test_a_login_is_ended_by_taking_its_place(plain: RunningServer) -> None:
    account = plain.add()
    where, down = address(plain), asyncio.Event()

    def changed(online: bool) -> None:
        if not online:
            down.set()

    def connect(jid: str) -> Stream:
        return Stream(jid, account[1], priority=None, **where)

    jid = f"{account[0]}/display-1"
    async with Stream(jid, account[1], priority=None, on_change=changed, **where):
        await evict(connect, jid)
        await soon(down.wait())


async def test_a_server_that_gives_us_another_place_has_not_ended_the_login(
    server: RunningServer, account: Account
) -> None:
    def connect(jid: str) -> Stream:  # like a server that lets the first one stay
        return Stream(f"{jid}-2", account[1], priority=None, **address(server))

    with pytest.raises(ConnectionFailed, match="may still be logged in"):
        await evict(connect, f"{account[0]}/display-1")


async def test_a_frozen_display_is_logged_out_on_ejabberd_too(
    ejabberd: RunningServer, tmp_path: Path, hurry: None
) -> None:
    account, where = ejabberd.add(), address(ejabberd)
    wall = Device(ejabberd, tmp_path, "display", ejabberd.add())
    async with (
        wall.net,
        Client(*account, **where) as phone,
        Client(*account, device="Laptop", **where) as laptop,
    ):
        try:
            async with let_in(phone, wall, level=Level.LOGIN) as screen:
                board = Board(strokes=("first",))
                await phone.transfer(board, to=screen)
                freeze(wall)
                assert await is_there(laptop, screen.jid)
                assert (await laptop.revoke(await until_listed(laptop))).told
                assert not await is_there(laptop, screen.jid)
                assert board.running
        finally:
            await wall.kill()


@pytest.mark.parametrize("where", ["server", "ejabberd"])
async def test_a_display_that_is_logged_in_as_us_ends_no_visit(
    where: str, request: pytest.FixtureRequest, hurry: None
) -> None:
    """On Prosody our module does not let it say so, elsewhere the phone refuses."""
    sentence = {"server": "cannot be reached", "ejabberd": "A screen does not end"}
    home: RunningServer = request.getfixturevalue(where)
    async with (
        Lobby(home) as lobby,
        Client(*home.add(), **address(home)) as phone,
        visiting(phone, lobby, level=Level.LOGIN) as screen,
    ):
        assert lobby.display._visit is not None
        account = lobby.display._visit._account
        assert account is not None
        assert account.jid == screen.jid
        with pytest.raises(MobilityError, match=sentence[where]):
            await account.running.ask(phone.jid, Revoke(await until_listed(phone)))
        assert not screen.over


# --- hard limits ----------------------------------------------------------------------


async def test_a_frozen_display_is_logged_out_when_the_time_is_over(
    phone: Client, laptop: Client, wall: Device
) -> None:
    limits = {"lifetime": timedelta(seconds=0.5), "level": Level.LOGIN}
    async with let_in(phone, wall, **limits) as screen:
        freeze(wall)
        await soon(screen.ended())
        where = screen.jid
    assert not await is_there(laptop, where)
    assert [visited.how for visited in phone.history()] == [Ending.TIME]


async def test_a_visit_in_which_nothing_happens_ends_on_the_phone(
    lobby: Lobby, phone: Client
) -> None:
    board = Board(strokes=("first",))
    async with visiting(phone, lobby, idle=timedelta(seconds=0.4)) as screen:
        moved = await phone.transfer(board, to=screen)
        for number in range(8):
            await asyncio.sleep(0.1)
            await board.draw(str(number))
        assert not screen.over
        await soon(moved.ended())
        await soon(screen.ended())
        assert board.strokes == ["first", *map(str, range(8))]
    assert [visited.how for visited in phone.history()] == [Ending.IDLE]


async def test_a_login_that_outlived_its_phone_is_ended_first_when_that_starts_again(
    server: RunningServer, account: Account, tmp_path: Path, hurry: None
) -> None:
    data, jid = tmp_path / "phone", f"{account[0]}/display-1"
    late = Listed(
        *("late", Level.LOGIN, "kiosk.example", "Lobby screen", "Phone"),
        *(f"{account[0]}/old", time.time() - 7200, 3600.0, "display-1"),
    )
    with Store(data) as store:
        store.stay(late)
    down = asyncio.Event()

    def changed(online: bool) -> None:
        if not online:
            down.set()

    where = address(server)
    async with Stream(jid, account[1], priority=None, on_change=changed, **where):
        async with Client(*account, data=data, **where) as phone:
            assert down.is_set()
            assert not phone._store.staying()


async def test_a_login_whose_phone_is_on_again_ends_in_time(
    server: RunningServer, account: Account, tmp_path: Path, hurry: None
) -> None:
    data = tmp_path / "phone"
    soon_over = Listed(
        *("soon", Level.LOGIN, "kiosk.example", "Lobby screen", "Phone"),
        *(f"{account[0]}/old", time.time() - 3599.2, 3600.0, "display-1"),
    )
    with Store(data) as store:
        store.stay(soon_over)
        store.keep(Kept("s", "urn:app", 1, 2, b"", "t", f"{account[0]}/display-1"))
    async with Client(*account, data=data, **address(server)) as phone:
        assert await listed(phone) == ["soon"]
        async with asyncio.timeout(10):
            while await listed(phone):
                pass
        assert not phone._store.staying()


async def test_a_program_beside_the_phone_sees_and_ends_its_visits(
    server: RunningServer, account: Account, phone: Client, lobby: Lobby, tmp_path: Path
) -> None:
    data = tmp_path / "phone"
    async with visiting(phone, lobby) as screen:
        async with overseeing(*account, data=data, **address(server)) as beside:
            (visit,) = (await beside.all()).visits
            assert (await beside.revoke(visit.id)).told
        assert screen.over


async def test_a_login_is_ended_when_its_session_is_back_after_a_crash(
    server: RunningServer, tmp_path: Path, account: Account, laptop: Client
) -> None:
    async with World(server, tmp_path / "again") as world:
        world.phone.jid, world.phone.password = f"{account[0]}/phone", account[1]
        await world.meet(phone={"level": "login"})
        where = (await world.phone.program.hears("visits"))["jid"]
        await world.phone.program.hears("ended")
        await world.phone.program.kill()
        phone = await world.phone.start()
        phone.say("reclaim once more")
        await phone.hears("back")
        async with asyncio.timeout(10):
            while await listed(laptop):
                pass
        assert not await is_there(laptop, where)


async def test_a_login_that_cannot_be_ended_is_ended_as_soon_as_it_can(
    server: RunningServer,
    account: Account,
    phone: Client,
    laptop: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visits, "RETRY", 0.1)
    connect, failures = phone._running._connect, iter([True, True])

    def sometimes(jid: str) -> Stream:
        if next(failures, False):
            raise ConnectionFailed("There is no network.")
        return connect(jid)

    phone._running._connect = sometimes
    lent = Listed(
        *("lent", Level.LOGIN, "kiosk.example", "Lobby screen", "Phone", phone.jid),
        *(time.time(), 3600.0, "display-1"),
    )
    jid = f"{account[0]}/display-1"
    async with Stream(jid, account[1], priority=None, **address(server)) as display:
        phone._running.began(lent, display.close)
        assert await until_listed(laptop) == "lent"
        await phone._running.ended("lent")
        assert await listed(phone) == ["lent"]  # nobody has seen it end
        async with asyncio.timeout(10):
            while await listed(phone):
                pass
    assert not phone._store.staying()
