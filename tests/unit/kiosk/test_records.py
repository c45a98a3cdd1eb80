"""The tally of a display, its records and its figures: what is in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.reporting import records
from kiosk.reporting.line import Beat, Came, Failed, Left, Refused, Rival, Showed, Word
from kiosk.reporting.metrics import FAMILIES, PREFIX, _answer, render
from kiosk.reporting.tally import Ending, Record, Tally

BOARD = "https://example.org/apps/board"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def heard(tally: Tally, *words: Word, now: float = 100.0) -> list[Record | None]:
    wall = NOON.timestamp() + now
    return [tally.receive(word, now=now, wall=wall) for word in words]


def visited() -> Tally:
    tally = Tally(frozenset({BOARD}))
    heard(
        tally, Beat(online=True, page=True, certificate=89.5), Came("3fa9c1", "token")
    )
    heard(tally, Showed(BOARD), Failed(BOARD), Showed(BOARD), Refused(), Rival())
    return tally


def test_a_visit_is_remembered_as_it_ended() -> None:
    tally = visited()
    assert tally.visited
    [record] = heard(tally, Left("idle", receipt=True), now=160.0)
    began = NOON.timestamp() + 100
    assert record == Record("3fa9c1", began, 60.0, "token", (BOARD,), "idle", True)
    assert not tally.visited
    assert heard(tally, Left("idle", receipt=True)) == [None]


@pytest.mark.parametrize("ending", ["crash", "hang"])
def test_a_visit_that_its_process_did_not_outlive_is_remembered_too(
    ending: Ending,
) -> None:
    tally = visited()
    record = tally.fell(ending, now=130.0)
    assert record is not None
    assert (record.ended, record.receipt, record.seconds) == (ending, False, 30.0)
    assert tally.restarts[ending] == 1
    assert tally.heard is None
    assert tally.fell(ending, now=131.0) is None


def test_words_that_a_process_makes_up_become_no_labels() -> None:
    tally = Tally()
    heard(tally, Came("1", "juliet@capulet.example"), Left("juliet", receipt=False))
    assert "juliet" not in render({"one": tally}, 101.0)
    assert tally.visits == {("guest", "closed"): 1}


def test_an_app_that_is_not_of_the_settings_is_counted_and_not_named() -> None:
    tally = Tally(frozenset({BOARD}))
    came = Came("3fa9c1", "guest")
    heard(tally, came, Showed("xmpp:juliet@capulet.example"), Showed(BOARD))
    [record] = heard(tally, Left("left", receipt=True))
    assert record is not None
    assert (record.apps, tally.sessions) == ((BOARD,), 2)


def test_a_process_cannot_fill_a_record() -> None:
    tally = Tally(frozenset(f"urn:{n}" for n in range(1000)))
    heard(tally, Came("3fa9c1", "guest"), *(Showed(f"urn:{n}") for n in range(1000)))
    [record] = heard(tally, Left("left", receipt=True))
    assert record is not None
    assert len(record.apps) == 16


# -- records


def test_records_are_appended_privately_and_read_in_order(tmp_path: Path) -> None:
    for day in (2, 1):
        began = NOON.replace(day=day).timestamp()
        records.append(
            tmp_path, Record(f"v{day}", began, 61.4, "guest", (BOARD,), "left", True)
        )
    [first, second] = records.history(tmp_path)
    assert first == {
        "visit": "v1",
        "began": "2026-11-01T12:00:00Z",
        "seconds": 61,
        "level": "guest",
        "apps": [BOARD],
        "ended": "left",
        "receipt": True,
    }
    assert second["visit"] == "v2"
    folder = tmp_path / "visits"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_line_that_a_power_cut_has_torn_is_left_out(tmp_path: Path) -> None:
    record = Record("v1", NOON.timestamp(), 1.0, "guest", (), "left", True)
    records.append(tmp_path, record)
    [path] = (tmp_path / "visits").iterdir()
    path.write_bytes(path.read_bytes() + b'{"visit": "v2", "beg\xff')
    assert [each["visit"] for each in records.history(tmp_path)] == ["v1"]
    records.append(tmp_path, record)
    assert [each["visit"] for each in records.history(tmp_path)] == ["v1", "v1"]


def test_records_go_when_they_are_too_old(tmp_path: Path) -> None:
    for day in (1, 11, 12):
        began = NOON.replace(day=day).timestamp()
        records.append(tmp_path, Record(str(day), began, 1, "guest", (), "left", True))
    (tmp_path / "visits" / "notes.txt").write_text("not ours")
    records.expire(tmp_path, 10, NOON)
    assert [each["visit"] for each in records.history(tmp_path)] == ["12"]
    assert (tmp_path / "visits" / "notes.txt").exists()


# -- figures

SAMPLE = re.compile(
    r'mobility_kiosk_[a-z_]+\{display="[a-z]+"(,[a-z]+="[a-z]+")*\} -?[0-9.e+-]+'
)


def test_figures_are_what_prometheus_reads() -> None:
    text = render({"one": visited(), "two": Tally()}, 107.5)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line
    for name, kind, _, _ in FAMILIES:
        assert text.count(f"# TYPE {PREFIX}{name} {kind}\n") == 1
    for line in (
        'up{display="one"} 1',
        'up{display="two"} 0',
        'certificate_days{display="one"} 89.5',
        'heartbeat_age_seconds{display="one"} 7.5',
        'sessions_total{display="one"} 2',
        'transfers_total{display="one",result="failed"} 1',
        'scans_refused_total{display="one"} 1',
        'rivals_total{display="one"} 1',
        'visits_total{display="one",level="token",ended="idle"} 0',
        'visit_seconds_count{display="two"} 0',
    ):
        assert f"{PREFIX}{line}\n" in text
    assert 'certificate_days{display="two"}' not in text


HOSTS = {"localhost:9464", "127.0.0.1:9464"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.1\r\nhost: localhost:9464\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example:9464\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n", b"404"),
        (b"\r\n\r\n", b"404"),
    ],
)
def test_only_the_own_name_is_answered(head: bytes, status: bytes) -> None:
    assert _answer(head, HOSTS, lambda: "figures").split()[1] == status
