"""Whoever says what when: in the end all participants have the same."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobility.errors import RemoteProtocolError
from mobility.protocol.order import MOST_KEPT, Fate, Point, Replica, Said

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["say", "order", "deliver", "show", "cut", "back", "rebase", "twice"]
        ),
        st.integers(0, 2),
    ),
    max_size=80,
)


class Person:
    """A participant with an app that is a text: what is said is written at its end."""

    def __init__(self, me: int) -> None:
        self.replica = Replica(me)
        self.base = b""
        self.text = b""
        self.out: deque[Said] = deque()  # on its way to who gives the order
        self.come: deque[tuple[int, Said]] = deque()  # on its way back
        self.online = True
        self.count = 0

    def say(self) -> None:
        self.count += 1
        body = f"{self.replica.me}.{self.count} ".encode()
        self.text += body  # the app is first
        said = self.replica.say(body)
        if self.online:
            self.out.append(said)

    def deliver(self) -> None:
        if self.come:
            self.replica.place(*self.come.popleft())

    def show(self) -> None:
        replica = self.replica
        if replica.stale:
            self.text = self.base + b"".join(said.body for said in replica.plan())
            replica.built()
        elif replica.behind:
            self.text += replica.behind.popleft().body

    def rebase(self) -> None:
        if self.replica.settled:
            self.base = self.text
            self.replica.rebase()

    def cut(self) -> None:
        self.online = False
        self.out.clear()
        self.come.clear()


class Table:
    """Three people; what the first orders is the order."""

    def __init__(self) -> None:
        self.people = [Person(n) for n in range(3)]
        self.host = self.people[0].replica

    def order(self, person: Person) -> None:
        if not person.out:
            return
        said = person.out.popleft()
        if self.host.order(said) in {Fate.FRESH, Fate.ECHO}:
            for other in self.people[1:]:
                if other.online:
                    other.come.append((self.host.head.at, said))

    def back(self, person: Person) -> None:
        """Catch up as `sync` does, and say again what is missing."""
        person.online = True
        person.come.clear()
        at = person.replica.head.at
        assert self.host.has(at)
        for number, said in enumerate(self.host.since(at), at + 1):
            person.come.append((number, said))
        while person.come:
            person.deliver()
        person.out = deque(person.replica.pending)

    def do(self, action: str, number: int) -> None:
        person = self.people[number]
        match action:
            case "say":
                person.say()
                if number == 0:
                    self.order(person)
            case "order":
                self.order(person)
            case "twice":
                if person.out:
                    person.out.append(person.out[0])
            case "cut" if number:
                person.cut()
            case "back" if number:
                self.back(person)
            case "deliver" | "show" | "rebase":
                getattr(person, action)()

    def settle(self) -> None:
        for person in self.people:
            self.back(person) if person is not self.people[0] else None
            while person.out:
                self.order(person)
        for person in self.people:
            self.back(person) if person is not self.people[0] else None
            while person.replica.stale or person.replica.behind:
                person.show()


@given(ACTIONS)
@settings(max_examples=400, deadline=None)
def test_concurrent_packets_end_in_the_same_state_with_all(
    actions: list[tuple[str, int]],
) -> None:
    table = Table()
    for action, number in actions:
        table.do(action, number)
    table.settle()
    texts = [person.text for person in table.people]
    assert texts == [texts[0]] * 3
    said = texts[0].decode().split()
    assert len(said) == len(set(said)), "something is doubled"
    assert len(said) == sum(person.count for person in table.people), "or missing"
    for me in range(3):  # and in the order in which each said it
        own = [word for word in said if word.startswith(f"{me}.")]
        assert own == [f"{me}.{n}" for n in range(1, len(own) + 1)]
    chains = {person.replica.head.chain for person in table.people}
    assert len(chains) == 1


@given(ACTIONS, st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_what_is_void_is_said_again_and_all_have_the_same(
    actions: list[tuple[str, int]], at: int
) -> None:
    table = Table()
    for action, number in actions:
        if action != "rebase":
            table.do(action, number)
    at = min(at, *(person.replica.head.at for person in table.people))
    for person in table.people:
        assert person.replica.back_to(at)
        person.come.clear()
        person.out = deque(person.replica.pending)
    host = table.people[0]
    while host.out:
        table.order(host)
    table.settle()
    texts = [person.text for person in table.people]
    assert texts == [texts[0]] * 3
    assert len(texts[0].split()) == sum(person.count for person in table.people)


def test_a_packet_of_another_does_not_go_behind_ours_that_came_later() -> None:
    replica = Replica(1)
    replica.say(b"mine")
    assert replica.order(Said(2, 1, b"theirs")) is Fate.FRESH
    assert replica.stale
    assert [said.body for said in replica.plan()] == [b"theirs", b"mine"]


def test_what_is_said_while_the_app_is_built_makes_it_stale_again() -> None:
    replica = Replica(1)
    replica.say(b"mine")
    replica.order(Said(2, 1, b"theirs"))
    replica.plan()
    replica.say(b"meanwhile")
    replica.built()
    assert replica.stale


def test_what_is_said_while_a_packet_waits_for_the_app_makes_it_stale() -> None:
    replica = Replica(1)
    replica.order(Said(2, 1, b"theirs"))
    assert not replica.stale
    replica.say(b"mine")
    assert replica.stale
    assert [said.body for said in replica.plan()] == [b"theirs", b"mine"]


def test_a_host_that_changes_what_we_said_does_not_leave_us_with_something_else() -> (
    None
):
    replica = Replica(1)
    replica.say(b"mine")
    assert replica.order(Said(1, 1, b"forged")) is Fate.ECHO
    assert replica.stale
    assert [said.body for said in replica.plan()] == [b"forged"]


@pytest.mark.parametrize(("number", "fate"), [(0, Fate.REPEATED), (2, Fate.GAP)])
def test_a_packet_out_of_turn_changes_nothing(number: int, fate: Fate) -> None:
    replica = Replica(1)
    assert replica.order(Said(2, number, b"theirs")) is fate
    assert replica.head == Point()
    assert not replica.behind


def test_a_hole_in_the_order_is_seen_and_filled() -> None:
    replica = Replica(1)
    assert not replica.place(2, Said(2, 2, b"second"))
    assert not replica.behind
    assert replica.place(1, Said(2, 1, b"first"))
    assert [said.body for said in replica.behind] == [b"first", b"second"]


def test_an_order_that_cannot_be_is_refused() -> None:
    replica = Replica(1)
    with pytest.raises(RemoteProtocolError):
        replica.place(1, Said(2, 7, b"seventh"))


def test_what_is_kept_for_those_who_were_away_is_bounded() -> None:
    replica = Replica(0)
    for number in range(1, MOST_KEPT + 500):
        replica.order(Said(1, number, b"x"))
        replica.behind.clear()
        replica.rebase()
    assert len(replica.since(0)) == MOST_KEPT
    assert not replica.has(0)
    assert replica.has(replica.head.at - MOST_KEPT)


def test_packets_that_come_before_the_state_that_they_follow_are_not_lost() -> None:
    replica = Replica(1)
    replica.order(Said(3, 1, b"of another order"))
    replica.wait()
    assert replica.place(1, Said(2, 1, b"in the state"))
    assert replica.place(2, Said(2, 2, b"after it"))
    replica.load(Point().after(Said(2, 1, b"in the state")))
    assert [said.body for said in replica.plan()] == [b"after it"]
