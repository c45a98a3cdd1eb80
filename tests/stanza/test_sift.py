"""XEP-0273 on the wire: each of its examples, and what a stanza is to a rule."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, canonicalize, tostring

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import RemoteProtocolError
from mobility.protocol.sift import Inbound, Kind, Recipient, Rule, Sender, Sift
from mobility.xmpp.sifting.stanza import ELEMENT, from_xml, inbound, to_stanza
from mobility.xmpp.xep_0273 import XEP_0273
from mobility.xmpp.xep_0273.stanza import Sift as SiftStanza
from tests.stanza.examples import elements
from tests.stanza.sift_examples import EXAMPLES, EXTENSIVE, MINIMAL
from tests.stanza.streams import DISPLAY, StreamTest

DISCO = "http://jabber.org/protocol/disco#info"
FEATURE = "<feature var='{}'/>"
ME = "romeo@montague.lit/pda"
JULIET = "juliet@capulet.lit/balcony"


def same(one: Element, other: Element) -> bool:
    texts = [canonicalize(tostring(e), strip_text=True) for e in (one, other)]
    return texts[0] == texts[1]


def stanza(text: str) -> Element:
    (found,) = fromstring(f"<stream xmlns='jabber:client'>{text}</stream>")
    assert isinstance(found, Element)
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_of_the_xep_is_read_and_written(name: str) -> None:
    text, sift = EXAMPLES[name]
    assert from_xml(fromstring(text)) == sift
    assert from_xml(to_stanza(sift).xml) == sift
    assert len(to_stanza(sift).xml) == len(fromstring(text))


def test_the_examples_of_our_page_are_read_and_written_as_they_stand_there() -> None:
    examples = elements("sift.md", ELEMENT)
    assert examples
    for example in examples:
        assert same(to_stanza(from_xml(example)).xml, example)


names = st.text("abcxyz", min_size=1).map("{{urn:example}}{}".format)
rules = st.builds(
    Rule, st.sampled_from(Sender), st.sampled_from(Recipient), st.frozensets(names)
)


@given(st.dictionaries(st.sampled_from(Kind), rules).map(Sift))
def test_all_rules_come_over_the_wire_as_they_are(sift: Sift) -> None:
    assert from_xml(fromstring(tostring(to_stanza(sift).xml))) == sift


INVALID = [
    "<shift xmlns='urn:xmpp:sift:2'/>",
    "<sift xmlns='urn:xmpp:sift:1'/>",
    "<sift xmlns='urn:xmpp:sift:2'><song/></sift>",
    "<sift xmlns='urn:xmpp:sift:2'><iq/><iq/></sift>",
    "<sift xmlns='urn:xmpp:sift:2'><iq sender='me'/></sift>",
    "<sift xmlns='urn:xmpp:sift:2'><iq recipient=''/></sift>",
    "<sift xmlns='urn:xmpp:sift:2'><iq><allow name='a'/></iq></sift>",
    "<sift xmlns='urn:xmpp:sift:2'><iq><allow ns='a'/></iq></sift>",
    "<sift xmlns='urn:xmpp:sift:2'><iq><deny name='a' ns='b'/></iq></sift>",
    "<sift xmlns='urn:xmpp:sift:2'><iq xmlns='jabber:client'/></sift>",
]


@pytest.mark.parametrize("text", INVALID)
def test_what_the_xep_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        from_xml(fromstring(text))


# ---------- What rules look at ----------

CARBON = (
    "<message from='{outer}' to='{me}'><{way} xmlns='urn:xmpp:carbons:2'>"
    "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
    "from='{inner}' to='{to}'><body>a</body></message></forwarded></{way}></message>"
)
RECEIVED, SENT = "{urn:xmpp:carbons:2}received", "{urn:xmpp:carbons:2}sent"
BODY = "{jabber:client}body"
BARE = "romeo@montague.lit"


def carbon(outer: str, inner: str, way: str) -> Element:
    return stanza(CARBON.format(outer=outer, inner=inner, way=way, me=ME, to=BARE))


SEEN = {
    f"<message from='{JULIET}' to='{ME}' type='chat'><body/><x xmlns='a'/></message>": (
        Inbound(Kind.MESSAGE, JULIET, ME, (BODY, "{a}x"))
    ),
    f"<message from='{JULIET}'/>": Inbound(Kind.MESSAGE, JULIET, "", ()),
    f"<message type='error' to='{ME}'/>": Inbound(Kind.MESSAGE, "", ME, ()),
    f"<iq type='get' from='{JULIET}' to='{ME}'><q xmlns='a'/></iq>": (
        Inbound(Kind.IQ, JULIET, ME, ("{a}q",))
    ),
    "<iq type='set'><q xmlns='a'/></iq>": Inbound(Kind.IQ, "", ME, ("{a}q",)),
    f"<iq type='result' from='{JULIET}' to='{ME}'/>": Inbound(None, JULIET, ME, ()),
    f"<iq type='error' to='{ME}'/>": Inbound(None, "", ME, ()),
    f"<presence from='{JULIET}'/>": Inbound(Kind.PRESENCE, JULIET, "", ()),
    f"<presence from='{JULIET}' type='unavailable'/>": (
        Inbound(Kind.PRESENCE, JULIET, "", ())
    ),
    f"<presence from='{JULIET}' type='probe'/>": Inbound(None, JULIET, "", ()),
    f"<presence from='{JULIET}' type='error'/>": Inbound(None, JULIET, "", ()),
    **{
        f"<presence from='{JULIET}' type='{type}'/>": Inbound(Kind.SUB, JULIET, "", ())
        for type in ("subscribe", "subscribed", "unsubscribe", "unsubscribed")
    },
}


@pytest.mark.parametrize("text", SEEN)
def test_a_stanza_is_this_to_a_rule(text: str) -> None:
    assert inbound(stanza(text), ME) == SEEN[text]


@pytest.mark.parametrize("outer", [BARE, ""])
def test_a_copy_is_the_message_that_it_copies(outer: str) -> None:
    assert inbound(carbon(outer, JULIET, "received"), ME) == Inbound(
        Kind.MESSAGE, JULIET, ME, (RECEIVED, BODY)
    )
    assert inbound(carbon(outer, f"{BARE}/home", "sent"), ME) == Inbound(
        Kind.MESSAGE, f"{BARE}/home", ME, (SENT, BODY)
    )


@pytest.mark.parametrize("outer", [JULIET, f"{BARE}/home", "montague.lit", "pda"])
def test_what_another_address_calls_a_copy_is_a_message_of_its_own(outer: str) -> None:
    """CVE-2017-5589."""
    assert inbound(carbon(outer, BARE, "received"), ME) == Inbound(
        Kind.MESSAGE, outer, ME, (RECEIVED,)
    )


def test_a_copy_of_nothing_is_a_message_of_the_account() -> None:
    text = f"<message from='{BARE}'><sent xmlns='urn:xmpp:carbons:2'/></message>"
    assert inbound(stanza(text), ME) == Inbound(Kind.MESSAGE, BARE, "", (SENT,))


# ---------- The plugin ----------


class TestPlugin(StreamTest):
    def setUp(self) -> None:
        super().setUp()
        self.xmpp.register_plugin("xep_0273")
        found: Any = self.xmpp.plugin["xep_0273"]  # type: ignore[typeddict-item]
        assert isinstance(found, XEP_0273)
        self.sifting = found

    def asked(self) -> Element:
        """The rules that we asked our own account for."""
        iq = self.sent()
        assert (iq.get("type"), iq.get("to")) == ("set", self.xmpp.boundjid.bare)
        (element,) = iq
        return element

    def test_each_example_is_asked_for_as_it_stands_in_the_xep(self) -> None:
        for text, sift in EXAMPLES.values():
            self.sifting.enable(to_stanza(sift))
            assert from_xml(self.asked()) == from_xml(fromstring(text))

    def test_rules_are_made_of_names(self) -> None:
        sift = SiftStanza()
        sift.add_rule("message", "others", "bare", [("body", "jabber:client")])
        sift.add_rule("presence")
        self.sifting.enable(sift)
        expected = fromstring(
            "<sift xmlns='urn:xmpp:sift:2'>"
            "<message sender='others' recipient='bare'>"
            "<allow name='body' ns='jabber:client'/></message><presence/></sift>"
        )
        assert same(self.asked(), expected)

    def test_an_empty_element_ends_it(self) -> None:
        self.sifting.disable()
        assert same(
            self.asked(), fromstring(EXAMPLES["disabling all SIFT processing"][0])
        )

    def test_features_are_those_of_the_server(self) -> None:
        for said, expected in (
            (MINIMAL, {"stanzas:presence"}),
            (
                EXTENSIVE,
                {each.removeprefix("urn:xmpp:sift:") for each in EXTENSIVE[1:]},
            ),
            (("urn:xmpp:sift:1", *MINIMAL[1:]), set()),
            ((), set()),
        ):
            task = self.begun(self.sifting.get_features())
            id, lines = self.sent().get("id"), "".join(map(FEATURE.format, said))
            self.recv(
                f"<iq type='result' id='{id}' from='kiosk.example' to='{DISPLAY}'>"
                f"<query xmlns='{DISCO}'>{lines}</query></iq>"
            )
            assert self.loop.run_until_complete(task) == expected

    def test_attributes_have_defaults_and_no_other_values(self) -> None:
        sift = SiftStanza(xml=fromstring(EXAMPLES["hushing the presence session"][0]))
        rule = sift["presence"]
        assert (rule["sender"], rule["recipient"]) == ("all", "all")
        for name in ("sender", "recipient"):
            with pytest.raises(ValueError, match="not a"):
                rule[name] = "none"
        with pytest.raises(ValueError, match="not a kind"):
            sift.add_rule("song")

    def test_what_is_allowed_can_be_read(self) -> None:
        text, _ = EXAMPLES["removing extraneous message extensions"]
        rule = SiftStanza(xml=fromstring(text))["message"]
        allowed = [(each["name"], each["ns"]) for each in rule["allows"]]
        assert allowed == [
            (name, "jabber:client") for name in ("body", "subject", "thread")
        ]
