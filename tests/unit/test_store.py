"""What a device still knows after a crash, and who may read it."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mobility.errors import JournalError, SettingsError
from mobility.protocol.transfer import RECOVERY, Memory, Phase, Role
from mobility.store import Arriving, Kept, Store

I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741
TALK = Kept(
    "session-1",
    "urn:app",
    2,
    7,
    b"a state",
    "sid-1",
    "lobby@kiosk.example/r1",
    "Lobby screen",
    b"a secret",
    b"a word",
)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("memory", Memory)
@pytest.mark.parametrize("phase", Phase)
def test_a_crash_leaves_each_phase_as_the_table_says(
    tmp_path: Path, role: Role, phase: Phase, memory: Memory
) -> None:
    after = RECOVERY[role, memory].get(phase, phase)
    with Store(tmp_path) as store:
        store.journal("sid-1", role, phase, 7)
    for _ in range(2):  # a second crash changes nothing more
        with Store(tmp_path) as store:
            found = store.recover(memory)
            assert found == {"sid-1": (role, after, 7)}


def test_the_last_phase_counts(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.journal("sid-1", I, Phase.OFFERED, 7)
        store.journal("sid-1", I, Phase.COMMITTED, 7)
        store.journal("sid-2", R, Phase.READY, 1)
    with Store(tmp_path) as store:
        assert store.recover(Memory.STATE) == {
            "sid-1": (I, Phase.COMMITTED, 7),
            "sid-2": (R, Phase.LOST, 1),
        }


def test_what_was_written_survives_a_process_that_is_killed(tmp_path: Path) -> None:
    killed = Store(tmp_path)  # never closed
    killed.journal("sid-1", I, Phase.COMMITTED, 7)
    killed.keep(TALK)
    with Store(tmp_path) as store:
        assert store.recover(Memory.STATE)["sid-1"][1] is Phase.COMMITTED
        assert store.kept() == [TALK]
    killed.close()


def test_only_the_latest_thousand_transfers_are_remembered() -> None:
    with Store(None) as store:
        for n in range(1100):
            store.journal(f"sid-{n}", R, Phase.ABORTED, 1)
        found = store.recover(Memory.NOTHING)
    assert len(found) == 1000
    assert "sid-1099" in found
    assert "sid-99" not in found


def test_an_identity_is_made_once_and_survives(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert store.identity(b"first") == b"first"
        assert store.identity(b"second") == b"first"
    with Store(tmp_path) as store:
        assert store.identity(b"third") == b"first"


def test_a_session_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    later = Kept("session-2", "urn:app", 1, 1, b"", "sid-2")
    with Store(tmp_path) as store:
        store.keep(TALK)
        store.keep(later)
        store.keep(TALK)
        assert store.kept() == [later, TALK]  # touched last, listed last
        store.forget("session-2")
    with Store(tmp_path) as store:
        assert store.kept() == [TALK]
        assert TALK.away
        assert not replace(TALK, sid="").away


def test_a_session_that_was_going_back_is_found_with_what_was_committed(
    tmp_path: Path,
) -> None:
    came = Arriving("sid-1", "a@b/c", "Phone", b"key", "<offer/>", "files", life=2)
    gone = replace(came, state=b"a state", heard=3, gone="sid-2", last=b"a word")
    with Store(tmp_path) as store:
        store.arrive(came)
        store.arrive(gone)
    with Store(tmp_path) as store:
        assert store.arriving() == [gone]
        store.left("sid-1")
        assert store.arriving() == []


def test_what_came_since_a_session_was_captured_is_kept_until_it_is_forgotten(
    tmp_path: Path,
) -> None:
    with Store(tmp_path) as store:
        store.keep(replace(TALK, leaving=True))
        store.note(TALK.sid, b"one")
        store.note(TALK.sid, b"two")
    with Store(tmp_path) as store:
        assert store.noted(TALK.sid) == [b"one", b"two"]
        store.forget(TALK.id)
        assert store.noted(TALK.sid) == []


def test_a_forgotten_session_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    canary = b"CANARY" * 1000
    with Store(tmp_path) as store:
        store.keep(Kept("id", "urn:app", 1, 1, canary, "sid", secret=canary))
        store.note("sid", canary)
    assert [path for path in tmp_path.iterdir() if b"CANARY" in path.read_bytes()]
    with Store(tmp_path) as store:
        store.forget("id")
    assert not [path for path in tmp_path.iterdir() if b"CANARY" in path.read_bytes()]


def test_a_display_writes_nothing_that_names_a_visitor_or_their_content(
    tmp_path: Path,
) -> None:
    """A display calls `identity` and `journal` only; this is all they can write."""
    with Store(tmp_path) as store:
        store.identity(b"i" * 32)
        store.journal("sid-1", R, Phase.CONFIRMED, 7)
        columns = tables(tmp_path / "journal.db")
        assert store.kept() == []
        assert store.arriving() == []
        assert store.groups() == {}
        assert store.parted() == {}
        assert store.words() == {}
        assert store.noted("sid-1") == []
        assert store.staying() == []
        assert store.recorded() == []
        assert store.acquaintances() == {}
        assert store.learnt() == {}
    assert columns["transfers"] == {"sid", "role", "phase", "epoch"}
    assert columns["identity"] == {"key"}
    assert set(columns) == {
        *("transfers", "identity", "devices", "caps"),
        *("sessions", "arriving", "groups", "words", "since", "visits", "history"),
        "splits",
    }


def tables(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
            for (name,) in names.fetchall()
        }


def test_only_the_owner_can_read_the_journal(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with Store(folder) as store:
        store.keep(TALK)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        files = list(folder.iterdir())
        assert len(files) == 3  # the journal, and what SQLite puts beside it
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Store(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("I am no folder")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "journal.db").write_bytes(b"this is not a database" * 100)
    for folder in (file, file / "below", damaged):
        with pytest.raises(SettingsError, match=r"cannot be used \(.*\)\. Name") as exc:
            Store(folder)
        assert str(folder) in str(exc.value)
        assert "Errno" not in str(exc.value)


def older(folder: Path) -> sqlite3.Connection:
    """The journal of a version that knew less of a session, while it is empty."""
    Store(folder).close()
    db = sqlite3.connect(folder / "journal.db", isolation_level=None)
    db.execute("ALTER TABLE sessions DROP COLUMN device")
    return db


def test_a_journal_of_another_version_is_used_if_nothing_is_lost_by_it(
    tmp_path: Path,
) -> None:
    older(tmp_path).close()
    with Store(tmp_path) as store:
        store.keep(TALK)
        assert store.kept() == [TALK]


def test_a_journal_of_another_version_with_something_in_it_stays_as_it_is(
    tmp_path: Path,
) -> None:
    with closing(older(tmp_path)) as db:
        row = ["x", "urn:app", 1, 0, b"", "", "", "", b"", b"", 0, "", 0, 0, 0]
        db.execute(f"INSERT INTO sessions VALUES ({', '.join('?' * 15)})", row)  # noqa: S608
        with pytest.raises(SettingsError, match="another version of this program"):
            Store(tmp_path)
        assert len(db.execute("SELECT * FROM sessions").fetchall()) == 1


def test_a_store_without_a_folder_keeps_everything_in_memory() -> None:
    with Store(None) as store:
        store.keep(TALK)
        assert store.kept() == [TALK]


HERE = Kept("session-1", "urn:app", 2, 7, b"as it is here", keeps=True)


def test_what_comes_back_is_here_in_one_write() -> None:
    away = replace(TALK, keeps=True)
    assert replace(away.back(8), state=b"", epoch=7) == replace(HERE, state=b"")
    assert away.back(8).epoch == 8


@pytest.mark.parametrize(
    ("row", "after", "written"),
    [
        (None, "", True),
        (HERE, "", True),
        (TALK, "", False),
        (replace(TALK, leaving=True), "", False),
        (replace(TALK, leaving=True), "sid-1", True),
        (replace(TALK, leaving=True), "sid-0", False),
    ],
    ids=["new", "here", "away", "leaving", "stayed", "left-again"],
)
def test_what_is_saved_here_never_replaces_what_a_transfer_needs(
    row: Kept | None, after: str, written: bool
) -> None:
    with Store(None) as store:
        if row is not None:
            store.keep(row)
            store.note("sid-1", b"a packet")
        assert store.keep_here(HERE, after=after) is written
        assert store.kept() == ([HERE] if written else [row])
        assert bool(store.noted("sid-1")) is not written


def test_nothing_is_left_of_a_transfer_that_came_back_or_was_replaced() -> None:
    with Store(None) as store:
        for sid in ("sid-1", "sid-2"):  # the first came to nothing, and was not saved
            store.keep(replace(TALK, sid=sid, leaving=True))
            store.note(sid, b"a packet")
        store.release(replace(TALK, sid="sid-2"), b"released")
        assert not store.noted("sid-1")
        assert not store.noted("sid-2")


def test_what_is_adopted_is_ours_and_has_not_come_any_more(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.arrive(Arriving("sid-9", "a@b/c", "Phone", b"key", "<offer/>", "files"))
        assert store.adopt(HERE, "sid-9")
    with Store(tmp_path) as store:
        assert (store.kept(), store.arriving()) == ([HERE], [])


@pytest.mark.parametrize("epoch", [7, 8])
def test_what_is_out_of_date_is_not_adopted(epoch: int) -> None:
    newer = replace(HERE, epoch=epoch)
    came = Arriving("sid-9", "a@b/c", "Phone", b"key", "<offer/>", "files")
    with Store(None) as store:
        store.keep(newer)
        store.arrive(came)
        assert not store.adopt(HERE, "sid-9")
        assert (store.kept(), store.arriving()) == ([newer], [came])


def test_what_was_given_is_forgotten_with_the_word_for_it(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.keep(TALK)
        store.release(TALK, b"released")
    with Store(tmp_path) as store:
        assert (store.kept(), store.words()) == ([], {"sid-1": b"released"})


def test_a_change_that_fails_in_the_middle_has_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Store(None) as store:
        store.keep(TALK)

        def fails(id: str) -> None:
            raise JournalError("The disk is full.")

        monkeypatch.setattr(store, "forget", fails)
        with pytest.raises(JournalError):
            store.release(TALK, b"released")
        assert (store.kept(), store.words()) == ([TALK], {})
        store.keep(HERE)  # and the next one does
        assert store.kept() == [HERE]


def test_what_is_known_of_other_devices_outlives_a_restart_until_it_is_unlearnt(
    tmp_path: Path,
) -> None:
    with Store(tmp_path) as store:
        store.acquaint({"a": {"name": "Laptop"}, "b": {"name": "It's"}})
        store.verify("a")
        store.verify("c")
        store.acquaint({"a": {"name": "Desk"}})
        store.learn("sha-1 v", "<query/>")
    with Store(tmp_path) as store:
        known = {"a": {"name": "Desk"}, "b": {"name": "It's"}, "c": {}}
        assert store.acquaintances() == known
        assert store.verified() == {"a", "c"}
        assert store.learnt() == {"sha-1 v": "<query/>"}
        store.unlearn("a")
        assert store.acquaintances().keys() == {"b", "c"}
        assert store.verified() == {"c"}


def test_only_so_many_descriptions_of_resources_are_kept() -> None:
    with Store(None) as store:
        for n in range(510):
            store.learn(f"sha-1 {n}", "<query/>")
        assert len(store.learnt()) == 500
        assert "sha-1 9" not in store.learnt()
