"""A login through the phone: who may say what, and who can read it."""

from __future__ import annotations

import contextlib
import json
import re
from collections import deque
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidState, LocalProtocolError, RemoteProtocolError
from mobility.protocol.envelope import Envelope
from mobility.protocol.login import (
    TRANSITIONS,
    Abort,
    Accept,
    Auth,
    Bound,
    Challenge,
    Event,
    Grant,
    Login,
    Mechanisms,
    Phase,
    Response,
    Success,
    Word,
    seal,
    unseal,
)
from mobility.protocol.pin import Offered
from mobility.protocol.visit import Role
from mobility.public.delegate import Through
from mobility.xmpp.login import stanza
from tests.stanza.examples import PAGES, by_action
from tests.unit.test_second_implementation import SECRET

P, D = Role.PHONE, Role.DISPLAY
KINDS = get_args(Event)
OVER = {phase for phase, row in TRANSITIONS.items() if not row}
FIRST = b"n,,n=juliet,r=0123456789abcdef"
PROVED = [
    (P, Grant("juliet@capulet.example/d")),
    (D, Mechanisms(("SCRAM-SHA-256",), "capulet.example", b"c" * 32)),
    (P, Auth("SCRAM-SHA-256", FIRST)),
    (D, Challenge(b"r=,s=,i=")),
    (P, Response(b"c=,r=,p=")),
    (D, Success(b"v=")),
    (P, Accept()),
    (D, Bound("juliet@capulet.example/d")),
]
BY_TOKEN = [said for said in PROVED if not isinstance(said[1], Challenge | Response)]


def made(kind: type) -> object:
    """An event of this kind; the machine looks at nothing else."""
    return object.__new__(kind)


def side(role: Role, phase: Phase) -> Login:
    login = Login(role)
    login._state = phase
    return login


@pytest.mark.parametrize("course", [PROVED, BY_TOKEN], ids=["login", "token"])
def test_both_sides_come_to_the_same_end(course: list[tuple[Role, Event]]) -> None:
    sides = {P: Login(P), D: Login(D)}
    for speaker, event in course:
        sides[speaker].send(event)
        assert sides[D if speaker is P else P].receive(event)
    assert sides[P].state is sides[D].state is Phase.BOUND


def test_whatever_is_said_a_phone_gives_one_proof_and_begins_one_login() -> None:
    """Every course of the table, with the answers that the phone has given in it."""
    seen, waiting = set(), deque([(Phase.NONE, 0, 0)])
    while waiting:
        phase, begun, proved = world = waiting.popleft()
        assert (begun, proved) <= (1, 1)
        if world in seen:
            continue
        seen.add(world)
        for (_, kind), new in TRANSITIONS[phase].items():
            waiting.append((new, begun + (kind is Auth), proved + (kind is Response)))
    assert {phase for phase, _, _ in seen} == set(Phase)


def test_there_is_a_way_out_of_every_step_for_both() -> None:
    for phase, row in TRANSITIONS.items():
        if phase not in {*OVER, Phase.NONE}:
            assert {(P, Abort), (D, Abort)} <= set(row), phase


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", Role)
def test_what_is_not_in_the_table_is_refused_and_changes_nothing(
    phase: Phase, kind: type, role: Role
) -> None:
    login = side(role, phase)
    if (role, kind) in TRANSITIONS[phase]:
        login.send(made(kind))
        assert login.state is TRANSITIONS[phase][role, kind]
        return
    with pytest.raises(LocalProtocolError):
        login.send(made(kind))
    assert login.state is phase


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_display_may_not_say_does_not_move_the_phone(
    phase: Phase, kind: type
) -> None:
    phone = side(P, phase)
    if (D, kind) in TRANSITIONS[phase]:
        assert phone.receive(made(kind))
        return
    with contextlib.suppress(RemoteProtocolError):
        assert not phone.receive(made(kind))  # too late to matter
    assert phone.state is phase


