"""Delegated logins at a real server: who gets in, once, and when they are out."""

from __future__ import annotations

import pytest

from mobility.errors import VisitEnded
from mobility.protocol.delegation import Level
from tests.fakes.running import RunningServer
from tests.integration.delegated import owner, policy, token_login


async def test_a_token_opens_one_session_on_its_resource(server: RunningServer) -> None:
    jid, password = server.add()
    async with owner(server, jid, password) as (_, delegations):
        assert await delegations.supported()
        minted = await delegations.mint(policy())
        (waiting,) = await delegations.delegations()
        assert (waiting.id, waiting.state) == (minted.id, "waiting")
        async with token_login(server, jid, minted) as display:
            assert await display.open()
            assert display.boundjid.full == f"{jid}/d-x7Kq"
            (there,) = await delegations.delegations()
            assert (there.id, there.state) == (minted.id, "connected")
            assert (there.resource, there.level) == ("d-x7Kq", Level.TOKEN)
            assert there.label == "Lobby screen (kiosk.example)"
            assert there.address == "127.0.0.1"
            assert 0 < there.expires <= 60
            async with token_login(server, jid, minted) as thief:
                assert not await thief.open()
            await delegations.revoke(minted.id)
            await display.closed.wait()
            assert display.ended == ("not-authorized", "It was revoked")
        with pytest.raises(VisitEnded):
            await delegations.revoke(minted.id)
        assert await delegations.delegations() == []
