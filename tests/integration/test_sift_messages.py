"""A message that a session does not want goes to one that does, or waits for it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest

from mobility.protocol.sift import OFF, Kind, Recipient, Rule, Sender, Sift
from tests.fakes.running import RunningServer
from tests.integration.delegated import CLIENT
from tests.integration.sifting import Sifted, entered

NOTHING = Sift({Kind.MESSAGE: Rule()})
APP = "urn:example:app"
ONLY_APP = Sift({Kind.MESSAGE: Rule(allow=frozenset({f"{{{APP}}}x"}))})
CARBONS = "<enable xmlns='urn:xmpp:carbons:2'/>"
BODY = "<body>a</body>"


def say(sender: Sifted, to: object, id: str, payload: str = BODY, **more: str) -> None:
    attributes = "".join(f" {name}='{value}'" for name, value in more.items())
    sender.say(f"<message to='{to}' id='{id}'{attributes}>{payload}</message>")


def bounced(session: Sifted) -> list[str]:
    """Ids of messages that came back."""
    return [
        each.get("id", "")
        for each in session.heard
        if each.tag == f"{{{CLIENT}}}message" and each.get("type") == "error"
    ]


def inner(session: Sifted) -> list[str]:
    """Ids of the messages that came as copies."""
    path = f"*/{{urn:xmpp:forward:0}}forwarded/{{{CLIENT}}}message"
    found: list[Element] = [m for each in session.heard for m in each.findall(path)]
    return [each.get("id", "") for each in found]


async def test_what_every_session_sifts_is_stored_and_comes_once_when_it_is_wanted(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, server.add(), "balcony") as juliet,
    ):
        for session in (pda, home):
            assert await session.sift(NOTHING) == "result"
        say(juliet, account[0], "normal")
        say(juliet, account[0], "chat", type="chat")
        say(juliet, account[0], "headline", type="headline")
        await juliet.is_heard_after(pda, home)
        assert pda.ids("message") == home.ids("message") == []
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after()
        assert pda.ids("message") == ["normal", "chat"]
        delays = [each.find("{urn:xmpp:delay}delay") for each in pda.heard]
        assert len([delay for delay in delays if delay is not None]) >= 2
        assert await home.sift(OFF) == "result"
        await home.is_heard_after()
        assert home.ids("message") == []
        assert bounced(juliet) == []


async def test_of_what_is_stored_each_session_gets_what_it_wants(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.sift(NOTHING) == "result"
        say(juliet, account[0], "app", f"<x xmlns='{APP}'/>")
        say(juliet, account[0], "text")
        await juliet.is_heard_after(pda)
        assert await pda.sift(ONLY_APP) == "result"
        await pda.is_heard_after()
        assert pda.ids("message") == ["app"]
        assert await pda.sift(ONLY_APP) == "result"  # the same again changes nothing
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after()
        assert pda.ids("message") == ["app", "text"]


async def test_a_filter_that_is_set_before_presence_loses_no_stored_message(
    server: RunningServer,
) -> None:
    account = server.add()
    async with entered(server, server.add(), "balcony") as juliet:
        say(juliet, account[0], "text")
        say(juliet, account[0], "app", f"<x xmlns='{APP}'/>")
        await juliet.is_heard_after()
        async with entered(server, account, "map", priority=None) as map_:
            assert await map_.sift(ONLY_APP) == "result"
            map_.show()
            await map_.is_heard_after()
            assert map_.ids("message") == ["app"]
        async with entered(server, account, "pda") as pda:
            assert pda.ids("message") == ["text"]


async def test_chat_goes_to_the_best_session_that_wants_it(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        entered(server, account, "best", 5) as best,
        entered(server, account, "next", 1) as next_,
        entered(server, account, "last", 0) as last,
        entered(server, account, "hidden", -1) as hidden,
        entered(server, account, "silent", None) as silent,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await best.sift(ONLY_APP) == "result"
        say(juliet, account[0], "text", type="chat")
        say(juliet, account[0], "app", f"<x xmlns='{APP}'/>", type="chat")
        say(juliet, account[0], "news", type="headline")
        await juliet.is_heard_after(best, next_, last, hidden, silent)
        assert best.ids("message") == ["app"]
        assert next_.ids("message") == ["text", "news"]
        assert last.ids("message") == ["news"]
        assert hidden.ids("message") == silent.ids("message") == []
        for session in (next_, last):
            assert await session.sift(NOTHING) == "result"
        say(juliet, account[0], "nobody", type="chat")
        await juliet.is_heard_after(hidden, silent)
        assert hidden.ids("message") == silent.ids("message") == []


@pytest.mark.parametrize("to", ["bare", "full"])
async def test_who_has_a_copy_does_not_get_the_message_as_well(
    server: RunningServer, to: str
) -> None:
    account = server.add()
    async with (
        entered(server, account, "best", 5) as best,
        entered(server, account, "next", 1) as next_,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await next_.ask(CARBONS, kind="set") == "result"
        assert await best.sift(NOTHING) == "result"
        say(juliet, getattr(best.boundjid, to), "text", type="chat")
        await juliet.is_heard_after(best, next_)
        assert best.ids("message") == []
        assert len(next_.ids("message")) == 1
        assert inner(next_) == ["text"]
        assert await best.sift(OFF) == "result"
        await best.is_heard_after()
        assert best.ids("message") == []


async def test_who_gets_no_copy_gets_the_message(server: RunningServer) -> None:
    """Among those of the highest priority none is given a carbon."""
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await home.ask(CARBONS, kind="set") == "result"
        assert await pda.sift(NOTHING) == "result"
        say(juliet, account[0], "text", type="chat")
        await juliet.is_heard_after(pda, home)
        assert home.ids("message") == ["text"]
        assert inner(home) == []


async def test_what_was_for_one_session_that_sifts_it_is_not_lost(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, server.add(), "balcony") as juliet,
    ):
        me = str(pda.boundjid)
        assert await pda.sift(NOTHING) == "result"
        say(juliet, me, "another")
        await juliet.is_heard_after(pda, home)
        assert home.ids("message") == ["another"]
        assert await home.sift(NOTHING) == "result"
        say(juliet, me, "stored", type="chat")
        say(juliet, me, "headline", type="headline")
        say(juliet, me, "room", type="groupchat")  # an error would end our stay there
        await juliet.is_heard_after(pda, home)
        assert bounced(juliet) == []
        assert await pda.sift(OFF) == "result"
        await pda.is_heard_after()
        assert pda.ids("message") == ["stored"]


async def test_a_rule_for_bare_addresses_is_like_a_negative_priority(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        sift = Sift({Kind.MESSAGE: Rule(recipient=Recipient.BARE)})
        assert await pda.sift(sift) == "result"
        say(juliet, account[0], "bare")
        say(juliet, pda.boundjid, "full")
        await juliet.is_heard_after(pda)
        assert pda.ids("message") == ["full"]


async def test_a_copy_is_judged_by_who_sent_what_is_in_it(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.ask(CARBONS, kind="set") == "result"
        others = Sift({Kind.MESSAGE: Rule(Sender.OTHERS)})
        assert await pda.sift(others) == "result"
        say(juliet, home.boundjid, "theirs", type="chat")
        say(home, juliet.boundjid, "ours", type="chat")
        await juliet.is_heard_after(home, pda)
        assert inner(pda) == ["ours"]
        own = Sift({Kind.MESSAGE: Rule(Sender.SELF)})
        assert await pda.sift(own) == "result"
        say(juliet, home.boundjid, "theirs", type="chat")
        say(home, juliet.boundjid, "ours", type="chat")
        await juliet.is_heard_after(home, pda)
        assert inner(pda) == ["ours", "theirs"]


async def test_a_copy_is_judged_by_what_is_in_it(server: RunningServer) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.ask(CARBONS, kind="set") == "result"
        assert await pda.sift(ONLY_APP) == "result"
        say(juliet, home.boundjid, "app", f"<x xmlns='{APP}'/>", type="chat")
        say(juliet, home.boundjid, "text", type="chat")
        await juliet.is_heard_after(home, pda)
        assert inner(pda) == ["app"]


async def test_a_copy_that_somebody_else_made_up_is_their_message(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.sift(Sift({Kind.MESSAGE: Rule(Sender.OTHERS)})) == "result"
        forged = (
            "<received xmlns='urn:xmpp:carbons:2'>"
            "<forwarded xmlns='urn:xmpp:forward:0'>"
            f"<message xmlns='jabber:client' from='{account[0]}/home' id='forged'>"
            "<body>a</body></message></forwarded></received>"
        )
        say(juliet, pda.boundjid, "m1", forged, type="headline")
        await juliet.is_heard_after(pda)
        assert pda.ids("message") == []


async def test_what_cannot_be_stored_either_comes_back(server: RunningServer) -> None:
    """Nobody is told that a message arrived that did not."""
    async with (
        entered(server, server.add(), "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.sift(NOTHING) == "result"
        say(juliet, f"nobody@{server.domain}", "m1")
        await juliet.is_heard_after()
        assert bounced(juliet) == ["m1"]
