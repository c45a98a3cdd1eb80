"""A hostile display carries its visitor's login, and gets nothing that it can use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Introduction, Invitation, LoginRefused, MobilityError
from mobility.protocol import login as proto
from mobility.protocol import scram
from mobility.protocol.delegation import Level
from mobility.protocol.login import TRANSITIONS, Auth, Phase, Response
from mobility.protocol.pin import Offered
from mobility.protocol.scram import Challenge, Scram
from mobility.protocol.visit import Role
from mobility.xmpp.sasl import Login, Password
from tests.fakes.attacks import Attack, Attacks
from tests.fakes.hostile_display import HostileDisplay
from tests.fakes.hostile_login import Crooked, cracked
from tests.fakes.running import RunningServer
from tests.fakes.tricks import Trick
from tests.integration.people import address, soon

attacks: Attacks[[RunningServer]] = Attacks()
ROOT = Path(__file__).parents[2]
WORDS = ("password", "letmein", "hunter2")


@contextlib.asynccontextmanager
async def carrying(
    server: RunningServer, trick: Trick
) -> AsyncIterator[tuple[HostileDisplay, Any]]:
    """A display that does this, and a phone that would let it in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_urlsafe", lambda size=0: "hunter2")
        jid, password = server.add()
    async with (
        HostileDisplay(server.add(), **address(server)) as display,
        Client(jid, password, **address(server)) as phone,
    ):
        display.tricks.add(trick)
        code = display.invitation
        yield display, phone.visit(code, approve=display.digits, level=Level.LOGIN)


async def login(server: RunningServer, trick: Trick) -> tuple[Crooked, bool]:
    """What came of one, and whether the phone let the display in."""
    let_in = False
    async with carrying(server, trick) as (display, visit):
        with contextlib.suppress(MobilityError):
            async with visit:
                let_in = True
        assert display.account.login is not None
        return display.account.login, let_in


async def proofs(server: RunningServer, trick: Trick) -> int:
    return len((await login(server, trick))[0].said(Response))


# --- phones that trust their display ----------------------------------------------


class Obliging(Password):
    """Answers whatever it is asked, as it would for itself."""

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        if offered.mechanisms == ("PLAIN",):
            return "PLAIN", f"\0{self._username}\0{self._password}".encode()
        return await super().begin(offered)

    async def succeed(self, additional: bytes) -> None:
        """Whoever lets it in is the right one."""


def unpinned(phone: Password, nonce: str) -> Login:
    return Obliging(phone._username, phone._password)


def of_anybody(self: Scram, message: bytes) -> Challenge:
    """Takes every nonce, and as many questions as come."""
    _, challenge = scram._read_first(message)
    self._asked, self._signature = message, b""
    return challenge


def in_some_way(message: bytes) -> tuple[bytes, Challenge]:
    """Reads what it understands."""
    return _read_first(message.removeprefix(b"m=1,"))


_read_first = scram._read_first


def nothing(*_: object) -> None:
    pass


UNPINNED: dict[str, Any] = {"mobility.xmpp.sasl.login.Password.carried": unpinned}
SCRAM = "mobility.protocol.scram"


# --- what a display says of the server --------------------------------------------


@attacks.stopped_by(UNPINNED)
async def a_display_asks_for_the_password_itself(server: RunningServer) -> bool:
    auths = (await login(server, Trick.PLAIN))[0].said(Auth)
    return any(b"hunter2" in auth.data for auth in auths)


@attacks.stopped_by(UNPINNED)
async def a_display_asks_for_a_weaker_hash(server: RunningServer) -> bool:
    auths = (await login(server, Trick.SHA_1))[0].said(Auth)
    return any(auth.mechanism == "SCRAM-SHA-1" for auth in auths)


@attacks.stopped_by({"mobility.protocol.pin.compare": nothing})
async def a_display_stands_before_another_server(server: RunningServer) -> bool:
    return bool(await proofs(server, Trick.OTHER_DOMAIN))


@attacks.stopped_by({"mobility.protocol.pin.compare": nothing})
async def an_interceptor_stands_before_the_display(server: RunningServer) -> bool:
    return bool(await proofs(server, Trick.OTHER_CERTIFICATE))


