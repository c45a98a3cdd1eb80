"""A client asks its server to sift, wherever that is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mobility import Client
from mobility.errors import LocalProtocolError
from mobility.protocol.sift import OFF, Kind, Recipient, Rule, Sender, Sift
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.running import RunningServer
from tests.integration.people import address
from tests.integration.sifting import entered
from tests.integration.web_delegated import by_password, web

QUIET = Sift({Kind.MESSAGE: Rule(Sender.OTHERS, Recipient.FULL)})
NEWS = "<message to='{}' type='headline' id='{}'><body>a</body></message>"


@pytest.fixture
async def client(server: RunningServer) -> AsyncIterator[Client]:
    jid, password = server.add()
    async with Client(jid, password, **address(server)) as client:
        yield client


async def test_our_server_can_sift_all_that_the_rules_say(client: Client) -> None:
    supported = await client.stream.sifting.supported()
    assert {f"stanzas:{kind}" for kind in Kind} <= supported
    assert {f"senders:{sender}" for sender in Sender} <= supported
    assert {f"recipients:{recipient}" for recipient in Recipient} <= supported
    assert "payloads:qname" in supported


async def test_a_client_hears_what_it_wants_and_sees_it_as_the_server_does(
    server: RunningServer, client: Client
) -> None:
    sifting, xmpp = client.stream.sifting, client.stream.xmpp
    heard = []
    xmpp.add_event_handler("message", lambda message: heard.append(message))
    async with entered(server, server.add(), "balcony") as juliet:
        await sifting.set(QUIET)
        juliet.say(NEWS.format(client.stream.jid, "no"))
        await juliet.is_heard_after()
        await sifting.set(OFF)
        juliet.say(NEWS.format(client.stream.jid, "yes"))
        await juliet.is_heard_after()
        await sifting.supported()
    (message,) = heard
    assert message["id"] == "yes"
    inbound = sifting.inbound(message.xml)
    assert inbound.sender == str(juliet.boundjid)
    assert not QUIET.passes(inbound, client.stream.jid)


async def test_a_browser_is_sifted_too(server: RunningServer) -> None:
    account = server.add()
    async with (
        web(server, by_password(*account)) as page,
        entered(server, server.add(), "balcony") as juliet,
    ):
        me = await page.bind("page")
        await page.ask("<sift xmlns='urn:xmpp:sift:2'><message/></sift>", kind="set")
        juliet.say(NEWS.format(me, "no"))
        await juliet.is_heard_after()
        await page.ask("<sift xmlns='urn:xmpp:sift:2'/>", kind="set")
        juliet.say(NEWS.format(me, "yes"))
        heard = await page.hear()
        assert heard.get("id") == "yes"


async def test_a_server_without_sift_says_so_and_refuses(ejabberd: Ejabberd) -> None:
    jid, password = ejabberd.add()
    async with Client(jid, password, **address(ejabberd)) as client:
        assert await client.stream.sifting.supported() == frozenset()
        with pytest.raises(LocalProtocolError, match="does not filter"):
            await client.stream.sifting.set(QUIET)
