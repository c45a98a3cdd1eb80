"""The presenter's model: whatever a packet says, there is a page to show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.presenter.presenter import FILE, LONGEST, URI, Presenter
from mobility import InvalidState, Stanza, State
from scripts import make_sample_pdf


def run(coroutine: Any) -> Any:
    """Drive a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    return end.value.value


def at(page: int, *, pages: int = 6) -> Presenter:
    presenter = Presenter(b"%PDF-", page=page)
    presenter.pages = pages
    return presenter


def test_what_was_captured_is_what_is_restored() -> None:
    there = at(4)
    there.pointer, there.text = (0.25, 0.75), "mind the gap"
    here = Presenter()
    run(here.restore(run(there.snapshot())))
    assert (here.document, here.page, here.pages) == (b"%PDF-", 4, 6)
    assert (here.pointer, here.text) == ((0.25, 0.75), "mind the gap")


@pytest.mark.parametrize(
    "state",
    [State(), State({"page": 1}), State([1], {FILE: b""}), State(None, {"x": b""})],
)
def test_a_state_without_a_document_is_refused(state: State) -> None:
    with pytest.raises(InvalidState):
        run(Presenter().restore(state))


VALUES = st.none() | st.text() | st.integers() | st.floats() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(["page", "pages", "pointer", "text"]), VALUES))
def test_any_state_with_a_document_has_a_page_to_show(data: dict[str, Any]) -> None:
    presenter = Presenter()
    run(presenter.restore(State(data, {FILE: b"%PDF-"})))
    assert presenter.page >= 1
    assert len(presenter.text) <= LONGEST


@given(
    st.sampled_from(["turn", "point", "write", "?"]),
    st.dictionaries(st.sampled_from(["page", "x", "y"]), st.text()),
    st.text(),
)
def test_any_packet_leaves_a_page_to_show(
    name: str, attributes: dict[str, str], text: str
) -> None:
    presenter = at(3)
    run(presenter.replay(Stanza(f"{{{URI}}}{name}", attributes, text)))
    assert 1 <= presenter.page <= 6
    assert presenter.pointer is None or all(0 <= c <= 1 for c in presenter.pointer)


@pytest.mark.parametrize(("page", "shown"), [(4, 4), (0, 1), (-5, 1), (7, 6)])
def test_a_page_that_does_not_exist_is_the_nearest_that_does(
    page: int, shown: int
) -> None:
    sent: list[Stanza] = []

    async def send(stanza: Stanza) -> None:
        sent.append(stanza)

    presenter = at(3)
    presenter._send = send
    run(presenter.turn(page))
    assert presenter.page == shown
    assert sent == [Stanza(f"{{{URI}}}turn", {"page": str(shown)})]


def test_the_sample_is_what_its_script_draws_and_about_15_kb() -> None:
    sample = make_sample_pdf.TARGET.read_bytes()
    assert sample == make_sample_pdf.draw()
    assert 13_000 <= len(sample) <= 15_360
