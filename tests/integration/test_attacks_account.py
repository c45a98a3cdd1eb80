"""A hostile display that is logged in as its visitor, and what it can do then."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from mobility import Client, MobilityError
from mobility.protocol.delegation import Level
from mobility.server import process
from mobility.server.config import Lua, ServerConfig
from tests.fakes.attacks import Attack, Attacks
from tests.fakes.hostile_display import HostileDisplay
from tests.fakes.running import RunningServer
from tests.fakes.tricks import Trick
from tests.integration.apps import Board
from tests.integration.people import address, soon

MISUSES = [
    Trick.PASSWORD,
    Trick.ROSTER,
    Trick.ARCHIVE,
    Trick.PEP,
    Trick.CARBONS,
]


class Careless(ServerConfig):
    """A server with our modules, where a login could change its password."""

    def _options(self) -> dict[str, Lua]:
        options = super()._options()
        modules = options["modules_enabled"]
        assert isinstance(modules, list)
        return {**options, "modules_enabled": [*modules, "register"]}


class Ordinary(Careless):
    """The same without them."""

    def _options(self) -> dict[str, Lua]:
        return {**super()._options(), "authentication": "internal_hashed"}


@contextlib.contextmanager
def running(config: type[ServerConfig], folder: Any) -> Iterator[RunningServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "ServerConfig", config)
        with RunningServer(folder) as server:
            yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that holds a display to what it was let in for."""
    with running(Careless, tmp_path_factory.mktemp("held")) as server:
        yield server


class Forgetful(Careless):
    """A server that forgets that a token was used, and what for."""

    def _options(self) -> dict[str, Lua]:
        lua = self.folder / "forgetful"
        shutil.copytree(self.modules, lua, dirs_exist_ok=True)
        module = lua / "mod_mobility_delegation.lua"
        text = module.read_text()
        for check in FORGOTTEN:
            assert check in text
            text = text.replace(check, FORGOTTEN[check])
        module.write_text(text)
        return {**super()._options(), "plugin_paths": [str(lua), str(lua / "private")]}


FORGOTTEN = {
    "elseif not delegation.redeemed then": "else",
    "\t\t\tor event.resource and asked ~= delegation.resource\n": "",
    "\t\t\tor sessions_of(delegation.username)[delegation.resource]\n": "",
    "event.resource = delegation.resource;": "",
    "elseif delegation.session and delegation.session.resumption_token then\n"
    "\t\treturn delegation; -- to resume that stream: binding is refused below\n": "",
}


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield one that does not know which tokens were used."""
    with running(Forgetful, tmp_path_factory.mktemp("forgetful")) as server:
        yield server


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield one that knows nothing of displays."""
    with running(Ordinary, tmp_path_factory.mktemp("ordinary")) as server:
        yield server


@contextlib.asynccontextmanager
async def let_in(
    server: RunningServer, *tricks: Trick, level: Level = Level.LOGIN
) -> AsyncIterator[tuple[Client, HostileDisplay, Any]]:
    """A phone and a display, and the visit that would let it in."""
    jid, password = server.add()
    async with (
        HostileDisplay(server.add(), **address(server)) as display,
        Client(jid, password, **address(server)) as phone,
    ):
        display.tricks.update(tricks)
        visit = phone.visit(display.invitation, approve=display.digits, level=level)
        yield phone, display, visit


async def misused(server: RunningServer, trick: Trick) -> bool:
    """Whether the account lets a display do this."""
    async with let_in(server, trick) as (_, display, visit):
        with pytest.MonkeyPatch.context() as patch:
            # With another password the phone is out, and so waits for nobody.
            patch.setattr("mobility.visit.screen.CLEANING", 0.3)
            async with visit:
                return await display.account.misuses(trick)


@pytest.mark.parametrize("trick", MISUSES, ids=lambda trick: trick.name)
async def test_a_server_with_our_modules_holds_a_display(
    server: RunningServer, hurry: None, trick: Trick
) -> None:
    assert not await misused(server, trick)


