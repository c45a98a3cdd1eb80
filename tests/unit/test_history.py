"""What a phone writes down of its visits, and that it stays as it was written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mobility.errors import (
    JournalError,
    LoginRefused,
    MobilityError,
    PeerUnreachable,
    VisitDeclined,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol.delegation import Level
from mobility.protocol.listing import Listed
from mobility.store import Line, Store
from mobility.visit.history import Ending, History, Visited, ending_of, new_id

DAY = 24 * 3600


def began(history: History, id: str) -> None:
    history.began(
        id,
        domain="kiosk.example",
        name="Lobby screen",
        level=Level.TOKEN,
        apps=["urn:app"],
        lifetime=timedelta(hours=4),
    )


def test_a_visit_is_found_again_as_it_was(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        began(History(store), "a")
        History(store).ended("a", Ending.LEFT, clean=True)
    with Store(tmp_path) as store:
        (visited,) = History(store).all()
    now = datetime.now(UTC)
    assert visited.ended is not None
    assert timedelta(0) <= now - visited.ended <= now - visited.began
    assert now - visited.began < timedelta(minutes=1)
    assert visited == Visited(
        "a",
        "kiosk.example",
        "Lobby screen",
        Level.TOKEN,
        ("urn:app",),
        timedelta(hours=4),
        visited.began,
        visited.ended,
        Ending.LEFT,
        clean=True,
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE history SET at = 0",
        "UPDATE OR REPLACE history SET visit = 'b'",
        "DELETE FROM history",
        "REPLACE INTO history SELECT number, 'b', event, at, facts FROM history",
        "REPLACE INTO history SELECT NULL, visit, event, 0, facts FROM history",
        "INSERT INTO history SELECT NULL, visit, event, 0, facts FROM history",
        "INSERT INTO history VALUES (1, 'b', 'began', 0, '')"
        " ON CONFLICT (number) DO UPDATE SET at = 0",
    ],
)
def test_no_line_can_be_changed_replaced_or_deleted(tmp_path: Path, sql: str) -> None:
    with Store(tmp_path) as store:
        began(History(store), "a")
        before = store.recorded()
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(sql)
        assert store.recorded() == before


def test_a_visit_ends_once() -> None:
    with Store(None) as store:
        history = History(store)
        began(history, "a")
        history.ended("a", Ending.TIME)
        with pytest.raises(JournalError, match="append-only"):
            history.ended("a", Ending.LEFT, clean=True)
        assert [visited.how for visited in history.all()] == [Ending.TIME]


def test_what_is_older_than_a_year_is_forgotten_at_a_start(tmp_path: Path) -> None:
    facts = {"domain": "a", "name": "", "level": "guest", "apps": None, "lifetime": 1}
    now = time.time()
    with Store(tmp_path) as store:
        for days in (400, 367, 365, 1):
            store.record(Line(f"{days} days", "began", now - days * DAY, facts))
        History(store).settle()
        kept = [visited.id for visited in History(store).all()]
    assert kept == ["365 days", "1 days"]


def test_a_visit_that_a_crash_cut_off_has_an_end_that_nobody_saw(
    tmp_path: Path,
) -> None:
    killed = Store(tmp_path)
    History(killed).settle()
    began(History(killed), "a")
    killed.close()
    with Store(tmp_path) as store:
        history = History(store)
        history.settle()
        (visited,) = history.all()
    assert visited.how is Ending.UNKNOWN
    assert visited.ended is None


def test_a_visit_of_another_program_goes_on(tmp_path: Path) -> None:
    with Store(tmp_path) as running:
        running.claim()
        began(History(running), "a")
        for _ in range(2):
            with Store(tmp_path) as beside:
                History(beside).settle()
                assert [visited.how for visited in History(beside).all()] == [None]
        assert running.alone()


def test_a_program_that_was_killed_does_not_use_the_journal_any_more(
    tmp_path: Path,
) -> None:
    program = (
        "import os, sys, pathlib; from mobility.store import Store;"
        "store = Store(pathlib.Path(sys.argv[1])); store.claim(); os.abort()"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=False, timeout=30
    )
    with Store(tmp_path) as store:
        assert (tmp_path / "in-use").exists()
        assert store.alone()


@pytest.mark.parametrize(
    ("error", "how"),
    [
        (VisitDeclined, Ending.DECLINED),
        (VisitRefused, Ending.REFUSED),
        (VisitEnded, Ending.DISPLAY),
        (PeerUnreachable, Ending.UNREACHABLE),
        (LoginRefused, Ending.FAILED),
        (MobilityError, Ending.FAILED),
    ],
)
def test_an_error_says_how_a_visit_came_to_nothing(
    error: type[MobilityError], how: Ending
) -> None:
    assert ending_of(error("a sentence")) is how


def test_a_visit_has_a_name_that_a_person_can_type() -> None:
    names = {new_id() for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) == 8 and not set(name) & set("01ilo") for name in names)


def test_a_visit_that_goes_on_is_kept_until_it_is_over(tmp_path: Path) -> None:
    lent = Listed("a", Level.LOGIN, "k", "n", "Phone", "a@b/c", 1.5, 3600.0, "d-1")
    guest = Listed("b", Level.GUEST, "k", "n", "Phone", "a@b/c", 1.5, 3600.0)
    with Store(tmp_path) as store:
        store.stay(lent)
        store.stay(guest)
    with Store(tmp_path) as store:
        assert store.staying() == [lent, guest]
        store.gone("b")
        assert store.staying() == [lent]


def test_a_login_that_was_lent_stays_in_sight_and_a_guest_does_not() -> None:
    lent = Listed("a", Level.LOGIN, "k", "n", "Phone", "a@b/c", 0.0, 3600.0, "d-1")
    guest = Listed("b", Level.GUEST, "k", "n", "Phone", "a@b/c", 0.0, 3600.0)
    assert not guest.over(2 * 3600.0)  # clocks may be wrong
    assert guest.over(2 * 3600.0 + 1)
    assert not lent.over(1e9)
