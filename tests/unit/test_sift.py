"""The rules of XEP-0273: which stanza a resource gets."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.protocol.filtering import listening
from mobility.protocol.sift import (
    BOUNCED,
    OFF,
    Inbound,
    Kind,
    Recipient,
    Rule,
    Sender,
    Sift,
)

ME = "romeo@montague.lit/pda"
BARE = "romeo@montague.lit"
A, B = "{urn:example:a}x", "{urn:example:b}x"

# Who says it: to whose rules that belongs, besides `all`.
SENDERS = {
    "": {"self", "local"},
    ME: {"self", "local"},
    "romeo@montague.lit/home": {"self", "local"},
    BARE: {"self", "local"},
    "benvolio@montague.lit/square": {"others", "local"},
    "montague.lit": {"others", "local"},
    "room@rooms.montague.lit/romeo@montague.lit": {"others", "remote"},
    "juliet@capulet.lit/balcony": {"others", "remote"},
    "romeo@capulet.lit": {"others", "remote"},
    "romeo": {"others", "remote"},
    "capulet.lit/romeo@montague.lit": {"others", "remote"},
}
RECIPIENTS = {"": "bare", BARE: "bare", ME: "full", f"{BARE}/home": "bare"}

rules = st.builds(
    Rule,
    st.sampled_from(Sender),
    st.sampled_from(Recipient),
    st.frozensets(st.sampled_from([A, B])),
)
sifts = st.dictionaries(st.sampled_from(Kind), rules).map(Sift)
inbounds = st.builds(
    Inbound,
    st.sampled_from([*Kind, None]),
    st.sampled_from(sorted(SENDERS)) | st.text(),
    st.sampled_from(sorted(RECIPIENTS)) | st.text(),
    st.lists(st.sampled_from([A, B, BOUNCED])).map(tuple),
)


def message(
    sender: str = "juliet@capulet.lit/balcony", to: str = ME, *payloads: str
) -> Inbound:
    return Inbound(Kind.MESSAGE, sender, to, payloads)


@given(inbounds)
def test_without_rules_everything_passes(inbound: Inbound) -> None:
    assert OFF.passes(inbound, ME)


@given(sifts, inbounds)
def test_a_kind_without_a_rule_passes(sift: Sift, inbound: Inbound) -> None:
    if inbound.kind not in sift.rules:
        assert sift.passes(inbound, ME)


@pytest.mark.parametrize(("jid", "sender"), list(itertools.product(SENDERS, Sender)))
def test_a_rule_is_about_these_senders(jid: str, sender: Sender) -> None:
    sifted = not Sift({Kind.MESSAGE: Rule(sender)}).passes(message(jid), ME)
    assert sifted == (sender in SENDERS[jid] | {"all"})


@pytest.mark.parametrize(
    ("to", "recipient"), list(itertools.product(RECIPIENTS, Recipient))
)
def test_a_rule_is_about_these_addresses(to: str, recipient: Recipient) -> None:
    sift = Sift({Kind.MESSAGE: Rule(recipient=recipient)})
    sifted = not sift.passes(message(to=to), ME)
    assert sifted == (recipient in {"all", RECIPIENTS[to]})


@given(rules, inbounds)
def test_what_carries_something_allowed_passes_whatever_else_it_carries(
    rule: Rule, inbound: Inbound
) -> None:
    if rule.allow & set(inbound.payloads):
        assert Sift(dict.fromkeys(Kind, rule)).passes(inbound, ME)


@given(rules, inbounds)
def test_without_anything_allowed_sender_and_recipient_decide_together(
    rule: Rule, inbound: Inbound
) -> None:
    if inbound.kind is not None and not rule.allow & set(inbound.payloads):
        of = Sift({inbound.kind: Rule(rule.sender)})
        to = Sift({inbound.kind: Rule(recipient=rule.recipient)})
        either = of.passes(inbound, ME) or to.passes(inbound, ME)
        assert Sift({inbound.kind: rule}).passes(inbound, ME) == either


@given(sifts, inbounds)
def test_a_stricter_rule_lets_nothing_more_through(
    sift: Sift, inbound: Inbound
) -> None:
    strictest = Sift(dict.fromkeys(sift.rules, Rule()))
    assert sift.passes(inbound, ME) >= strictest.passes(inbound, ME)


@given(st.sets(st.sampled_from([A, B])), st.sampled_from([A, B]))
def test_a_part_gets_the_packets_that_it_listens_to(names: set[str], name: str) -> None:
    assert listening(names)(name) == (name in names)
