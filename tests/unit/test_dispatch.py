"""What a device says of transfers that were under way when it stopped."""

from __future__ import annotations

from typing import Any

import pytest

from mobility import dispatch
from mobility.dispatch import Transfers
from mobility.errors import PeerUnreachable
from mobility.protocol.transfer import Commit, Memory, Phase, Ready, Role, Status
from mobility.store import Kept, Store
from mobility.tasks import Tasks
from mobility.transfer import Incoming, Link
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.transfer.stanza import Said

PHONE = "juliet@capulet.example/phone"
LAPTOP = "juliet@capulet.example/laptop"


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


async def test_what_waits_for_its_app_is_known_however_much_came_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "_MOST_PAST", 2)
    with Store(None) as store, Store(None) as other:
        store.keep(Kept("talk", "urn:app", 1, 7, b"", "sid-1", LAPTOP))
        store.journal("sid-1", Role.INITIATOR, Phase.CONFIRMED, 7)
        transfers = Transfers(store, Memory.STATE)
        link = Link(object.__new__(MobilityTransfer), other, Tasks(), b"")
        for number in range(4):
            side = Incoming(link, f"later-{number}", LAPTOP)
            transfers.add(side)
            transfers.close(side)
        with pytest.raises(PeerUnreachable, match="not running here yet"):
            await transfers.receive(LAPTOP, Said("sid-1", Status()))
