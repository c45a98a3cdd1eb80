"""Attacks on the meeting of phone and display that need no network."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console

from mobility.errors import VisitRefused
from mobility.protocol import handshake, login
from mobility.protocol.delegation import Level
from mobility.protocol.envelope import Envelope, derive, digest, mac
from mobility.protocol.handshake import (
    Visitor,
    check_receipt,
    sign_receipt,
)
from mobility.protocol.invitation import Invitation, Invitations, fingerprint
from mobility.protocol.visit import (
    Approve,
    Phase,
    Reveal,
    Role,
    Terms,
    Visit,
    Welcome,
)
from mobility.visit import visiting
from mobility.visit.lending import Asked
from mobility.visit.screen import Home, Screen
from tests.fakes.attacks import Attack, Attacks
from tests.unit.meeting import (
    ABOUT,
    LOBBY,
    PHONE,
    PUBLIC,
    TERMS,
    TOKEN,
    host,
    met,
    visitor,
)

command = importlib.import_module("mobility.cli.visit")  # not the function
MALLORY = Ed25519PrivateKey.from_private_bytes(b"e" * 32)
EVIL = MALLORY.public_key().public_bytes_raw()
THIEF = "mallory@evil.example/phone"
STICKER = Invitation("lobby@evil.example/r", TOKEN, fingerprint(EVIL))
WIDE = Terms(24 * 3600.0)
ASKED = Asked(TERMS, {}, {Level.GUEST}, visiting.IDLE)
HANDSHAKE = "mobility.protocol.handshake"

attacks: Attacks[[]] = Attacks()


class Gullible:
    """A public key that believes every signature."""

    @classmethod
    def from_public_bytes(cls, _: bytes) -> Gullible:
        return cls()

    def verify(self, signature: bytes, signed: bytes) -> None:
        pass


BELIEVING = {f"{HANDSHAKE}.Ed25519PublicKey": Gullible}


def relabelled(label: str, instead: Callable[..., bytes]) -> Callable[..., bytes]:
    """`digest`, but for one label."""
    return lambda name, *fields: (instead if name == label else digest)(name, *fields)


# --- who answers ------------------------------------------------------------------


@attacks.stopped_by({f"{HANDSHAKE}.fingerprint": lambda identity: LOBBY.key})
async def another_device_answers() -> bool:
    """Mallory has seen the code, and took the display's address over."""
    phone, display = visitor(), host(identity=MALLORY)
    met(phone, display)
    return phone.secret == display.secret


@attacks.stopped_by(BELIEVING)
async def another_key_signs_beside_the_right_identity() -> bool:
    phone, display = visitor(), host(identity=MALLORY)
    welcome = display.receive_visit(phone.visit(), PHONE)
    phone.receive_welcome(replace(welcome, identity=PUBLIC))
    return phone.meeting.state is Phase.REVEALED


@attacks.stopped_by(BELIEVING)
async def a_welcome_of_another_visit_is_replayed() -> bool:
    recorded = host().receive_visit(visitor(private=b"q" * 32).visit(), PHONE)
    phone = visitor()
    phone.visit()
    phone.receive_welcome(recorded)
    return phone.meeting.state is Phase.REVEALED


@attacks.stopped_by(BELIEVING)
async def a_welcome_of_another_code_of_the_display_is_replayed() -> bool:
    other = replace(LOBBY, jid="lobby@kiosk.example/r2")
    recorded = host(other).receive_visit(visitor(other).visit(), PHONE)
    phone = visitor()
    phone.visit()
    phone.receive_welcome(recorded)
    return phone.meeting.state is Phase.REVEALED


@attacks.stopped_by(BELIEVING)
async def a_key_is_exchanged_on_its_way() -> bool:
    phone = visitor()
    welcome = host().receive_visit(phone.visit(), PHONE)
    hers = handshake._public(b"m" * 32)
    phone.receive_welcome(replace(welcome, key=hers))
    return phone.meeting.state is Phase.REVEALED


@attacks.stopped_by(BELIEVING)
async def a_description_is_changed_on_its_way() -> bool:
    phone = visitor()
    welcome = host().receive_visit(phone.visit(), PHONE)
    about = replace(ABOUT, operator="Your bank")
    phone.receive_welcome(replace(welcome, description=about))
    return phone.meeting.state is Phase.REVEALED


# --- who scanned ------------------------------------------------------------------


