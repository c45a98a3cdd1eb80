"""The order of a split session's packets outlives a restart, however much was said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mobility.errors import JournalError
from mobility.parts.hub import Hub
from mobility.protocol.numbering import Cursor
from mobility.protocol.session import Number
from mobility.protocol.split import Group
from mobility.split import order
from mobility.split.order import Order
from mobility.store import Kept, Parted, Store
from tests.unit.split.apps import moved, said

WHOLE = Kept("w", "https://example.org/apps/game", 1, 0, b"{}", keeps=True)


def begun(store: Store, hub: Hub) -> Order:
    written = Order(store, hub)
    group = Group.of(["w.map"])
    parted = Parted("w", WHOLE.app, group, {"w.map": "map"}, written.heads)
    store.part(parted, [Kept("w.map", WHOLE.app, 1, 0, b"{}", keeps=True)])
    written.begin(parted)
    return written


@pytest.mark.parametrize("packets", [0, 1, 8, 9, 30])
def test_after_a_restart_the_same_order_goes_on(
    tmp_path: Path, packets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "MOST", 6)
    monkeypatch.setattr(order, "_AT_ONCE", 1.5)
    hub = Hub()
    with Store(tmp_path) as store:
        begun(store, hub)
        for number in range(packets):
            word = moved(str(number)) if number % 3 else said(str(number))
            hub.say(word, by="voice" if number % 2 else "", said=number)
    again = Hub()
    with Store(tmp_path) as store:
        (parted,) = store.parted().values()
        written = Order(store, again)
        written.again(parted)
        assert again.heads == hub.heads
        kept = again.since(Cursor(again.feed), hub.heads.names)
        assert len(kept) == len(store.ordered("w")) <= 9
        assert [s.text for s in kept] == [str(n) for n in range(packets)][-len(kept) :]
        again.say(moved("next"))
        assert again.at == packets + 1


def test_large_packets_do_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that has a part could say them all day."""
    monkeypatch.setattr(order, "LARGEST", 100_000)
    hub = Hub()
    with Store(tmp_path) as store:
        written = begun(store, hub)
        for number in range(40):
            hub.say(moved(str(number) * 10_000))
            assert sum(map(len, store.ordered("w"))) < 250_000
        assert len(written._since) == len(store.ordered("w")) > 1


def test_what_cannot_be_written_down_is_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub()
    with Store(tmp_path) as store:
        begun(store, hub)

        def full(session: str, packet: bytes) -> None:
            raise JournalError("The disk is full.")

        monkeypatch.setattr(store, "order", full)
        with pytest.raises(JournalError):
            hub.say(moved("lost"))
        assert hub.at == 0


def test_what_is_whole_again_leaves_nothing_of_its_parts(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        hub = Hub()
        store.keep(WHOLE)
        begun(store, hub)
        hub.say(moved("north"))
        assert store.pieces() == {"w", "w.map"}
        store.join("w", None)
        assert store.parted() == {}
        assert store.pieces() == set()
        assert store.ordered("w") == []
        assert store.kept() == [WHOLE]


def test_words_that_come_together_are_written_down_together() -> None:
    hub, written = Hub(), list[int]()
    hub.on_order = lambda stanzas: written.append(len(stanzas))
    names = ("north", "south", "north", "west")
    words = [
        replace(moved(name), number=Number("voice", at))
        for at, name in zip((1, 2, 2, 3), names, strict=True)
    ]
    ordered = hub.hear(words)
    assert written == [3]
    assert [each.number.at for each in ordered if each.number] == [1, 2, 3]
    assert [each.number.nth for each in ordered if each.number] == [1, 2, 3]
    assert hub.hear(words) == []
    assert written == [3]
