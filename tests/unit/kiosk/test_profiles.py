"""Profiles are in memory where there is some, and none outlives its visit."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from kiosk.chromium import profiles
from kiosk.chromium.browser import FLAGS, KEYLESS
from kiosk.chromium.profiles import memory_folder, new_profile, wipe_left_over
from mobility import SettingsError, chromium

ROOT = Path(__file__).parents[3]


@pytest.fixture(name="disk")
def make_disk(tmp_path: Path) -> Path:
    return tmp_path / "p"


@pytest.fixture(autouse=True)
def any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "LONGEST", 1_000)


def memory_at(monkeypatch: pytest.MonkeyPatch, *places: Path) -> None:
    monkeypatch.setattr(profiles, "_is_memory", lambda place: place in places)


def test_the_largest_memory_file_system_is_taken(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large, none = (tmp_path / name for name in ("small", "large", "none"))
    memory_at(monkeypatch, small, large)
    monkeypatch.setattr(profiles, "_size", {small: 1, large: 2}.__getitem__)
    environ = {"RUNTIME_DIRECTORY": f"{none}:{small}", "XDG_RUNTIME_DIR": str(large)}
    lobby, hall = (memory_folder(name, disk, environ) for name in ("lobby", "hall"))
    assert lobby.parent == hall.parent == large
    assert lobby != hall, "each display has its own"
    assert lobby.stat().st_mode & 0o777 == 0o700
    assert lobby == memory_folder("lobby", disk, environ)
    assert lobby != memory_folder("lobby", tmp_path / "other", environ), (
        "a kiosk that starts must not end the browser of another"
    )


def test_what_a_killed_run_has_filled_is_where_the_next_one_looks(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    memory_at(monkeypatch, large, small)
    blocks = {large: 10, small: 5}
    free = dict(blocks)

    def figures(place: Path) -> SimpleNamespace:
        return SimpleNamespace(f_blocks=blocks[place], f_bavail=free[place], f_frsize=1)

    monkeypatch.setattr(os, "statvfs", figures)
    environ = {"RUNTIME_DIRECTORY": f"{small}:{large}"}
    before = memory_folder("lobby", disk, environ)
    free[large] = 1  # it was killed, and left its profile
    assert memory_folder("lobby", disk, environ) == before


@pytest.mark.skipif(not Path("/proc/mounts").exists(), reason="this is not Linux")
def test_a_disk_is_no_memory() -> None:
    assert not profiles._is_memory(Path("/proc/self"))
    assert not profiles._is_memory(ROOT)


def test_without_memory_it_is_the_disk_and_the_log_says_so(
    disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory_at(monkeypatch)
    assert memory_folder("lobby", disk, {}) == disk
    assert "no memory file system: profiles are on its disk" in caplog.text


def test_a_folder_that_others_can_change_is_refused(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_at(monkeypatch)
    disk.symlink_to(tmp_path)
    with pytest.raises(SettingsError, match="is not only ours"):
        memory_folder("lobby", disk, {})
    disk.unlink()
    disk.mkdir()
    disk.chmod(0o777)
    with pytest.raises(SettingsError, match="is not only ours"):
        memory_folder("lobby", disk, {})


def test_a_path_that_leaves_no_room_for_a_socket_is_refused(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_at(monkeypatch)
    monkeypatch.setattr(profiles, "LONGEST", len(os.fsencode(disk)) - 1)
    with pytest.raises(SettingsError, match="cannot keep its profile"):
        memory_folder("lobby", disk, {})


def test_only_profiles_are_removed_and_each_is_named(disk: Path) -> None:
    assert wipe_left_over(disk) == []
    left = [new_profile(disk) for _ in range(2)]
    for profile in left:
        (profile / "Default").mkdir(parents=True)
        (profile / "Default" / "History").write_text("canary")
    (disk / "another's").write_text("kept")
    assert wipe_left_over(disk) == sorted(profile.name for profile in left)
    assert [path.name for path in disk.iterdir()] == ["another's"]


def test_what_cannot_be_removed_lets_nothing_be_shown(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_profile(disk).mkdir(parents=True)

    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("shutil.rmtree", refuse)
    monkeypatch.setattr(profiles, "GONE", 0.0)
    with pytest.raises(SettingsError, match="left of an earlier visit"):
        wipe_left_over(disk)


def test_our_own_browser_has_every_flag_that_the_documentation_demands() -> None:
    text = (ROOT / "docs" / "kiosk.md").read_text("utf-8")
    command = re.search(r"^chromium .*?(?=^```$)", text, re.M | re.S)
    assert command is not None
    words = shlex.split(command[0].replace("\\\n", " "))[1:]
    ours = {*FLAGS, KEYLESS, *chromium.FLAGS}
    missing = [word for word in words if word not in ours]
    assert [word.partition("=")[0].partition(":")[0] for word in missing] == [
        "--user-data-dir",
        "http",
    ]