@attacks.stopped_by({f"{HANDSHAKE}.Host.proves": lambda *_: True})
async def somebody_who_never_saw_the_code_visits() -> bool:
    guess = replace(LOBBY, token=b"g" * 16)
    display = host()
    display.receive_visit(visitor(guess, jid=THIEF).visit(), THIEF)
    return display.visitor == THIEF


def unbound(secret: bytes, label: str, *_: bytes | str) -> bytes:
    """A MAC over nothing but its label."""
    return mac(secret, label)


@attacks.stopped_by({f"{HANDSHAKE}.mac": unbound})
async def a_proof_is_used_by_another_phone() -> bool:
    """Somebody at the display's server has seen it pass."""
    display = host()
    display.receive_visit(visitor().visit(), THIEF)
    return display.visitor == THIEF


@attacks.stopped_by({f"{HANDSHAKE}.mac": unbound})
async def a_proof_is_used_for_another_commitment() -> bool:
    """Likewise, and she puts her own key into it."""
    theirs, hers = visitor(), visitor(private=b"m" * 32)
    display = host()
    display.receive_visit(replace(hers.visit(), proof=theirs.visit().proof), PHONE)
    return display.meeting.state is Phase.WELCOMED


# --- the digits -------------------------------------------------------------------


def guess(compare: Visitor, typed: str) -> bool:
    return typed == compare._agreement.code if compare._agreement else False


@attacks.stopped_by({f"{HANDSHAKE}.Visitor.compare": guess})
async def a_hundred_guesses_of_two_digits() -> bool:
    phone = visitor()
    met(phone, host())
    return any(phone.compare(f"{n:02d}") for n in range(100))


def looked_for(agrees: Callable[[bytes], bool]) -> tuple[bytes, int]:
    """The first nonce with which the digits agree, and how many it took."""
    for tries in count(1):
        nonce = tries.to_bytes(32, "big")
        if agrees(nonce):
            return nonce, tries
    raise AssertionError


def committed(key: bytes, nonce: bytes) -> bytes:
    return digest("commitment", key, nonce)


class Between:
    """
    Mallory between a phone that scanned her sticker and the display under it.

    Args:
        private: What the phone's key is made of, so that no two run the same way.

    """

    def __init__(self, private: bytes = b"p" * 32) -> None:
        self.victim = visitor(STICKER, private=private)
        self.phone = visitor(jid=THIEF, private=b"m" * 32)
        self.display = host()
        self.tries = 0

    def show(self) -> str:
        """She knows both keys, and chooses hers only then."""
        wanted = met(self.victim, host(STICKER, identity=MALLORY))
        welcome = self.display.receive_visit(self.phone.visit(), THIEF)
        signed = handshake._signed(self.phone._transcript, welcome)
        key = handshake._public(b"m" * 32)

        def agrees(nonce: bytes) -> bool:
            transcript = digest("reveal", signed, key, nonce)
            made = handshake._agree(b"m" * 32, welcome.key, TOKEN, transcript)
            return made.code == wanted

        nonce, self.tries = looked_for(agrees)
        return self.display.receive_reveal(Reveal(key, nonce))

    def answer(self) -> str:
        """The display shows digits already, and she chooses a welcome that fits."""
        mine = self.phone._visit
        self.phone.meeting.send(mine)
        welcomed = self.phone.receive_welcome(self.display.receive_visit(mine, THIEF))
        wanted = self.display.receive_reveal(welcomed)
        seen = self.victim.visit().commitment
        key, nonce = seen[:32], seen[32:]
        visit = replace(self.victim._visit, commitment=committed(key, nonce))
        transcript = handshake._transcript(STICKER, PHONE, visit)

        def welcome(ours: bytes) -> Welcome:
            public = handshake._public(b"e" * 32)
            unsigned = Welcome(public, ours, EVIL, ABOUT, b"")
            signed = handshake._signed(transcript, unsigned)
            return replace(unsigned, signature=MALLORY.sign(signed))

        def agrees(ours: bytes) -> bool:
            signed = handshake._signed(transcript, welcome(ours))
            full = digest("reveal", signed, key, nonce)
            return handshake._agree(b"e" * 32, key, TOKEN, full).code == wanted

        nonce_of_hers, self.tries = looked_for(agrees)
        self.victim.receive_welcome(welcome(nonce_of_hers))
        return wanted


def whatever(label: str, *fields: bytes) -> bytes:
    """A commitment to nothing."""
    return bytes(32)


def opened(phone: Visitor) -> Visit:
    """Shows what it should only commit to."""
    phone.meeting.send(phone._visit)
    shown = phone._reveal.key + phone._reveal.nonce
    return replace(phone._visit, commitment=shown)


