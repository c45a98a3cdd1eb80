"""Words in IQs, on a real stream of slixmpp's: what is answered, and with what."""

from __future__ import annotations

import asyncio
from typing import Any
from xml.etree.ElementTree import Element, tostring

import pytest
from slixmpp import Iq

from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    SchemaMismatch,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol import transfer as proto
from mobility.protocol.session import Packet, Stanza
from mobility.protocol.visit import Decline, Rival
from mobility.xmpp import ns
from mobility.xmpp.errors import UnknownTransfer, to_stanza
from mobility.xmpp.transfer.stanza import Said
from tests.stanza.streams import DISPLAY, PHONE, StreamTest, error_from

IQ = "{jabber:client}iq"
STATUS = f'<transfer xmlns="{ns.TRANSFER}" action="status" sid="sid-1"/>'


def iq(payload: str, kind: str = "set") -> str:
    return (
        f'<iq xmlns="jabber:client" type="{kind}" id="a" from="{PHONE}">{payload}</iq>'
    )


def condition(answer: Element) -> tuple[str, str]:
    """The stanza error, and ours in it."""
    error = answer.find("{jabber:client}error")
    assert error is not None, answer
    names = [child.tag.rpartition("}")[::2] for child in error]
    (ours,) = [n for space, n in names if space.endswith(ns.ERRORS)] or [""]
    return names[0][1], ours


