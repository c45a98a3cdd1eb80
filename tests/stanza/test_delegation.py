"""The examples of delegation.md, and a server that does not keep to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, canonicalize, tostring

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from slixmpp.test import SlixTest

from mobility.errors import MobilityError, PeerUnreachable, RemoteProtocolError
from mobility.protocol.delegation import Delegation, Level, Policy
from mobility.xmpp import ns
from mobility.xmpp.delegation import MobilityDelegation, stanza
from tests.stanza.examples import stanzas

TOKEN = "pmMo6E1dYcGHnDXdxRkD-hPKzB5GgB7eWh1qTDkG"
ROOM = ("jabber:client", "http://jabber.org/protocol/muc")
MINT = Policy(
    resource="display-x7Kq",
    participants={
        "juliet@capulet.example": (),
        "board@conference.capulet.example": ROOM,
    },
    lifetime=14400,
    idle=900.0,
    label="Lobby screen (lobby@kiosk.example)",
)
ANNOUNCE = Policy(
    resource="display-x7Kq",
    participants={"juliet@capulet.example": ()},
    lifetime=14400.0,
    idle=900,
)


def example(id: str, kind: str) -> Element:
    (found,) = [
        each
        for each in stanzas("delegation.md")
        if each.get("id") == id and (each.get("type") == "result") == (kind == "result")
    ]
    return found


@pytest.mark.parametrize(
    ("id", "written"),
    [
        ("d1", stanza.mint(MINT)),
        ("d2", stanza.announce(ANNOUNCE, "rOprNGfwEbeRWgbNEkqO")),
        ("d3", stanza.inquiry()),
        ("d4", stanza.revocation("vCRUxl4rvQwT")),
    ],
)
def test_every_request_is_written_as_it_stands_there(id: str, written: Element) -> None:
    (asked,) = example(id, "request")
    texts = [canonicalize(tostring(e), strip_text=True) for e in (asked, written)]
    assert texts[0] == texts[1]


def test_every_answer_is_read_as_it_stands_there() -> None:
    minted = stanza.read_minted(example("d1", "result"))
    assert (minted.id, minted.token) == ("vCRUxl4rvQwT", TOKEN)
    assert TOKEN not in repr(minted)
    assert stanza.read_announced(example("d2", "result")) == "m4Gd0xVkZ3pR"
    assert list(stanza.read_delegations(example("d3", "result"))) == [
        Delegation(
            id="vCRUxl4rvQwT",
            resource="display-x7Kq",
            level=Level.TOKEN,
            label="Lobby screen (lobby@kiosk.example)",
            state="connected",
            since=95,
            idle=3,
            expires=14310,
            address="203.0.113.7",
        ),
        Delegation(
            id="m4Gd0xVkZ3pR",
            resource="display-Zu2",
            level=Level.LOGIN,
            label="",
            state="waiting",
            since=2,
            idle=2,
            expires=58,
        ),
    ]


READERS: list[Callable[[Element], object]] = [
    stanza.read_minted,
    stanza.read_announced,
    lambda result: list(stanza.read_delegations(result)),
]
PROPER = {
    "id": "a",
    "resource": "r",
    "level": "token",
    "state": "waiting",
    "since": "1",
    "idle": "1",
    "expires": "1",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "x" * 65},
        {"level": "root"},
        {"state": "gone"},
        {"since": "-1"},
        {"idle": "soon"},
        {"expires": "9" * 30},
    ],
    ids=str,
)
def test_what_no_server_of_ours_says_is_refused(wrong: dict[str, str]) -> None:
    def listed(attributes: dict[str, str]) -> Element:
        result: Element = fromstring(f"<iq><delegations xmlns='{ns.DELEGATION}'/></iq>")
        tag = f"{{{ns.DELEGATION}}}delegation"
        result[0].append(Element(tag, attributes))
        return result

    assert list(stanza.read_delegations(listed(PROPER)))
    with pytest.raises(RemoteProtocolError):
        list(stanza.read_delegations(listed(PROPER | wrong)))


@pytest.mark.parametrize(
    "text", ["", "<minted id='a'/>", "<minted>t</minted>", "<announced/>"]
)
def test_an_answer_without_what_was_asked_for_is_refused(text: str) -> None:
    iq = fromstring(f"<iq xmlns='{ns.DELEGATION}'>{text}</iq>")
    for read in READERS[:2]:
        with pytest.raises(RemoteProtocolError):
            read(iq)


@given(st.floats(0.001, 10**7))
def test_seconds_are_written_so_that_a_server_reads_them(value: float) -> None:
    policy = Policy("r", {}, lifetime=value, idle=value)
    text = stanza.mint(policy).get("lifetime", "")
    assert "e" not in text
    assert float(text) == pytest.approx(value, abs=0.001)


class TestWithAServer(SlixTest):
    """The server is a list of stanzas."""

    def setUp(self) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.stream_start(
            jid="juliet@capulet.example/phone", plugins=["mobility_delegation"]
        )
        self.plugin = MobilityDelegation.of(self.xmpp)
        self.socket: Any = self.xmpp.socket

    def tearDown(self) -> None:
        super().tearDown()
        self.socket.socket.close()
        if (task := self.xmpp._run_out_filters) is not None:
            task.cancel()
            self.wait_()
        self.loop.close()
        asyncio.set_event_loop(None)

    def asked(self, coroutine: Any) -> tuple[asyncio.Task[Any], str]:
        """What waits for its answer, and the id of the question."""
        task = self.loop.create_task(coroutine)
        self.wait_()
        self.wait_for_send_queue()
        sent = self.socket.next_sent()
        return task, fromstring(sent).get("id", "")

    def refused(self, coroutine: Any, condition: str) -> MobilityError:
        task, id = self.asked(coroutine)
        self.recv(
            f"<iq type='error' id='{id}'><error type='cancel'><{condition} "
            "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
        with pytest.raises(MobilityError) as caught:
            self.loop.run_until_complete(task)
        return caught.value

    def test_each_refusal_is_a_sentence(self) -> None:
        conditions = ("conflict", "resource-constraint", "bad-request", "forbidden")
        errors = [self.refused(self.plugin.mint(MINT), each) for each in conditions]
        unknown = self.refused(self.plugin.announce(MINT, "n"), "service-unavailable")
        sentences = {str(error) for error in (*errors, unknown)}
        assert len(sentences) == 5
        assert all(sentence.endswith(".") for sentence in sentences)
        assert "capulet.example" in str(unknown)
        gone = self.refused(self.plugin.revoke("x"), "item-not-found")
        assert str(gone) == "This visit is over already."

    def test_silence_is_a_sentence(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mobility.xmpp.requests.plugin.SECONDS", 0.01)
            with pytest.raises(PeerUnreachable, match="Your server does not answer"):
                self.loop.run_until_complete(self.plugin.delegations())

    def test_the_server_is_asked_once_a_login_what_it_can(self) -> None:
        for offered in (True, False):
            task, id = self.asked(self.plugin.supported())
            feature = f"<feature var='{ns.DELEGATION}'/>" if offered else ""
            self.recv(
                f"<iq type='result' id='{id}' from='capulet.example'><query "
                f"xmlns='http://jabber.org/protocol/disco#info'>{feature}</query></iq>"
            )
            assert self.loop.run_until_complete(task) is offered
            again = self.loop.run_until_complete(self.plugin.supported())
            assert again is offered
            self.xmpp.event("session_start")
            self.wait_()