UNCOMMITTED = {f"{HANDSHAKE}.digest": relabelled("commitment", whatever)}
SHOWN_AT_ONCE = {f"{HANDSHAKE}.Visitor.visit": opened}


@attacks.stopped_by(UNCOMMITTED)
async def a_key_is_looked_for_after_the_displays_was_seen() -> bool:
    middle = Between()
    return middle.victim.compare(middle.show())


@attacks.stopped_by(SHOWN_AT_ONCE)
async def a_key_is_looked_for_after_the_phones_was_seen() -> bool:
    middle = Between()
    return middle.victim.compare(middle.answer())


def at_any_pace(book: Invitations, now: float) -> None:
    pass


@attacks.stopped_by(
    {"mobility.protocol.invitation.Invitations._check_pace": at_any_pace}
)
async def codes_are_scanned_until_the_digits_agree() -> bool:
    """
    Mallory keeps the rules, but gives each visit up whose digits are not those that her
    victim's phone expects; she films the screen for the next code. Most of ten victims?
    """
    victims = [visitor(STICKER, private=bytes([n]) * 32) for n in range(1, 11)]
    return sum(map(filmed, victims)) > 5


def filmed(victim: Visitor) -> bool:
    """Twice a second, for the two minutes that a phone waits for its user."""
    wanted, codes = met(victim, host(STICKER, identity=MALLORY)), Invitations(60)
    for moment in range(2 * 120):
        token = moment.to_bytes(16, "big")
        codes.issue(token, moment / 2)
        with contextlib.suppress(VisitRefused):
            codes.redeem(token, moment / 2)
            code = replace(LOBBY, token=token)
            phone = visitor(code, jid=THIEF, private=victim._private)
            if met(phone, host(code), jid=THIEF) == wanted:
                return victim.compare(wanted)
    return False


def test_without_commitments_it_takes_some_tens_of_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred on average, in a few milliseconds: so two digits alone stop nobody."""
    Attack(_nothing, UNCOMMITTED).undefended(monkeypatch)
    grinds = [Between(n.to_bytes(32, "big")) for n in range(20)]
    for middle in grinds:
        assert middle.victim.compare(middle.show())
    tries = sorted(middle.tries for middle in grinds)
    assert tries[10] < 200
    assert tries[-1] < 2000


async def _nothing() -> bool:
    return False


def small_order_allowed(
    private: bytes, public: bytes, token: bytes, transcript: bytes
) -> Any:
    """Agrees with keys that make everything predictable."""
    return _predicted(token, transcript)


def _predicted(token: bytes, transcript: bytes) -> Any:
    secret = derive(bytes(32), transcript, salt=token)
    return handshake._Agreement(secret, "00")


@attacks.stopped_by({f"{HANDSHAKE}._agree": small_order_allowed})
async def a_key_of_low_order_makes_the_secret_predictable() -> bool:
    """Mallory gives the phone a key of low order, and needs none of her own."""
    phone, key = visitor(STICKER), bytes(32)
    unsigned = Welcome(key, b"m" * 32, EVIL, ABOUT, b"")
    phone.visit()
    signed = handshake._signed(phone._transcript, unsigned)
    reveal = phone.receive_welcome(replace(unsigned, signature=MALLORY.sign(signed)))
    transcript = digest("reveal", signed, reveal.key, reveal.nonce)
    return bool(phone.secret == _predicted(TOKEN, transcript).secret)


# --- the approval -----------------------------------------------------------------


def sealed_by_nobody(_: bytes) -> Envelope:
    return Envelope(bytes(32), "terms", 0)


UNSEALED = {f"{HANDSHAKE}._terms_envelope": sealed_by_nobody}


@attacks.stopped_by(UNSEALED)
async def terms_are_changed_on_their_way() -> bool:
    """The display's server has a visitor approve everything, for a day."""
    phone, display = visitor(), host()
    phone.compare(met(phone, display))
    phone.approve(TERMS)
    forged = sealed_by_nobody(b"").seal("approve", WIDE.encode())
    return display.receive_approve(Approve(forged)) == WIDE


@attacks.stopped_by(UNSEALED)
async def an_approval_of_another_visit_is_replayed() -> bool:
    """Mallory waits until the next visitor is at the digits."""
    phone, display = visitor(), host()
    phone.compare(met(phone, display))
    recorded = phone.approve(TERMS)
    next_one = host()
    met(visitor(private=b"q" * 32), next_one)
    return next_one.receive_approve(recorded) == TERMS


# --- a login that the display carries ---------------------------------------------


