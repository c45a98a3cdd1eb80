"""What a server withholds from a session that asked for it (XEP-0273)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from mobility.protocol.sift import OFF, Kind, Recipient, Rule, Sender, Sift
from mobility.xmpp.sifting.stanza import inbound
from tests.fakes.federation import HOME, VENUE, Federation
from tests.fakes.running import RunningServer
from tests.integration.delegated import CLIENT
from tests.integration.sifting import Sifted, entered
from tests.stanza.sift_examples import EXAMPLES

SIFT = "urn:xmpp:sift:2"
DISCO = "http://jabber.org/protocol/disco#info"

SILENCE = "<sift xmlns='urn:xmpp:sift:2'><message/></sift>"

PAYLOADS = (
    "<body>a</body>",
    "<subject>a</subject><thread>b</thread>",
    "<body>a</body><x xmlns='urn:example:app'/>",
    "<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'/>",
    "<x xmlns='urn:example:app'/>",
)
QUESTIONS = (
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='a'/>",
    "<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'/>",
    "<query xmlns='jabber:iq:version'/>",
)
SHOWN = (
    "",
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>",
)


@dataclass(frozen=True)
class Saying:
    """Somebody says every kind of thing to a session and to its account."""

    sender: Sifted
    me: str
    numbers: Iterator[int]

    def all(self) -> list[Element]:
        """Say it; what was said, as it arrives."""
        return [self._say(text) for text in self._texts()]

    def _texts(self) -> Iterator[str]:
        bare = self.me.partition("/")[0]
        is_own = self.sender.boundjid.bare == bare
        for to, payload in itertools.product((self.me, bare), PAYLOADS):
            yield f"<message to='{to}' type='headline' id='ID'>{payload}</message>"
        for payload in QUESTIONS:
            yield f"<iq to='{self.me}' type='get' id='ID'>{payload}</iq>"
        # Presence to one's own account comes to the full address of each session.
        shown_to = (self.me,) if is_own else (self.me, bare)
        for to, payload in itertools.product(shown_to, SHOWN):
            yield f"<presence to='{to}' id='ID'>{payload}</presence>"
            yield f"<presence to='{to}' type='unavailable' id='ID'>{payload}</presence>"
        if not is_own:
            yield f"<presence to='{bare}' type='subscribe' id='ID'/>"
            yield f"<presence to='{bare}' type='unsubscribe' id='ID'/>"

    def _say(self, text: str) -> Element:
        text = text.replace("ID", f"n{next(self.numbers)}")
        self.sender.say(text)
        said: Element = fromstring(text.replace(" ", f" xmlns='{CLIENT}' ", 1))
        subscribing = (said.get("type") or "").endswith("subscribe")
        from_ = self.sender.boundjid
        said.set("from", from_.bare if subscribing else from_.full)
        return said


async def heard_as_decided(session: Sifted, sift: Sift, *senders: Saying) -> None:
    """What was let through is what our engine would have let through."""
    before = len(session.heard)
    said = [stanza for saying in senders for stanza in saying.all()]
    for saying in senders:  # a server takes what comes from another in its order
        await saying.sender.ask(
            "<ping xmlns='urn:xmpp:ping'/>", to=session.boundjid.domain
        )
    await session.is_heard_after()
    me = str(session.boundjid)
    passes = sift.compiled(me)
    expected = {e.get("id", "") for e in said if passes(inbound(e, me))}
    heard = {each.get("id", "") for each in session.heard[before:]}
    assert {e.get("id", "") for e in said} & heard == expected


COMBINED = {
    f"{kind} {sender} {recipient}": Sift({kind: Rule(sender, recipient, allow)})
    for kind, (sender, recipient), allow in zip(
        itertools.cycle(Kind),
        itertools.product(Sender, Recipient),
        itertools.cycle([frozenset(), frozenset({"{urn:example:app}x"})]),
        strict=False,
    )
}


async def test_what_each_example_of_the_xep_withholds_is_what_our_engine_says(
    server: RunningServer, subtests: pytest.Subtests
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, server.add(), "balcony") as juliet,
    ):
        me, numbers = str(pda.boundjid), itertools.count()
        senders = [Saying(each, me, numbers) for each in (home, juliet)]
        for name, (text, sift) in EXAMPLES.items():
            with subtests.test(name):
                assert await pda.sift(text) == "result"
                await heard_as_decided(pda, sift, *senders)


async def test_every_kind_sender_and_recipient_is_decided_as_our_engine_does(
    server: RunningServer, subtests: pytest.Subtests
) -> None:
    account = server.add()
    async with (
        entered(server, account, "pda") as pda,
        entered(server, account, "home") as home,
        entered(server, server.add(), "balcony") as juliet,
    ):
        me, numbers = str(pda.boundjid), itertools.count()
        senders = [Saying(each, me, numbers) for each in (home, juliet)]
        for name, sift in COMBINED.items():
            with subtests.test(name):
                assert await pda.sift(sift) == "result"
                await heard_as_decided(pda, sift, *senders)


async def test_senders_of_another_server_are_remote_and_others(
    federation: Federation, subtests: pytest.Subtests
) -> None:
    home, venue = federation.home, federation.venue
    async with (
        entered(home, home.add(), "pda") as pda,
        entered(home, home.add(), "home") as neighbour,
        entered(venue, venue.add(), "balcony") as stranger,
    ):
        assert pda.boundjid.domain == HOME
        assert stranger.boundjid.domain == VENUE
        me, numbers = str(pda.boundjid), itertools.count()
        senders = [Saying(each, me, numbers) for each in (neighbour, stranger)]
        for sender in Sender:
            with subtests.test(sender.value):
                sift = Sift({kind: Rule(sender) for kind in Kind})
                assert await pda.sift(sift) == "result"
                await heard_as_decided(pda, sift, *senders)


async def test_the_server_says_all_that_it_can_sift(server: RunningServer) -> None:
    async with entered(server, server.add(), "pda") as pda:
        answer = await pda.answer(f"<query xmlns='{DISCO}'/>", to=server.domain)
    features = {each.get("var") for each in answer.iter(f"{{{DISCO}}}feature")}
    expected = {
        SIFT,
        *(f"urn:xmpp:sift:stanzas:{kind}" for kind in Kind),
        *(f"urn:xmpp:sift:senders:{sender}" for sender in Sender),
        *(f"urn:xmpp:sift:recipients:{recipient}" for recipient in Recipient),
        "urn:xmpp:sift:payloads:qname",
    }
    assert {each for each in features if each and "sift" in each} == expected


BAD = {
    "<sift xmlns='urn:xmpp:sift:2'><song/></sift>": "bad-request",
    "<sift xmlns='urn:xmpp:sift:2'><iq/><iq/></sift>": "bad-request",
    "<sift xmlns='urn:xmpp:sift:2'><iq sender='me'/></sift>": "bad-request",
    "<sift xmlns='urn:xmpp:sift:2'><iq recipient='Bare'/></sift>": "bad-request",
    "<sift xmlns='urn:xmpp:sift:2'><iq sender=''/></sift>": "bad-request",
    "<sift xmlns='urn:xmpp:sift:2'><iq><allow name='a'/></iq></sift>": "bad-request",
    "<sift xmlns='urn:xmpp:sift:2'><iq><allow ns='a'/></iq></sift>": "bad-request",
    "<sift xmlns='urn:xmpp:sift:2'><iq><deny name='a' ns='b'/></iq></sift>": (
        "bad-request"
    ),
    "<sift xmlns='urn:xmpp:sift:2'><iq><x xmlns='urn:example:xpath'/></iq></sift>": (
        "feature-not-implemented"
    ),
    "<sift xmlns='urn:xmpp:sift:2'><x xmlns='urn:example:xpath'/></sift>": (
        "feature-not-implemented"
    ),
    "<sift xmlns='urn:xmpp:sift:1'><message/></sift>": "service-unavailable",
}


async def test_what_it_cannot_sift_is_refused_and_the_last_rules_stay(
    server: RunningServer, subtests: pytest.Subtests
) -> None:
    async with (
        entered(server, server.add(), "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        sift = Sift({Kind.MESSAGE: Rule()})
        assert await pda.sift(sift) == "result"
        for text, condition in BAD.items():
            with subtests.test(text):
                assert await pda.sift(text) == condition
        await heard_as_decided(
            pda, sift, Saying(juliet, str(pda.boundjid), itertools.count())
        )


async def test_nobody_sifts_for_somebody_else(server: RunningServer) -> None:
    async with (
        entered(server, server.add(), "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        for to in (pda.boundjid.bare, str(pda.boundjid), server.domain):
            assert await juliet.ask(SILENCE, to=to, kind="set") != "result"
        juliet.say(
            f"<message to='{pda.boundjid.bare}' id='m1'><body>a</body></message>"
        )
        await juliet.is_heard_after(pda)
        assert pda.ids("message") == ["m1"]


async def test_each_session_has_rules_of_its_own(server: RunningServer) -> None:
    account = server.add()
    app = "urn:example:app"
    async with AsyncExitStack() as stack:
        map_, chat, plain = [
            await stack.enter_async_context(entered(server, account, name))
            for name in ("map", "chat", "plain")
        ]
        game = await stack.enter_async_context(entered(server, server.add(), "game"))
        for session, name in ((map_, "position"), (chat, "message")):
            allow = frozenset({f"{{{app}}}{name}"})
            assert await session.sift(Sift({Kind.MESSAGE: Rule(allow=allow)})) == (
                "result"
            )
        for id in ("position", "message", "round"):
            game.say(
                f"<message to='{account[0]}' type='headline' id='{id}'>"
                f"<{id} xmlns='{app}'/></message>"
            )
        await game.is_heard_after(map_, chat, plain)
        assert map_.ids("message") == ["position"]
        assert chat.ids("message") == ["message"]
        assert plain.ids("message") == ["position", "message", "round"]


async def test_a_sifted_question_is_answered_and_an_answer_comes_through(
    server: RunningServer,
) -> None:
    async with (
        entered(server, server.add(), "pda") as pda,
        entered(server, server.add(), "balcony") as juliet,
    ):
        assert await pda.sift(Sift({Kind.IQ: Rule()})) == "result"
        ping = "<ping xmlns='urn:xmpp:ping'/>"
        before = len(pda.heard)
        assert await juliet.ask(ping, to=str(pda.boundjid)) == "service-unavailable"
        assert len(pda.heard) == before
        assert await pda.ask(ping, to=str(juliet.boundjid)) == "result"
        assert await pda.sift(OFF) == "result"
        assert await juliet.ask(ping, to=str(pda.boundjid)) == "result"


PUSHES = {  # whether a rule for IQs withholds what the account itself says to a session
    (Sender.ALL, Recipient.ALL): True,
    (Sender.SELF, Recipient.FULL): True,
    (Sender.LOCAL, Recipient.ALL): True,
    (Sender.OTHERS, Recipient.ALL): False,
    (Sender.REMOTE, Recipient.ALL): False,
    (Sender.ALL, Recipient.BARE): False,
}


async def test_what_has_no_address_is_of_the_account_and_for_the_session(
    server: RunningServer, subtests: pytest.Subtests
) -> None:
    roster = "<query xmlns='jabber:iq:roster'><item jid='{}@capulet.lit'/></query>"
    async with entered(server, server.add(), "pda") as pda:
        for number, ((sender, recipient), withheld) in enumerate(PUSHES.items()):
            with subtests.test(f"{sender} {recipient}"):
                sift = Sift({Kind.IQ: Rule(sender, recipient)})
                assert await pda.sift(sift) == "result"
                before = len(pda.heard)
                assert await pda.ask(roster.format(number), kind="set") == "result"
                await pda.is_heard_after()
                pushes = [e for e in pda.heard[before:] if e.get("type") == "set"]
                assert (not pushes) == withheld
                for push in pushes:
                    inbound_ = inbound(push, str(pda.boundjid))
                    assert sift.passes(inbound_, str(pda.boundjid))
