"""Which apps a device has: installed ones, and those that its user names."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from mobility.cli import presenter
from mobility.cli.apps import load_apps
from mobility.errors import SettingsError

APP = "https://example.org/apps/board"
NAMED = "tests.integration.apps:Board"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Yield the file of the entry points of something that is installed."""
    folder = tmp_path / "something-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: something\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return folder / "entry_points.txt"


def test_an_app_that_was_installed_is_there(installed: Path) -> None:
    installed.write_text(f"[mobility.apps]\nboard = {NAMED}\n")
    assert APP in {app.uri for app in load_apps(())}


def test_one_that_does_not_load_is_left_out_with_a_line(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    installed.write_text("[mobility.apps]\nodd = os:sep\ngone = no.such:App\n")
    caplog.set_level(logging.WARNING)
    assert [app.uri for app in load_apps([NAMED])][-1] == APP
    assert "os:sep is no app: it has no uri." in caplog.text
    assert "the app gone does not load: ModuleNotFoundError" in caplog.text


@pytest.mark.parametrize("name", ["os:sep", "no.such:App", "os", "", "os:nothing"])
def test_one_that_was_named_has_to_be_there(name: str) -> None:
    with pytest.raises(SettingsError, match="no app"):
        load_apps([name])


def test_the_presenter_is_what_its_entry_point_names() -> None:
    assert presenter.Presenter.uri.endswith("/presenter")
    with pytest.raises(AttributeError):
        presenter.Nothing  # noqa: B018