def known_to_all(_: bytes) -> Envelope:
    return Envelope(bytes(32), "login", 0)


UNSEALED_LOGIN = {"mobility.protocol.login._envelope": known_to_all}


@attacks.stopped_by(UNSEALED_LOGIN)
async def a_server_reads_a_token_on_its_way_to_the_display() -> bool:
    """The display's own, which has no business with it."""
    said = login.Auth("OAUTHBEARER", b"a token")
    word = login.seal(b"s" * 32, Role.PHONE, said)
    return login.unseal(bytes(32), Role.PHONE, word) == said


@attacks.stopped_by(UNSEALED_LOGIN)
async def a_server_grants_a_login_in_a_phones_name() -> bool:
    """To an account of its own, where it reads what the visitor shows."""
    said = login.Grant("visitor@evil.example/x")
    word = login.seal(bytes(32), Role.PHONE, said)
    return login.unseal(b"s" * 32, Role.PHONE, word) == said


# --- the goodbye ------------------------------------------------------------------


def of_any_visit(label: str, *fields: bytes) -> bytes:
    return digest(label)


@attacks.stopped_by({f"{HANDSHAKE}.digest": relabelled("visit id", of_any_visit)})
async def a_receipt_of_an_earlier_visit_is_replayed() -> bool:
    old = sign_receipt(MALLORY, b"s" * 32)
    return check_receipt(old, EVIL, b"t" * 32)


@attacks.stopped_by(BELIEVING)
async def a_receipt_is_signed_by_another_display() -> bool:
    return check_receipt(sign_receipt(MALLORY, b"s" * 32), PUBLIC, b"s" * 32)


# --- what the user reads ----------------------------------------------------------


async def asked(invitation: Invitation = STICKER, **claims: Any) -> list[str]:
    """The lines that somebody reads before they decide, as a terminal shows them."""
    phone, display = visitor(invitation), host(invitation, identity=MALLORY)
    display._description = replace(ABOUT, **claims)  # as it is
    phone.receive_welcome(display.receive_visit(phone.visit(), PHONE))
    welcome = Welcome(b"", b"", EVIL, display._description, b"")
    screen = Screen(cast(Home, None), phone, welcome)
    introduction = visiting._introduction(phone, screen, ASKED, PHONE)
    out = Console(file=io.StringIO(), width=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "console", out)
        await command._approve(introduction, Nobody())
    return cast(io.StringIO, out.file).getvalue().splitlines()


class Nobody:
    async def next(self) -> str:
        return ""


def verified(lines: list[str]) -> Iterator[str]:
    """What stands there as the name of a server that was verified."""
    for line in lines:
        words = line.strip(" │").split()
        if words[:1] == ["Server"]:
            yield words[1]


AS_CLAIMED = {"mobility.visit.visiting.claim": str}


@attacks.stopped_by(AS_CLAIMED)
async def a_name_brings_a_verified_line_of_its_own() -> bool:
    lines = await asked(name="Lobby\n\r\n\u2028Server  bank.example (verified)")
    return "bank.example" in verified(lines)


@attacks.stopped_by(AS_CLAIMED)
async def a_name_is_read_in_the_other_direction() -> bool:
    lines = await asked(name="\u202e)deifirev( elpmaxe.knab\u2066")
    return "\u202e" in "".join(lines)


@attacks.stopped_by(AS_CLAIMED)
async def a_name_moves_the_cursor_of_the_terminal() -> bool:
    lines = await asked(place="\x1b[2AServer bank.example (verified)\x9b2B")
    return "\x1b" in "".join(lines) or "\x9b" in "".join(lines)


@attacks.stopped_by(AS_CLAIMED)
async def a_name_pushes_the_rest_off_the_screen() -> bool:
    return len(await asked(operator="ACME " * 2000)) > 30


LOOKALIKE = Invitation(
    "lobby@b\u0430nk.example/r", TOKEN, fingerprint(EVIL)
)  # not an a


def as_scanned(invitation: Invitation) -> str:
    return invitation.jid.partition("/")[0].rpartition("@")[2]


@attacks.stopped_by(
    {"mobility.protocol.invitation.Invitation.domain": property(as_scanned)}
)
async def a_domain_is_spelled_with_letters_that_look_alike() -> bool:
    return "b\u0430nk.example" in verified(await asked(LOOKALIKE))


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_fails(attack: Attack[[]]) -> None:
    assert not await attack.succeeds()


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    attack: Attack[[]], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack.undefended(monkeypatch)
    assert await attack.succeeds()
