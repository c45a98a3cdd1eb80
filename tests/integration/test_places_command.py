"""`mobility displays` as a person runs it, and displays that a kiosk's file places."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Coordinates, Spot
from mobility.cli.displays import displays
from mobility.errors import DirectoryUnavailable, MobilityError
from mobility.public.places import looking
from mobility.xmpp.stream import Stream
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.kiosk import children, running, settings
from tests.fakes.running import RunningServer
from tests.integration.people import Running, address, variables
from tests.integration.test_commands import mobility
from tests.integration.test_kiosk import another, visit
from tests.integration.test_places import display, entry, names, until
from tests.integration.test_places_elsewhere import SERVICE

Environment = dict[str, str]
AURORA = Spot(
    Coordinates(51.0504, 13.7373), "Hotel Aurora", "0", "Lobby", "By the stairs"
)
SYDNEY = Spot(Coordinates(-33.8688, 151.2093))


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server with nothing in its list but what a test puts there."""
    with RunningServer(tmp_path_factory.mktemp("venue"), guests="welcome") as running:
        yield running


@pytest.fixture
def environment(venue: RunningServer, tmp_path: Path) -> Environment:
    return account(venue.add(), venue, tmp_path)


def account(user: tuple[str, str], server: Running, tmp_path: Path) -> Environment:
    """Whose phone it is, for the command."""
    looks = {"COLUMNS": "80", "NO_COLOR": "1"}
    return variables(server, user, tmp_path / "phone", **looks)


async def said(environment: Environment, *arguments: str, code: int = 0) -> str:
    async with mobility(environment, "displays", *arguments) as command:
        assert await command.ends() == code, command.printed
        return command.printed


@pytest.fixture
async def listed(venue: RunningServer) -> AsyncIterator[None]:
    """Three displays are in the list."""
    spots = {"Lobby screen": AURORA, "Harbour": SYDNEY, "Somewhere": Spot()}
    async with AsyncExitStack() as stack:
        for name, spot in spots.items():
            one = display(venue, venue.add_display(), spot, name=name)
            await stack.enter_async_context(one)
        places = await stack.enter_async_context(
            looking(*venue.add(), **address(venue))
        )
        await until(places.displays, lambda found: names(found) == set(spots))
        yield


@pytest.mark.usefixtures("listed")
async def test_displays_are_listed_the_nearest_first_however_wide_the_terminal_is(
    environment: Environment,
) -> None:
    for columns in (80, 40):
        environment["COLUMNS"] = str(columns)
        printed = await said(environment, "--near", "51.05,13.73")
        print(printed)
        words = " ".join(printed.split())
        assert max(map(len, printed.splitlines())) <= columns
        assert "\x1b" not in printed
        positions = [words.index(each) for each in ("510 m", "16,112 km", "?")]
        assert positions == sorted(positions)
        for text in ("localhost", "calls itself", "of Aurora", "By the stairs"):
            assert text in words
        assert "go there and scan its code" in words


@pytest.mark.usefixtures("listed")
async def test_what_is_too_far_or_nowhere_is_left_out(environment: Environment) -> None:
    near = await said(environment, "--near", "geo:51.05,13.73;u=30", "--within", "5")
    assert "Lobby screen" in near
    assert "Harbour" not in near
    assert "Somewhere" not in near
    none = await said(environment, "--near", "-60,-10", "--within", "5")
    assert "No display within 5 km. The nearest is" in " ".join(none.split())


@pytest.mark.usefixtures("listed")
async def test_programs_read_the_same_and_nothing_that_opens_a_visit(
    environment: Environment,
) -> None:
    printed = await said(environment, "--near", "51.0504,13.7373", "--json")
    found: dict[str, Any] = json.loads(printed)
    first = found["displays"][0]
    assert (first["claimed_name"], first["distance_metres"]) == ("Lobby screen", 0)
    assert (first["lat"], first["room"], first["in_use"]) == (51.0504, "Lobby", None)
    assert found["problems"] == []
    assert "@" not in printed
    assert "xmpp:" not in printed


