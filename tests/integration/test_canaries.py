"""No secret of a visit shows by accident: in a log, an argument or a repr."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, State, TransferRefused
from mobility.protocol.agreement import agreement_key
from mobility.protocol.delegation import Level, Minted
from mobility.protocol.scram import Scram
from mobility.xmpp.delegation import MobilityDelegation
from tests.fakes.canaries import found
from tests.fakes.running import RunningServer
from tests.fakes.watch import watching
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, visiting


class Noted:
    """What the phone has in hand while it lets a display in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secrets: dict[str, bytes] = {}
        prove, mint = Scram.prove, MobilityDelegation.mint

        def proving(scram: Scram, salted: bytes) -> bytes:
            proof = prove(scram, salted)
            self.secrets["salted password"] = salted
            self.secrets["proof"] = proof.rpartition(b"p=")[2]
            return proof

        async def minting(self_: MobilityDelegation, policy: object) -> Minted:
            minted = await mint(self_, policy)  # type: ignore[arg-type]
            self.secrets["token of the login"] = minted.token.encode()
            return minted

        monkeypatch.setattr(Scram, "prove", proving)
        monkeypatch.setattr(MobilityDelegation, "mint", minting)


@pytest.mark.parametrize("level", Level, ids=lambda level: level.value)
async def test_no_secret_of_a_visit_shows(
    server: RunningServer, hurry: None, monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    noted = Noted(monkeypatch)
    jid, password = server.add()
    noted.secrets["password"] = password.encode()
    with watching() as watch:
        async with (
            Lobby(server) as lobby,
            Client(jid, password, **address(server)) as phone,
        ):
            noted.secrets["token of the code"] = (await lobby.code()).token
            async with visiting(phone, lobby, level=level) as screen:
                noted.secrets["secret of the visit"] = screen.secret
                await phone.transfer(Board(strokes=("first",)), to=screen)
                await lobby.board()
                assert not found(watch.seen, noted.secrets)
            assert not found(watch.seen, noted.secrets)
    assert ("token of the login" in noted.secrets) is (level is Level.TOKEN)


def test_a_secret_that_shows_is_found() -> None:
    secret = b"a canary of some length"

    @dataclass
    class Careless:
        secret: bytes

    Careless.__module__ = "mobility.careless"
    kept = Careless(secret)
    with watching() as watch:
        assert found(watch.seen, {"secret": kept.secret})
    del kept
    with watching() as watch:
        assert not found(watch.seen, {"secret": secret})
        logging.getLogger("mobility.careless").debug("it is %s", secret.decode())
        assert found(watch.seen, {"secret": secret})


async def test_no_secret_of_ones_own_devices_shows(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    jid, password = server.add()
    secrets = {"password": password.encode(), "title": b"a canary of a title"}

    def device(name: str) -> Client:
        about: dict[str, Any] = {"device": name, "apps": (Named,)}
        about["data"] = tmp_path / name
        return Client(jid, password, **about, **address(server))

    with watching() as watch:
        async with device("Laptop") as laptop, device("Phone") as phone:
            for each in (laptop, phone):
                identity = each._store.identity(b"")
                secrets[f"key of {each.name}"] = identity
                secrets[f"agreement key of {each.name}"] = agreement_key(identity)
                await each.devices()
            board = Named()
            running = await laptop.list_session(board)
            code, talk = laptop.codes.device(), laptop.codes.session(running.id)
            secrets |= {"token": code.token, "token of a session": talk.token}
            secrets["proof of a session"] = phone.codes.proof(talk)
            await phone.scanned(code)
            (listed,) = await phone.sessions()
            assert listed.title.encode() == secrets["title"]
            with pytest.raises(TransferRefused):  # the code of another session
                await phone.request(listed, proof=b"p" * 32)
            await phone.request(listed, proof=secrets["proof of a session"])
            assert not found(watch.seen, secrets)
            moved = await phone.sessions()
            assert moved[0].title == listed.title
            assert not found(watch.seen, secrets)


class Named(Board):
    """With a title that nobody else need know."""

    title = "a canary of a title"

    async def snapshot(self) -> State:
        return replace(await super().snapshot(), title=self.title)
