"""A filter lasts as long as its session does, and what it withheld is made good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mobility.protocol.sift import OFF, Kind, Rule, Sender, Sift
from tests.fakes.loose import loose_server
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.delegated import CLIENT, opened, owner, policy, token_login
from tests.integration.people import soon
from tests.integration.sifting import Sifted, befriended, entered
from tests.integration.test_delegation_holds import MODULES
from tests.integration.test_sift_messages import APP, ONLY_APP, say

HUSH = Sift({Kind.PRESENCE: Rule()})
QUIET = Sift({Kind.SUB: Rule()})
SILENT = Sift({Kind.MESSAGE: Rule()})
RELOAD = "<reload xmlns='urn:example:reloading' module='sift'/>"


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with loose_server(tmp_path_factory.mktemp("loose")) as running:
        yield running


def shown(session: Sifted, since: int = 0) -> dict[str, str]:
    """The last that each address said of its presence."""
    return {
        each.get("from", ""): each.get("type", "available")
        for each in session.heard[since:]
        if each.tag == f"{{{CLIENT}}}presence"
        and each.get("type") in {None, "unavailable"}
        and each.get("from") != str(session.boundjid)
    }


# ---------- Presence ----------


async def test_presence_is_asked_for_again_when_it_is_wanted_again(
    server: RunningServer,
) -> None:
    account, friend = server.add(), server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, friend, "balcony") as juliet,
    ):
        await befriended(pda, juliet)
        async with entered(server, friend, "garden") as garden:
            await garden.is_heard_after(pda)
            assert await pda.sift(HUSH) == "result"
            since = len(pda.heard)
            juliet.say("<presence ><show>dnd</show></presence>")
            home.say("<presence ><show>away</show></presence>")
            await home.is_heard_after(juliet)
            gone = str(garden.boundjid)
        async with entered(server, account, "tablet") as tablet:
            await tablet.is_heard_after(juliet, home)
            left = str(tablet.boundjid)
        await home.is_heard_after(juliet, pda)
        assert shown(pda, since) == {}
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after(juliet, home, pda)
        assert shown(pda, since) == {
            str(juliet.boundjid): "available",
            str(home.boundjid): "available",
            gone: "unavailable",
            left: "unavailable",
        }
        shows = [each.findtext(f"{{{CLIENT}}}show") for each in pda.heard[since:]]
        assert sorted(filter(None, shows)) == ["away", "dnd"]


async def test_presence_of_who_is_no_contact_comes_late_and_not_never(
    server: RunningServer,
) -> None:
    """As of who is in a room: nobody can be asked for it again."""
    async with (
        entered(server, server.add(), "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.sift(HUSH) == "result"
        juliet.say(f"<presence to='{pda.boundjid}'><show>chat</show></presence>")
        await juliet.is_heard_after(pda)
        assert shown(pda) == {}
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after()
        assert shown(pda) == {str(juliet.boundjid): "available"}


async def test_a_stranger_does_not_fill_the_server_with_presence_that_is_withheld(
    server: RunningServer,
) -> None:
    """Each of 500 could be as large as a stanza."""
    async with (
        entered(server, server.add(), "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.sift(HUSH) == "result"
        status = f"<status>{'a' * 5000}</status>"
        juliet.say(f"<presence to='{pda.boundjid}'>{status}</presence>")
        await juliet.is_heard_after(pda)
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after()
        assert shown(pda) == {str(juliet.boundjid): "available"}
        assert not [each for each in pda.heard if each.find(STATUS) is not None]


async def test_a_session_has_so_many_names_in_its_rules_and_no_more(
    server: RunningServer,
) -> None:
    async with entered(server, server.add(), "pda") as pda:
        for count, verdict in ((1000, "result"), (1001, "resource-constraint")):
            names = "".join(f"<allow name='n{n}' ns='a'/>" for n in range(count - 1))
            text = f"<message><allow name='a' ns='a'/></message><iq>{names}</iq>"
            answer = await pda.sift(f"<sift xmlns='urn:xmpp:sift:2'>{text}</sift>")
            assert answer == verdict


async def test_presence_is_not_asked_for_again_if_only_other_rules_changed(
    server: RunningServer,
) -> None:
    account, friend = server.add(), server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, friend, "balcony") as juliet,
    ):
        await befriended(pda, juliet)
        others = Rule(Sender.OTHERS)
        assert await pda.sift(Sift({Kind.PRESENCE: others})) == "result"
        since = len(pda.heard)
        async with entered(server, friend, "garden") as garden:
            gone = str(garden.boundjid)
        await juliet.is_heard_after(home)
        both = Sift({Kind.PRESENCE: others, Kind.MESSAGE: Rule()})
        assert await pda.sift(both) == "result"
        await pda.is_heard_after(juliet, home, pda)
        assert shown(pda, since) == {}
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after(juliet, home, pda)
        assert shown(pda, since) == {
            str(juliet.boundjid): "available",
            str(home.boundjid): "available",
            gone: "unavailable",
        }


async def test_a_request_of_a_contact_waits_until_it_is_wanted(
    server: RunningServer,
) -> None:
    async with (
        entered(server, server.add(), "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.sift(QUIET) == "result"
        juliet.say(f"<presence type='subscribe' to='{pda.boundjid.bare}'/>")
        await juliet.is_heard_after(pda)
        asked = [each for each in pda.heard if each.get("type") == "subscribe"]
        assert asked == []
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after()
        (asked_,) = [each for each in pda.heard if each.get("type") == "subscribe"]
        assert asked_.get("from") == juliet.boundjid.bare


# ---------- Sessions ----------


async def test_a_stream_that_is_resumed_is_sifted_as_before(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        Proxy(server.c2s_port) as network,
        entered(server, server.add(), "balcony") as juliet,
        opened(Sifted(server, f"{account[0]}/pda", account[1])) as pda,
    ):
        pda.through(network)
        assert await pda.open()
        pda.show()
        assert await pda.sift(ONLY_APP) == "result"
        network.cut()
        await soon(pda.closed.wait())
        say(juliet, pda.boundjid, "asleep", type="headline")
        say(juliet, pda.boundjid, "app", f"<x xmlns='{APP}'/>", type="headline")
        await juliet.is_heard_after()
        assert await pda.open()
        assert pda.resumed.is_set()
        say(juliet, pda.boundjid, "awake", type="headline")
        say(juliet, pda.boundjid, "app2", f"<x xmlns='{APP}'/>", type="headline")
        await juliet.is_heard_after(pda)
        assert pda.ids("message") == ["app", "app2"]
        assert await pda.sift(OFF) == "result"
        say(juliet, pda.boundjid, "all", type="headline")
        await juliet.is_heard_after(pda)
        assert pda.ids("message") == ["app", "app2", "all"]


def changed(old: str, new: str, folder: Path) -> Path:
    """Write the module into a folder, with another text in one place."""
    whole = (MODULES / "mod_sift.lua").read_text()
    assert whole.count(old) == 1
    folder.mkdir(exist_ok=True)
    (folder / "mod_sift.lua").write_text(whole.replace(old, new))
    return folder


async def test_without_our_hook_a_resumed_stream_would_be_unfiltered(
    tmp_path: Path,
) -> None:
    weak = changed("smacks-hibernation-end", "never", tmp_path / "weak")
    with loose_server(tmp_path / "server", weak) as server:
        with pytest.raises(AssertionError, match="awake"):
            await test_a_stream_that_is_resumed_is_sifted_as_before(server)


async def test_a_new_session_begins_without_a_filter(server: RunningServer) -> None:
    account = server.add()
    async with entered(server, server.add(), "balcony") as juliet:
        async with entered(server, account, "pda") as pda:
            assert await pda.sift(SILENT) == "result"
        async with entered(server, account, "pda") as pda:
            say(juliet, pda.boundjid, "m1", type="headline")
            await juliet.is_heard_after(pda)
            assert pda.ids("message") == ["m1"]


async def test_a_filter_survives_that_the_module_is_loaded_again(
    loose: RunningServer,
) -> None:
    account = loose.add()
    async with (
        entered(loose, account, "pda") as pda,
        entered(loose, loose.add(), "balcony") as juliet,
    ):
        assert await pda.sift(SILENT) == "result"
        assert await juliet.ask(RELOAD, to=loose.domain, kind="set") == "result"
        say(juliet, pda.boundjid, "headline", type="headline")
        say(juliet, account[0], "stored")
        await juliet.is_heard_after(pda)
        assert pda.ids("message") == []
        assert await pda.sift(OFF) == "result"
        say(juliet, pda.boundjid, "again", type="headline")
        await juliet.is_heard_after(pda)
        assert pda.ids("message") == ["stored", "again"]


async def test_without_the_module_everything_comes(tmp_path: Path) -> None:
    """Nobody could lift a filter that stayed."""
    unload = RELOAD.replace("reload ", "unload ")
    with loose_server(tmp_path / "server") as server:
        async with (
            entered(server, server.add(), "pda") as pda,
            entered(server, server.add(), "balcony") as juliet,
        ):
            assert await pda.sift(SILENT) == "result"
            assert await juliet.ask(unload, to=server.domain, kind="set") == "result"
            say(juliet, pda.boundjid, "m1", type="headline")
            await juliet.is_heard_after(pda)
            assert pda.ids("message") == ["m1"]
            assert await pda.sift(OFF) == "service-unavailable"


async def test_a_display_under_our_account_gets_no_more_by_lifting_its_filter(
    loose: RunningServer,
) -> None:
    account = loose.add()
    async with (
        owner(loose, *account) as (_, delegations),
        entered(loose, loose.add(), "balcony") as juliet,
    ):
        minted = await delegations.mint(policy())
        async with token_login(loose, account[0], minted) as display:
            assert await display.open()
            for text in (SILENCE, "<sift xmlns='urn:xmpp:sift:2'/>"):
                await display.ask(text, kind="set")
                assert await display.ask("<query xmlns='jabber:iq:roster'/>") == (
                    "forbidden"
                )
                say(juliet, display.boundjid, "m1", type="headline")
                say(juliet, account[0], "m2")
                await juliet.is_heard_after(display)
                assert not [each for each in display.heard if each.tag == MESSAGE]


STATUS = f"{{{CLIENT}}}status"
MESSAGE = f"{{{CLIENT}}}message"
SILENCE = "<sift xmlns='urn:xmpp:sift:2'><message/></sift>"