async def test_an_empty_list_and_a_guest_who_reads_it(
    venue: RunningServer, environment: Environment
) -> None:
    assert "No display is listed" in await said(environment)
    del environment["MOBILITY_JID"]
    assert "No display is listed" in await said(
        environment, "--on", venue.domain, "--guest"
    )


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a server that is none": ({"on": ["nowhere.example"]}, "no server called nowhere"),
    "an address": ({"on": ["lobby@kiosk.example"]}, "is not a server"),
    "no list": ({"on": ["conference.localhost"]}, "keeps no list of its displays"),
    "no place": ({"near": "Dresden"}, "is no place"),
    "beyond the pole": ({"near": "91,0"}, "latitude is from -90 to 90"),
    "within of nothing": ({"within": 5}, "needs --near"),
    "a guest of nobody": ({"guest": True}, "name it with --on"),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_answered_is_one_sentence(
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    sentence: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MobilityError, match=sentence) as raised:
        displays(**options)
    assert str(raised.value).endswith((".", "?"))


# --- who may be in it -----------------------------------------------------------------


async def test_who_runs_the_server_says_which_accounts_are_displays(
    venue: RunningServer, environment: Environment
) -> None:
    here = ("server", "displays", "--data", str(venue.folder))
    jid, password = venue.add("newcomer")

    async def told(*arguments: str) -> str:
        async with mobility(environment, *here, *arguments) as command:
            assert await command.ends() == 0, command.printed
            return command.printed

    async with Stream(jid, password, **address(venue)) as stream:
        assert "newcomer@localhost may list itself now." in await told(jid)
        assert jid in (await told()).splitlines()
        await stream.places.publish(entry("Newcomer"))
        assert "may no longer list itself." in await told(jid, "--remove")
        with pytest.raises(DirectoryUnavailable):
            await stream.places.publish(entry("Newcomer"))
        venue.delete("newcomer")


async def test_on_another_server_it_is_said_with_ones_own_account(
    ejabberd: Ejabberd, tmp_path: Path, operator: tuple[str, str]
) -> None:
    environment = account(operator, ejabberd, tmp_path)
    jid, password = ejabberd.add()
    here = ("server", "displays", "--at", SERVICE, jid)
    async with mobility(environment, *here) as command:
        assert await command.ends() == 0, command.printed
        assert f"{jid} may list itself at {SERVICE}." in command.printed
    async with Stream(jid, password, **address(ejabberd)) as stream:
        await stream.places.publish(entry("Let in"))


# --- a kiosk --------------------------------------------------------------------------

WHERE = '[location]\nlat = 51.0504\nlon = 13.7373\nbuilding = "Hotel Aurora"\n'
ROOM = '[displays.location]\nroom = "Bar"\n'


async def test_a_kiosks_displays_are_listed_over_a_visit_and_until_it_stops(
    venue: RunningServer, tmp_path: Path
) -> None:
    file = settings(venue, tmp_path, ["one", "two"], more=WHERE)
    file.write_text(file.read_text() + ROOM)
    for each in venue._server.accounts.jids():
        venue._server.accounts.list_display(each.partition("@")[0])
    both = {"Screen one", "Screen two"}
    async with looking(*venue.add(), **address(venue)) as places:

        async def look() -> Any:
            return await places.displays()

        async with running(file) as kiosk:
            found = await until(look, lambda found: names(found) == both)
            spots = {each.name: each.spot for each in found.displays}
            assert spots["Screen one"].building == "Hotel Aurora"
            assert spots["Screen one"].coordinates == Coordinates(51.0504, 13.7373)
            assert (spots["Screen one"].room, spots["Screen two"].room) == ("", "Bar")
            before = children(kiosk.process.pid)
            async with Client(*venue.add(), **address(venue)) as phone:
                assert await visit(phone, kiosk.pages["one"])
            assert await look() == found  # the old process has gone, the new is to come
            await another(kiosk, "one", before["one"])
            await kiosk.pages["one"].shows("idle")
            assert await look() == found
            os.kill(before["two"], signal.SIGKILL)
            kiosk.pages["two"].view = {}
            await another(kiosk, "two", before["two"])
            await kiosk.pages["two"].shows("idle")
            await until(look, lambda found: names(found) == both)
        assert names(await look()) == set()


async def test_a_kiosk_without_a_place_is_not_listed(
    venue: RunningServer, tmp_path: Path
) -> None:
    file = settings(venue, tmp_path, ["one"])
    for each in venue._server.accounts.jids():
        venue._server.accounts.list_display(each.partition("@")[0])
    async with running(file) as kiosk:
        (page,) = kiosk.pages.values()
        await page.shows("idle")
        async with looking(*venue.add(), **address(venue)) as places:
            assert (await places.displays()).displays == ()
