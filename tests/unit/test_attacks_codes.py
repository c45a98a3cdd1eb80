"""Attacks on the codes that a device shows to the user's others, without a network."""

from __future__ import annotations

from typing import Any

import pytest

from mobility.cli.opening import command
from mobility.own.codes import Codes
from mobility.protocol.code import DeviceCode, prove, read
from mobility.protocol.codebook import SHOWN, CodeBook
from mobility.xmpp.codes.stanza import Scanned
from tests.fakes.attacks import Attack, Attacks

ME, LAPTOP, THIEF = "juliet@capulet.example", "laptop", "thief"
TALK, DIARY = "talk", "diary"
BOOK = "mobility.protocol.codebook"
attacks: Attacks[[]] = Attacks()


def anyway(*_: Any) -> None:
    """What stands in the place of a check that is switched off."""


def book() -> CodeBook:
    return CodeBook(b"i" * 32, "run")


def scanned(codes: CodeBook, session: str = TALK, by: str = LAPTOP) -> bytes:
    return prove(codes.token(session, 0), session, by)


@attacks.stopped_by({f"{BOOK}.CodeBook._check_unused": anyway})
async def a_code_of_a_device_is_used_once_more() -> bool:
    codes = book()
    codes.check(scanned(codes), TALK, LAPTOP, 1)
    codes.check(scanned(codes, by=THIEF), TALK, THIEF, 2)
    return True


@attacks.stopped_by({f"{BOOK}.CodeBook._check_fresh": anyway})
async def a_code_of_a_device_is_used_from_a_photo() -> bool:
    codes = book()
    codes.check(scanned(codes), TALK, LAPTOP, 5 * SHOWN)
    return True


def of_anybody(token: bytes, session: str, device_id: str) -> bytes:
    return prove(token, session, LAPTOP)


@attacks.stopped_by({f"{BOOK}.prove": of_anybody})
async def a_proof_of_one_device_is_used_by_another() -> bool:
    codes = book()
    codes.check(scanned(codes), TALK, THIEF, 0)
    return True


def for_anything(token: bytes, session: str, device_id: str) -> bytes:
    return prove(token, TALK, device_id)


def of_any_session(self: CodeBook, session: str, count: int) -> bytes:
    return b"t" * 16


@attacks.stopped_by(
    {f"{BOOK}.prove": for_anything, f"{BOOK}.CodeBook._token": of_any_session}
)
async def a_code_of_one_session_takes_another() -> bool:
    codes = book()
    codes.check(scanned(codes), DIARY, LAPTOP, 0)
    return True


@attacks.stopped_by({"mobility.own.codes.Codes._check_own": anyway})
async def somebody_else_has_filmed_the_code_of_a_device() -> bool:
    ours, theirs = Codes(ME, b"i" * 32), Codes("romeo@montague.example", b"j" * 32)
    said = Scanned(theirs.key, theirs.proof(ours.device()))
    await ours.receive("romeo@montague.example/phone", said)
    return ours.expects(theirs.key)


@attacks.stopped_by({"mobility.cli.opening.check_own": anyway})
async def a_sticker_has_the_code_of_somebody_elses_device() -> bool:
    sticker = DeviceCode("romeo@montague.example", Codes(ME, b"j" * 32).key)
    return "send" in command(read(str(sticker)))


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose device it is."""
    monkeypatch.setenv("MOBILITY_CONFIG", "/nowhere.toml")
    monkeypatch.setenv("MOBILITY_JID", ME)


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_an_attack_fails(attack: Attack[[]]) -> None:
    assert not await attack.succeeds()


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    attack: Attack[[]], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack.undefended(monkeypatch)
    assert await attack.succeeds()