texts = st.text(max_size=40)
events = st.one_of(
    st.builds(Grant, texts),
    st.builds(
        Mechanisms,
        st.lists(texts, max_size=5).map(tuple),
        texts,
        st.binary(max_size=32),
    ),
    st.builds(Auth, texts, st.binary(max_size=60)),
    st.builds(Challenge, st.binary(max_size=60)),
    st.builds(Response, st.binary(max_size=60)),
    st.builds(Success, st.binary(max_size=60)),
    st.just(Accept()),
    st.builds(Bound, texts),
    st.builds(Abort, texts),
)


@given(events, st.sampled_from(Role))
def test_what_is_sealed_is_read_by_the_other_side(event: Event, role: Role) -> None:
    word = stanza.from_xml(stanza.to_xml(seal(SECRET, role, event)))
    assert unseal(SECRET, role, word) == event


@given(events, st.sampled_from(Role))
def test_nobody_else_can_say_it_or_make_another_step_of_it(
    event: Event, role: Role
) -> None:
    word = seal(SECRET, role, event)
    other = D if role is P else P
    with pytest.raises(InvalidState):
        unseal(SECRET, other, word)
    with pytest.raises(InvalidState):
        unseal(b"x" * 32, role, word)
    for kind in KINDS:
        if kind is not word.kind:
            with pytest.raises(InvalidState):
                unseal(SECRET, role, Word(kind, word.sealed))


INVALID = {
    "no JSON": b"{",
    "no object": b"[]",
    "another step's fields": b'{"data": "00"}',
    "a number": b'{"jid": 1}',
    "nested too deeply": b"[" * 100_000,
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("plain", INVALID.values(), ids=INVALID)
def test_what_is_sealed_and_no_step_is_refused(plain: bytes) -> None:
    sealed = Envelope(SECRET, "login", 0).seal("phone grant", plain)
    with pytest.raises(InvalidState):
        unseal(SECRET, P, Word(Grant, sealed))


def test_a_display_that_offers_a_thousand_mechanisms_is_not_read() -> None:
    names = tuple(f"M{number}" for number in range(1000))
    word = seal(SECRET, D, Mechanisms(names, "capulet.example", b""))
    with pytest.raises(InvalidState):
        unseal(SECRET, D, word)


def test_no_step_shows_its_secrets() -> None:
    for _, event in PROVED:
        shown = repr(event) + repr(Login(P))
        assert "r=" not in shown
        assert "p=" not in shown


def speaker(word: Word) -> Role:
    steps = (step for row in TRANSITIONS.values() for step in row)
    return next(role for role, kind in steps if kind is word.kind)


def test_the_examples_are_one_login_and_stand_for_what_the_page_says() -> None:
    page = (Path(PAGES) / "login.md").read_text("utf-8")
    words = by_action("login.md", stanza.ELEMENT)
    said = {}
    for action, element in words.items():
        word = stanza.from_xml(element)
        speaker = next(
            role
            for row in TRANSITIONS.values()
            for role, kind in row
            if kind is word.kind
        )
        said[action] = unseal(SECRET, speaker, word)
    assert {type(event) for event in said.values()} == set(KINDS)
    shown = re.findall(r'^`?.*`(\{"jid".*?\})`', page, re.M)
    assert Grant(**json.loads(shown[0])) == said["grant"]


async def test_a_phone_that_repeats_itself_in_a_login_is_refused() -> None:
    auth = seal(SECRET, Role.PHONE, Auth("SCRAM-SHA-256", b"n,,n=juliet,r=abc"))

    async def ask(_: Word) -> Word:
        return auth

    through = Through(Grant("juliet@capulet.example/a"), secret=SECRET, ask=ask)
    await through.begin(Offered(("SCRAM-SHA-256",), "capulet.example", bytes(32)))
    with pytest.raises(RemoteProtocolError):
        await through.respond(b"r=abcdef")
