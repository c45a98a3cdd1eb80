"""The presenter's half on the phone: a document, its page and its pointer."""

from __future__ import annotations

from typing import Any

import pytest

from examples.presenter.presenter import FILE, LONGEST, URI, Presenter
from mobility import InvalidState, LocalProtocolError, Stanza, State

PDF = b"%PDF-1.7 ..."


def packet(
    name: str, attributes: dict[str, str] | None = None, text: str = ""
) -> Stanza:
    return Stanza(f"{{{URI}}}{name}", attributes or {}, text)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Stanza]:
    stanzas: list[Stanza] = []

    async def send(self: Presenter, stanza: Stanza) -> None:
        stanzas.append(stanza)

    monkeypatch.setattr(Presenter, "send", send)
    return stanzas


async def test_what_the_user_does_is_sent(sent: list[Stanza]) -> None:
    presenter = Presenter(PDF)
    await presenter.turn(4)
    await presenter.point(0.25, 2)
    await presenter.stop_pointing()
    await presenter.write("x" * 500)
    assert sent == [
        packet("turn", {"page": "4"}),
        packet("point", {"x": "0.2500", "y": "1.0000"}),
        packet("point"),
        packet("write", text="x" * LONGEST),
    ]


async def test_what_was_sent_does_the_same_elsewhere(sent: list[Stanza]) -> None:
    here, there = Presenter(PDF), Presenter(PDF)
    await here.turn(4)
    await here.point(0.5, 0.125)
    await here.write("Questions?")
    for stanza in sent:
        await there.replay(stanza)
    assert await there.snapshot() == await here.snapshot()


async def test_a_snapshot_restores_all_of_it(sent: list[Stanza]) -> None:
    before, after = Presenter(PDF, page=3), Presenter()
    await before.point(0.5, 0.5)
    await before.write("Questions?")
    await after.restore(await before.snapshot())
    assert (after.document, after.page) == (PDF, 3)
    assert (after.pointer, after.text) == ((0.5, 0.5), "Questions?")


async def test_pages_stay_within_the_document(sent: list[Stanza]) -> None:
    presenter = Presenter()
    await presenter.restore(State({"page": 9, "pages": 6}, {FILE: PDF}))
    assert presenter.page == 6
    await presenter.turn(0)
    assert presenter.page == 1
    await presenter.replay(packet("turn", {"page": "7"}))
    assert presenter.page == 6


async def test_a_state_without_a_document_is_refused_and_changes_nothing() -> None:
    presenter = Presenter(PDF, page=3)
    for state in (State({"page": 1}), State([], {FILE: b"other"})):
        with pytest.raises(InvalidState, match="no document"):
            await presenter.restore(state)
    assert (presenter.document, presenter.page) == (PDF, 3)


ODD: list[Any] = [None, "", "x", "1.5", [], {}, float("inf"), 10**400, -3]


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_odd_values_are_the_nearest_that_mean_something(odd: Any) -> None:
    presenter = Presenter()
    data = {"page": odd, "pages": 6, "pointer": odd, "text": odd}
    await presenter.restore(State(data, {FILE: PDF}))
    assert 1 <= presenter.page <= 6
    assert presenter.pointer is None


SPOTS = [
    {},
    {"x": "0.5"},
    {"x": "a", "y": "0"},
    {"x": "nan", "y": "0"},
    {"x": "2", "y": "0"},
]


@pytest.mark.parametrize("at", SPOTS, ids=repr)
async def test_a_spot_that_is_none_turns_the_pointer_off(at: dict[str, str]) -> None:
    presenter = Presenter()
    await presenter.replay(packet("point", {"x": "0.5", "y": "0.5"}))
    assert presenter.pointer == (0.5, 0.5)
    await presenter.replay(packet("point", at))
    assert presenter.pointer is None


async def test_whoever_draws_it_is_told_of_changes() -> None:
    presenter = Presenter(PDF)
    changes: list[int] = []
    presenter.on_change = lambda: changes.append(presenter.page)
    await presenter.replay(packet("turn", {"page": "2"}))
    await presenter.restore(State({"page": 3}, {FILE: PDF}))
    assert changes == [2, 3]


async def test_alone_there_is_nobody_to_tell() -> None:
    with pytest.raises(LocalProtocolError):
        await Presenter(PDF).turn(2)