@pytest.mark.parametrize("trick", MISUSES, ids=lambda trick: trick.name)
async def test_any_other_server_lets_a_display_do_it(
    ordinary: RunningServer, hurry: None, trick: Trick
) -> None:
    assert await misused(ordinary, trick)


# --- its token --------------------------------------------------------------------


async def again(server: RunningServer, trick: Trick, resource: str = "") -> bool:
    async with let_in(server, trick, level=Level.TOKEN) as (_, display, visit):
        async with visit:
            return await display.account.logs_in_again(
                resource or display.account.resource
            )


@pytest.mark.parametrize("resource", ["", "elsewhere"])
async def test_a_token_that_was_used_opens_nothing(
    server: RunningServer, hurry: None, resource: str
) -> None:
    assert not await again(server, Trick.PASSES_TOKEN_ON, resource)


async def test_a_server_that_forgets_lets_a_token_be_used_again(
    forgetful: RunningServer, hurry: None
) -> None:
    assert await again(forgetful, Trick.PASSES_TOKEN_ON, "elsewhere")


# --- a display that stays ---------------------------------------------------------

attacks: Attacks[[RunningServer]] = Attacks()


async def not_at_all(*_: object) -> None:
    pass


NOT_ENDED = {"mobility.visit.visits.Visits._log_out": not_at_all}


async def _still_there(display: HostileDisplay) -> bool:
    """After a while in which it would have been told."""
    assert display.account.stream is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await display.account.stream._gone.wait()
    return display.account.logged_in


@attacks.stopped_by(NOT_ENDED)
async def a_display_stays_logged_in(server: RunningServer) -> bool:
    async with let_in(server, Trick.KEEPS_SESSION) as (_, display, visit):
        async with visit:
            pass
        return await _still_there(display)


@attacks.stopped_by(NOT_ENDED)
async def a_display_says_goodbye_and_stays_logged_in(server: RunningServer) -> bool:
    async with let_in(server, Trick.SAYS_GOODBYE) as (_, display, visit):
        async with visit as screen:
            await display.end_visit()
            await soon(screen.ended())
            return await _still_there(display)


@attacks.stopped_by(NOT_ENDED)
async def a_display_with_a_token_stays_logged_in(server: RunningServer) -> bool:
    tricks = Trick.KEEPS_SESSION, Trick.SAYS_GOODBYE
    async with let_in(server, *tricks, level=Level.TOKEN) as (_, display, visit):
        async with visit:
            pass
        return await _still_there(display)


async def wherever(*_: object) -> bool:
    return True


@attacks.stopped_by({"mobility.xmpp.login.MobilityLogin.is_there": wherever})
async def a_display_hides_where_it_is_logged_in(server: RunningServer) -> bool:
    """So that it cannot be ended there; and the phone says nothing."""
    async with let_in(server, Trick.OTHER_RESOURCE) as (_, display, visit):
        async with visit:
            return display.account.logged_in


@pytest.mark.parametrize("attack", attacks, ids=str)
@pytest.mark.parametrize("kind", ["server", "ordinary"])
async def test_it_fails(
    attack: Attack[[RunningServer]],
    kind: str,
    request: pytest.FixtureRequest,
    hurry: None,
) -> None:
    assert not await attack.succeeds(request.getfixturevalue(kind))


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    attack: Attack[[RunningServer]],
    request: pytest.FixtureRequest,
    hurry: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack.undefended(monkeypatch)
    kind = "ordinary" if attack is a_display_hides_where_it_is_logged_in else "server"
    assert await attack.succeeds(request.getfixturevalue(kind))


async def test_a_session_comes_back_from_a_display_that_says_goodbye_elsewhere(
    server: RunningServer, hurry: None
) -> None:
    async with let_in(server) as (phone, display, visit):
        board = Board(strokes=("first",))
        async with visit as screen:
            moved = await phone.transfer(board, to=screen)
            await display.end_visit()
            await soon(moved.ended())
            assert board.running


async def test_a_display_is_where_it_was_let_in_or_nowhere(
    server: RunningServer, hurry: None
) -> None:
    async with let_in(server, Trick.OTHER_RESOURCE) as (_, display, visit):
        with pytest.raises(MobilityError):
            async with visit:
                pass
        assert not await _still_there(display)
