"""What a device says of transfers that were under way when it stopped."""

from __future__ import annotations

from typing import Any

import pytest

from mobility.dispatch import Transfers
from mobility.errors import PeerUnreachable
from mobility.protocol.transfer import Commit, Memory, Phase, Ready, Role, Status
from mobility.store import Store
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.transfer.stanza import Said

PHONE = "juliet@capulet.example/phone"


@pytest.mark.parametrize("event", [Status(), Ready()])
async def test_who_had_committed_never_says_that_it_knows_nothing(event: Any) -> None:
    with Store(None) as store:
        store.journal("sid-1", Role.INITIATOR, Phase.COMMITTED, 7)
        transfers = Transfers(store, Memory.STATE)
        with pytest.raises(PeerUnreachable, match="not running here yet"):
            await transfers.receive(PHONE, Said("sid-1", event))


async def test_who_had_only_promised_says_that_it_has_lost_it() -> None:
    with Store(None) as store:
        store.journal("sid-1", Role.RESPONDER, Phase.READY, 7)
        transfers = Transfers(store, Memory.STATE)
        with pytest.raises(UnknownTransfer):
            await transfers.receive(PHONE, Said("sid-1", Commit()))
