"""What Chromium may do on a machine with displays, and whether the doctor sees less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiosk.chromium.policy import policy
from kiosk.doctor.policy import look_at_policy
from tests.unit.kiosk.test_operating import kiosk

OURS = "[browser]\n"


def test_the_printed_policy_is_in_order_once_it_is_installed(tmp_path: Path) -> None:
    for more in ("", OURS):
        settings = kiosk(tmp_path, more)
        folder = tmp_path / f"managed{more}"
        folder.mkdir()
        (folder / "mobility-kiosk.json").write_text(json.dumps(policy(settings)))
        assert look_at_policy(settings, folder).result == "ok"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PrintingEnabled", True),
        ("AllowFileSelectionDialogs", True),
        ("URLBlocklist", ["chrome://*"]),
        ("URLAllowlist", ["*"]),
        ("DownloadRestrictions", 0),
    ],
)
def test_a_weaker_policy_is_warned_of_by_its_name(
    tmp_path: Path, name: str, value: object
) -> None:
    settings = kiosk(tmp_path, OURS)
    (tmp_path / "a.json").write_text(json.dumps(policy(settings)))
    (tmp_path / "b.json").write_text(json.dumps({name: value}))
    finding = look_at_policy(settings, tmp_path)
    assert finding.result == "warning"
    assert name in finding.text


@pytest.mark.parametrize("text", ["", "{", "7"])
def test_a_policy_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert look_at_policy(kiosk(tmp_path), tmp_path).result == "warning"


def test_no_policy_is_warned_of(tmp_path: Path) -> None:
    finding = look_at_policy(kiosk(tmp_path), tmp_path / "managed")
    assert finding.result == "warning"
    assert "mobility-kiosk policy" in finding.advice


def test_tools_that_are_closed_to_the_kiosk_itself_have_failed(tmp_path: Path) -> None:
    without, ours = kiosk(tmp_path), kiosk(tmp_path, OURS)
    (tmp_path / "a.json").write_text(json.dumps(policy(without)))
    assert look_at_policy(without, tmp_path).result == "ok"
    assert look_at_policy(ours, tmp_path).result == "failed"
