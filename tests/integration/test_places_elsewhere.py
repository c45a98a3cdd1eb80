"""Displays on a server of another operator than the visitor's, or of another make."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from mobility import PeerUnreachable
from mobility.errors import DirectoryUnavailable
from mobility.public.places import looking
from mobility.xmpp.places import plugin, stanza
from mobility.xmpp.stream import Stream
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.federation import Federation
from tests.integration.people import address, soon
from tests.integration.test_places import (
    LOBBY,
    condition,
    display,
    entry,
    names,
    until,
)

# --- on another server ----------------------------------------------------------------


async def test_a_visitor_of_another_server_finds_the_displays_of_a_venue(
    federation: Federation,
) -> None:
    home, venue = federation.home, federation.venue
    async with (
        display(venue, venue.add_display(), name="At the venue"),
        looking(*home.add(), **address(home)) as places,
    ):
        found = await until(
            lambda: places.displays([venue.domain]),
            lambda found: "At the venue" in names(found),
        )
    (seen,) = found.displays
    assert (seen.domain, seen.spot) == (venue.domain, LOBBY)


async def test_a_venue_that_cannot_be_reached_is_a_sentence(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "SECONDS", 0.3)
    home, venue = federation.home, federation.venue
    federation.there.swallow()
    async with looking(*home.add(), **address(home)) as places:
        with pytest.raises(PeerUnreachable, match=r"venue\.example does not answer"):
            await soon(places.displays([venue.domain]))


async def test_nobody_of_another_server_lists_themselves(
    federation: Federation,
) -> None:
    home, venue = federation.home, federation.venue
    jid, password = home.add_display()  # a display there, and nothing here
    name = jid.partition("@")[0]
    async with Stream(jid, password, **address(home)) as stream:
        for element in (stanza.publish(name, entry("X")), stanza.retract(name)):
            to = f"pubsub.{venue.domain}"
            assert await condition(stream, to, "set", element) == "forbidden"


# --- on a server without our module ---------------------------------------------------

SERVICE = "pubsub.ejabberd.example"


@contextlib.asynccontextmanager
async def admitted(
    ejabberd: Ejabberd, operator: tuple[str, str], number: int
) -> AsyncIterator[list[Stream]]:
    """So many displays that may list themselves."""
    accounts = [ejabberd.add() for _ in range(number)]
    async with looking(*operator, **address(ejabberd)) as places:
        await places.admit(SERVICE, [jid for jid, _ in accounts])
    async with contextlib.AsyncExitStack() as stack:
        streams = [Stream(*account, **address(ejabberd)) for account in accounts]
        yield [await stack.enter_async_context(stream) for stream in streams]


async def test_on_ejabberd_whoever_runs_it_names_the_displays(
    ejabberd: Ejabberd, operator: tuple[str, str]
) -> None:
    async with (
        admitted(ejabberd, operator, 2) as (first, second),
        Stream(*ejabberd.add(), **address(ejabberd)) as stranger,
        looking(*operator, **address(ejabberd)) as places,
    ):
        await first.places.publish(entry("First"))
        await second.places.publish(entry("Second"))
        with pytest.raises(DirectoryUnavailable, match="names the accounts that may"):
            await stranger.places.publish(entry("Stranger"))
        async with looking(*ejabberd.add(), **address(ejabberd)) as others:
            with pytest.raises(DirectoryUnavailable, match="does not let this account"):
                await others.admit(SERVICE, ["me@ejabberd.example"])
        assert {"First", "Second"} <= names(await places.displays())
        await second.places.publish(entry("Renamed"))
        await first.places.retract()
        assert await first.places.own() is None
        found = names(await places.displays())
        assert "Renamed" in found
        assert found.isdisjoint({"First", "Second", "Stranger"})
        await places.dismiss(SERVICE, [second.jid.partition("/")[0]])
        with pytest.raises(DirectoryUnavailable):
            await second.places.publish(entry("Again"))


async def test_on_ejabberd_a_display_changes_nothing_of_another(
    ejabberd: Ejabberd, operator: tuple[str, str]
) -> None:
    async with admitted(ejabberd, operator, 2) as (victim, thief):
        await victim.places.publish(entry("Victim"))
        name = victim.places.account
        for element in (
            stanza.publish(name, entry("Thief")),
            stanza.retract(name),
            stanza.configure(),
        ):
            assert await condition(thief, SERVICE, "set", element) == "forbidden"
        huge = stanza.publish(thief.places.account, entry("x" * 5000))
        assert await condition(thief, SERVICE, "set", huge) == "not-acceptable"
        found = await victim.places.own()
        assert found is not None
        assert found.name == "Victim"


async def test_a_list_of_hundreds_comes_whole(
    ejabberd: Ejabberd, operator: tuple[str, str]
) -> None:
    async with (
        admitted(ejabberd, operator, 1) as (busy,),
        looking(*operator, **address(ejabberd)) as places,
    ):
        many = {f"n{number}" for number in range(200)}
        for name in many:
            busy.xmpp.make_iq_set(
                stanza.publish(name, entry(name)), ito=SERVICE
            ).send().cancel()
        await busy.places.publish(entry("last"))
        found = await places.displays()
        assert many <= {display.id for display in found.displays}
        assert found.problems == ()
