"""
Canaries: no secret is in what may end up in a log, a traceback or a screenshot.

A token, a password, a visit's secret and its code, and what is sealed. The one text
that names a token is the code on the screen itself, ``str(invitation)``.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace

import pytest

from mobility.errors import MobilityError
from mobility.feeding.feed import Feed
from mobility.protocol import (
    feeding,
    handshake,
    mobilis,
    numbering,
    session,
    standing,
    transfer,
    visit,
    words,
)
from mobility.protocol.capture import Direction, PacketLog
from mobility.protocol.code import DeviceCode, SessionCode
from mobility.protocol.codebook import CodeBook
from mobility.protocol.envelope import Envelope
from mobility.protocol.invitation import Invitation, Invitations
from mobility.protocol.pin import Pin, Pinned
from mobility.protocol.scram import Challenge
from mobility.protocol.state import decode_packets, decode_state, encode_state
from mobility.service.membership import Member
from mobility.service.service import Service
from mobility.service.spoken import Spoken
from mobility.store import Kept, Store
from mobility.tasks import Tasks
from mobility.transfer import Link
from mobility.xmpp.codes.stanza import Scanned
from mobility.xmpp.component import Component
from mobility.xmpp.errors import to_stanza
from mobility.xmpp.sasl import Password, Token
from mobility.xmpp.split import MobilitySplit
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer import MobilityTransfer
from tests.unit.meeting import LOBBY, PHONE, TERMS, TOKEN, host, met, visitor
from tests.unit.split.apps import Game, moved

CANARY = b"CANARY-of-16-B.."
CONTENT = {"note": "CANARY"}


def shapes(secret: bytes) -> set[str]:
    """How bytes look when somebody prints them."""
    return {
        secret.hex(),
        repr(secret)[2:-1],
        base64.b64encode(secret).decode().rstrip("="),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
    }


def clean(text: str, *secrets: bytes) -> bool:
    shown = {shape for secret in secrets for shape in shapes(secret)}
    return "CANARY" not in text and not [shape for shape in shown if shape in text]


def values() -> Iterator[object]:
    """One of everything that holds a secret."""
    yield Invitation("a@b/c", CANARY, b"k" * 16)
    yield DeviceCode("a@b", "k" * 22, CANARY)
    yield SessionCode("a@b", "talk", "k" * 22, CANARY)
    yield CodeBook(CANARY, "run")
    yield Scanned("k" * 22, CANARY)
    codes = Invitations(60)
    codes.issue(CANARY, 0)
    yield codes
    yield Envelope(CANARY, "sid", 1)
    yield Link(object.__new__(MobilityTransfer), Store(None), Tasks(), CANARY)
    yield Kept("id", "urn:app", 1, 1, CANARY, "sid", secret=CANARY, word=CANARY)
    yield visit.Visit(b"", "Phone", CANARY)
    yield visit.Approve(CANARY)
    yield session.State(CONTENT, {"f": CANARY}, "CANARY")
    inner = session.Stanza("{urn:app}x", {"a": "CANARY"}, "CANARY")
    yield session.Packet("sid", 1, 1, replace(inner, children=(inner,)))
    log = PacketLog()
    log.add(replace(inner, sender="CANARY", id="CANARY"), Direction.IN, now=0.0)
    yield from (log, log.entries)
    yield session.Checkpoint("sid", 1, 1, 0, 1, CANARY)
    for kind in (
        transfer.Offer,
        transfer.Accept,
        transfer.Fetch,
        transfer.Stored,
        transfer.Data,
        transfer.Ready,
        transfer.Commit,
        transfer.Confirm,
        transfer.Reclaim,
    ):
        yield kind(sealed=CANARY)
    yield mobilis.History((mobilis.Line("a@b", "c@d", "CANARY", 0.0),))
    yield handshake._Agreement(CANARY, "CANARY")
    yield Stream("a@b/c", "CANARY")
    yield from values_of_parts()
    challenge = Challenge(CANARY, 4096)
    yield challenge
    yield Pin("SCRAM-SHA-256", challenge, "b", b"")
    yield Pinned(Pin("SCRAM-SHA-256", challenge, "b", b""), "a", "nonce")
    yield from (Password("a", "CANARY"), Token("a", "CANARY"))


def values_of_parts() -> Iterator[object]:
    """Tokens by which services know parts, and what parts say."""
    names, said = frozenset({"{urn:app}x"}), session.Stanza("{urn:app}x", {}, "CANARY")
    token, numbered = "CANARY-of-a-part", replace(said, number=session.Number("f", 1))
    invite = feeding.Invite("s", "map", "a@b/c", token, names)
    yield from (invite, feeding.Invitation("s", "map", token), feeding.Dismiss(token))
    yield feeding.Sync(token, numbering.Cursor())
    yield feeding.Say("f", 1, said)
    yield standing.Standing({}, 1, (numbered,), (said,), {}, {"game.example": token})
    member = Member("a@b", kept=10)
    yield from (member, member.invite(invite, 0.0), member.fed[token].seen)
    yield numbering.Numbered("f", 1, 1, said)
    yield Spoken("a@b/c", said)
    yield Component("game.example", "CANARY")
    yield Service("game.example", "CANARY")
    game = Game()
    piece = game.piece("map")
    piece.feeds["game.example"] = token
    piece.bring(moved("CANARY"))
    yield from (game, piece, game.hub, piece._inboxes)
    yield Feed(object.__new__(MobilitySplit), "g", token, piece.inbox("g"), print)


async def all_values() -> list[object]:
    """Made in a loop that is closed: where there is none, a stream makes one."""
    return list(values())


@pytest.mark.parametrize(
    "value", asyncio.run(all_values()), ids=lambda value: type(value).__name__
)
def test_no_value_shows_its_secret(value: object) -> None:
    assert clean(repr(value), CANARY)
    assert clean(f"{[value]}", CANARY)


def test_every_field_of_bytes_was_looked_at() -> None:
    """Bytes are shown where they are public: keys, nonces, hashes and signatures."""
    public = {"key", "nonce", "identity", "signature", "commitment"}
    public |= {"receipt"}
    for module in (visit, words, session):
        for name in module.__all__:
            kind = getattr(module, name)
            for field in fields(kind) if is_dataclass(kind) else ():
                if field.type == "bytes" and field.repr:
                    assert field.name in public, (name, field.name)


def test_neither_end_of_a_handshake_shows_its_secrets() -> None:
    phone, display = visitor(), host()
    code = met(phone, display)
    phone.compare(code)
    phone.approve(TERMS)
    for side in (phone, display, phone.invitation, phone.meeting, display.meeting):
        text = repr(side)
        assert clean(text, TOKEN, phone.secret, b"p" * 32, b"d" * 32)
        assert "agreement" not in text


def refusals() -> Iterator[Callable[[], object]]:
    """What goes wrong with a secret in hand."""
    phone, display = visitor(), host()
    code = met(phone, display)
    shown = str(LOBBY)
    sealed = Envelope(phone.secret, "sid", 1).seal("state", CANARY)
    state = encode_state(session.State(CONTENT, {"f": CANARY}, "CANARY"))
    other = replace(LOBBY, token=bytes(16))
    visit_ = visitor(other).visit()
    yield lambda: Invitation.parse(shown.replace("v=0", "v=1"))
    yield lambda: Invitation.parse(shown + ";t=x")
    yield lambda: Invitation.parse(shown.replace(";k=", ";k=x"))
    yield lambda: Invitation.parse(shown.replace("xmpp:", "http:"))
    yield lambda: Invitation.parse(shown * 3)
    yield lambda: Invitations(60).redeem(TOKEN, 0)
    yield lambda: host().receive_visit(visit_, PHONE)
    yield lambda: display.receive_approve(visit.Approve(sealed))
    yield lambda: visit.Terms.decode(b'{"code": "CANARY"}')
    yield lambda: phone.approve(TERMS) if not phone.compare(code + "0") else None
    yield lambda: Envelope(phone.secret, "sid", 2).open("state", sealed)
    yield lambda: decode_state(state[:-1])
    yield lambda: decode_state(state + CANARY)
    yield lambda: decode_state(state.replace(b"CANARY", b"C4NARY"))
    yield lambda: decode_packets(state)
    yield lambda: encode_state(session.State({"CANARY": float("nan")}))
    yield lambda: encode_state(session.State(files={"CANARY/": CANARY}))


@pytest.mark.parametrize("refused", list(refusals()))
def test_no_refusal_quotes_a_secret(
    refused: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(MobilityError) as info:
        refused()
    secrets = (TOKEN, CANARY, CANARY.replace(b"A", b"4"))
    told = "".join(traceback.format_exception_only(info.value))
    sent = to_stanza(info.value)
    for text in (told, str(sent.text), caplog.text):
        assert clean(text, *secrets)