@attacks.stopped_by({**UNPINNED, f"{SCRAM}.FEWEST": 1})
async def a_password_is_guessed_from_a_proof_of_one_round(
    server: RunningServer,
) -> bool:
    """308,000 guesses a second and core; here it is the third."""
    carried, _ = await login(server, Trick.ONE_ROUND)
    return cracked(carried, WORDS) == "hunter2"


@attacks.stopped_by({**UNPINNED, f"{SCRAM}.MOST": 10**9})
async def a_display_keeps_a_phone_busy_with_rounds(server: RunningServer) -> bool:
    return bool(await proofs(server, Trick.MANY_ROUNDS))


@attacks.stopped_by(UNPINNED)
async def a_display_has_tables_for_a_salt(server: RunningServer) -> bool:
    return bool(await proofs(server, Trick.OTHER_SALT))


@attacks.stopped_by({f"{SCRAM}.Scram.receive_challenge": of_anybody})
async def a_display_asks_with_the_nonce_of_another_login(
    server: RunningServer,
) -> bool:
    return bool(await proofs(server, Trick.OTHER_NONCE))


@attacks.stopped_by({f"{SCRAM}._read_first": in_some_way})
async def a_display_asks_for_a_mandatory_extension(server: RunningServer) -> bool:
    return bool(await proofs(server, Trick.EXTENSION))


@attacks.stopped_by({f"{SCRAM}.Scram.receive_success": nothing})
async def a_display_is_in_without_the_servers_signature(
    server: RunningServer,
) -> bool:
    return (await login(server, Trick.UNSIGNED_SUCCESS))[1]


@attacks.stopped_by({f"{SCRAM}.Scram.receive_success": nothing})
async def a_display_signs_for_the_server(server: RunningServer) -> bool:
    return (await login(server, Trick.WRONG_SIGNATURE))[1]


def again_and_again() -> dict[Any, Any]:
    """The table of a phone that answers every question."""
    answered = {**TRANSITIONS[Phase.ANSWERED], ASKED: Phase.CHALLENGED}
    return {**TRANSITIONS, Phase.ANSWERED: answered}


ASKED = (Role.DISPLAY, proto.Challenge)
TWICE = {
    **UNPINNED,
    f"{SCRAM}.Scram.receive_challenge": of_anybody,
    "mobility.protocol.login.Login.table": again_and_again(),
}


@attacks.stopped_by(TWICE)
async def a_display_asks_for_a_second_proof(server: RunningServer) -> bool:
    return await proofs(server, Trick.SECOND_EXCHANGE) > 1


# --- the program ------------------------------------------------------------------


async def test_it_is_a_program_with_a_switch_for_each_trick(
    server: RunningServer, hurry: None
) -> None:
    display = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.hostile_display", "--one-round"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    jid, password = server.add()
    where = {**address(server), "ca_file": str(server.ca_file)}

    async def tells(event: str, line: str = "") -> dict[str, Any]:
        assert display.stdin is not None
        assert display.stdout is not None
        display.stdin.write(line.encode() + b"\n" if line else b"")
        told: dict[str, Any] = json.loads(await soon(display.stdout.readline()))
        assert told["event"] == event
        return told

    async def digits(_: Introduction) -> str | None:
        return str((await tells("digits"))["digits"])

    order = {"jid": jid, "password": password, **where}
    try:
        code = Invitation.parse((await tells("code", json.dumps(order)))["code"])
        async with Client(*server.add(), **address(server)) as phone:
            with pytest.raises(LoginRefused, match="hashed so little"):
                async with phone.visit(code, approve=digits, level=Level.LOGIN):
                    pass
        got = await tells("got", "what did you get?")
    finally:
        display.kill()
        await display.wait()
    assert (got["proofs"], got["logged_in"]) == (0, False)
    assert got["mechanisms"] == ["SCRAM-SHA-256"]


# --- twice ------------------------------------------------------------------------


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_fails(
    attack: Attack[[RunningServer]], server: RunningServer, hurry: None
) -> None:
    assert not await attack.succeeds(server)


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    attack: Attack[[RunningServer]],
    server: RunningServer,
    hurry: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack.undefended(monkeypatch)
    assert await attack.succeeds(server)