class TestExchange(StreamTest):
    def test_a_word_is_heard_and_its_iq_answered(self) -> None:
        for kind in ("set", "get"):
            self.recv(iq(STATUS, kind))
            answer = self.sent()
            assert answer.attrib == {"type": "result", "to": PHONE, "id": "a"}
            assert len(answer) == 0
        assert self.heard == [(PHONE, Said("sid-1", proto.Status()))] * 2

    def test_an_answer_travels_in_the_result(self) -> None:
        self.answer = Said("sid-1", proto.Confirm(b"proof"))
        self.recv(iq(STATUS))
        (element,) = self.sent()
        assert element.attrib == {"action": "confirm", "sid": "sid-1"}

    def test_an_unknown_transfer_is_an_item_not_found_with_our_element(self) -> None:
        self.answer = UnknownTransfer("Not known here.")
        self.recv(iq(STATUS))
        answer = self.sent()
        assert answer.get("type") == "error"
        assert condition(answer) == ("item-not-found", "unknown")
        assert isinstance(error_from(answer), UnknownTransfer)
        assert str(error_from(answer)) == "Not known here."

    def test_results_and_errors_are_not_taken_for_words(self) -> None:
        for kind in ("result", "error"):
            self.recv(iq(STATUS, kind))
        assert self.heard == []

    def test_what_is_no_word_is_refused_and_nobody_hears_it(self) -> None:
        element = f'<transfer xmlns="{ns.TRANSFER}" action="%s" sid="sid-1" %s/>'
        for payload in (
            element % ("dance", ""),
            element % ("data", 'number="-1"'),
            element % ("status", "") * 2,
            element % ("status", "") + '<other xmlns="urn:other"/>',
            '<other xmlns="urn:other"/>' + element % ("status", ""),
        ):
            self.recv(iq(payload))
            assert condition(self.sent()) == ("unexpected-request", "out-of-turn")
        assert self.heard == []

    def test_nobody_home_is_said_so(self) -> None:
        self.recv(iq(f'<visit xmlns="{ns.VISIT}" action="decline"/>'))
        assert condition(self.sent())[1] == "out-of-turn"

    def test_a_bug_says_nothing_of_itself(self) -> None:
        bugs: list[BaseException] = []
        self.xmpp.exception = bugs.append  # type: ignore[method-assign]
        self.answer = ZeroDivisionError("secret detail")
        self.recv(iq(STATUS))
        answer = self.sent()
        assert condition(answer) == ("undefined-condition", "")
        assert "secret" not in "".join(answer.itertext())
        assert bugs == [self.answer]
        assert isinstance(error_from(answer), RemoteProtocolError)

    # --- what we ask -----------------------------------------------------------

    def asked(self, reply: str) -> Any:
        """What `ask` comes to when the peer replies so."""
        task = self.begun(self.visits.ask(PHONE, Rival()))
        request = self.sent()
        assert request.get("to") == PHONE
        assert request.get("type") == "set"
        assert [child.get("action") for child in request] == ["rival"]
        self.recv(
            f'<iq xmlns="jabber:client" from="{PHONE}" to="{DISPLAY}"'
            f' id="{request.get("id")}" {reply}</iq>'
        )
        return task.exception() or task.result()

    def test_an_empty_result_is_a_receipt(self) -> None:
        assert self.asked('type="result">') is None

    def test_a_result_may_carry_an_answer(self) -> None:
        reply = f'type="result"><visit xmlns="{ns.VISIT}" action="decline"/>'
        assert self.asked(reply) == Decline()

    def test_a_result_that_is_nonsense_is_the_peers_fault(self) -> None:
        reply = f'type="result"><visit xmlns="{ns.VISIT}" action="dance"/>'
        assert isinstance(self.asked(reply), RemoteProtocolError)

    def test_an_error_becomes_ours_again(self) -> None:
        reply = (
            'type="error"><error type="cancel">'
            '<not-allowed xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>'
            '<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">In use.\n Wait.</text>'
            f'<refused xmlns="{ns.ERRORS}"/></error>'
        )
        error = self.asked(reply)
        assert type(error) is VisitRefused
        assert str(error) == "In use. Wait."

    def test_errors_of_others_are_told_apart(self) -> None:
        for name, kind in {
            "service-unavailable": PeerUnreachable,
            "remote-server-not-found": PeerUnreachable,
            "item-not-found": PeerUnreachable,  # without our element: a server's word
            "feature-not-implemented": RemoteProtocolError,
            "internal-server-error": RemoteProtocolError,
        }.items():
            reply = (
                'type="error"><error type="cancel">'
                f'<{name} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>'
            )
            assert type(self.asked(reply)) is kind

    def test_silence_has_an_end(self) -> None:
        task = self.begun(self.visits.ask(PHONE, Rival(), seconds=0))
        with pytest.raises(PeerUnreachable, match="does not answer"):
            self.loop.run_until_complete(task)

    def test_what_is_no_address_cannot_be_reached(self) -> None:
        task = self.begun(self.visits.ask("a&b@-/", Rival()))
        assert isinstance(task.exception(), PeerUnreachable)

    def test_a_cancelled_question_leaves_the_stream_usable(self) -> None:
        task = self.begun(self.visits.ask(PHONE, Rival()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            self.loop.run_until_complete(task)
        self.sent()
        self.recv(iq(STATUS))
        assert self.sent().get("type") == "result"

    # --- packets ---------------------------------------------------------------

    def test_a_packet_is_sent_as_a_headline_and_heard_as_it_was(self) -> None:
        packet = Packet("sid-1", 7, 3, Stanza("{urn:app}page", {"number": "12"}, "é<&"))
        self.sessions.send_packet(PHONE, packet)
        message = self.sent()
        assert message.get("type") == "headline"
        assert len(message) == 2
        message.set("from", message.attrib.pop("to"))
        self.recv(tostring(message))
        assert self.packets == [(PHONE, packet)]

    def test_a_packet_that_is_none_is_ignored(self) -> None:
        about = f'<session xmlns="{ns.SESSION}" sid="s" epoch="1" number="1"/>'
        page = '<page xmlns="urn:app"/>'
        for kind, body in (
            ("headline", about),
            ("headline", about + page + page),
            ("headline", about.replace('"1"', '"x"') + page),
            ("error", about + page),
        ):
            self.recv(
                f'<message xmlns="jabber:client" type="{kind}" from="{PHONE}">'
                f"{body}</message>"
            )
        assert self.packets == []

    def test_a_bounced_packet_does_not_come_back_in(self) -> None:
        about = f'<session xmlns="{ns.SESSION}" sid="s" epoch="1" number="1"/>'
        self.recv(
            f'<message xmlns="jabber:client" type="error" from="{PHONE}">{about}'
            '<page xmlns="urn:app"/><error type="cancel"/></message>'
        )
        assert self.packets == []


# --- the translators, without a stream ----------------------------------------------

OURS: list[MobilityError] = [
    VisitRefused("In use; try again in a minute."),
    UnknownTransfer("Not known here."),
    InvalidState("Damaged."),
    RemoteProtocolError("Out of turn."),
]


def there_and_back(error: MobilityError) -> MobilityError:
    told = to_stanza(error)
    iq = Iq()
    iq["error"]["condition"] = told.condition
    iq["error"]["text"] = told.text
    if told.extension:
        iq["error"].append(Element(f"{{{told.extension_ns}}}{told.extension}"))
    return error_from(iq.xml)


@pytest.mark.parametrize("error", OURS, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_it_was_meant(error: MobilityError) -> None:
    back = there_and_back(error)
    assert type(back) is type(error)
    assert str(back) == str(error)


def test_a_more_special_error_arrives_as_what_the_peer_can_know() -> None:
    assert type(there_and_back(SchemaMismatch("Too old."))) is InvalidState


@pytest.mark.parametrize("error", [VisitEnded("x"), LocalProtocolError("our bug")])
def test_what_is_none_of_the_peers_business_travels_without_text(
    error: MobilityError,
) -> None:
    told = to_stanza(error)
    assert told.condition == "internal-server-error"
    assert not told.text
    assert str(error) not in str(there_and_back(error))


def test_a_strangers_sentence_is_short_and_on_one_line() -> None:
    back = there_and_back(VisitRefused("A\n\tlong " + "x" * 1000))
    assert str(back).startswith("A long xxx")
    assert len(str(back)) == 300


def test_a_sentence_cannot_end_the_stream() -> None:
    assert to_stanza(InvalidState("bad \x00\x1b\ud800 name")).text == "bad  name"
