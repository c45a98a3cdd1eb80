"""Who writes what into the directory of sessions, and that this comes to an end."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mobility.protocol.directory import Entry, plan

US, OTHER = "phone", "laptop"


def entry(
    owner: str = US, device: str = US, *, id: str = "s", epoch: int = 1, title: str = ""
) -> Entry:
    return Entry(id, "urn:app", 1, epoch, owner, owner, device, 0.0, title, device)


def test_what_is_missing_or_different_is_written_and_what_is_the_same_is_not() -> None:
    ours = {"s": entry()}
    assert plan(US, ours, (), {}).publish == (entry(),)
    assert plan(US, ours, (), {"s": entry(title="Evil")}).publish == (entry(),)
    assert plan(US, ours, (), ours).publish == ()


def test_what_is_not_ours_any_more_is_removed_unless_the_journal_has_it() -> None:
    there = {"s": entry(), "t": entry(OTHER, OTHER, id="t")}
    assert plan(US, {}, (), there).retract == ("s",)
    assert plan(US, {}, {"s"}, there).retract == ()


def test_who_was_given_a_session_writes_over_who_gave_it() -> None:
    lent, given = entry(US, OTHER), entry(OTHER, OTHER)
    assert plan(OTHER, {"s": given}, (), {"s": lent}).publish == (given,)
    assert plan(US, {"s": lent}, (), {"s": given}).publish == ()


def test_the_higher_epoch_knows_better() -> None:
    back, lost = entry(US, US, epoch=3), entry(OTHER, OTHER, epoch=2)
    assert plan(US, {"s": back}, (), {"s": lost}).publish == (back,)
    assert plan(OTHER, {"s": lost}, (), {"s": back}).publish == ()


places = st.sampled_from([US, OTHER, "tablet", ""])
views = st.dictionaries(
    st.sampled_from("st"), st.tuples(places, st.integers(0, 2)), max_size=2
)


@given(st.lists(views, min_size=2, max_size=3), st.data())
def test_devices_that_know_different_things_come_to_agree(
    known: list[dict[str, tuple[str, int]]], data: st.DataObject
) -> None:
    names = (US, OTHER, "tablet")
    devices = {
        name: {
            id: entry(name, place, id=id, epoch=epoch)
            for id, (place, epoch) in view.items()
        }
        for name, view in zip(names, known, strict=False)
    }
    node = {
        id: replace(entry(*data.draw(st.tuples(places, places))), id=id)
        for id in data.draw(st.sets(st.sampled_from("stu")))
    }
    for _ in range(3):  # each looks three times, in any order
        for name in data.draw(st.permutations(sorted(devices))):
            todo = plan(name, devices[name], (), node)
            node |= {each.id: each for each in todo.publish}
            for id in todo.retract:
                del node[id]
    for name, ours in devices.items():
        todo = plan(name, ours, (), node)
        assert (todo.publish, todo.retract) == ((), ())
