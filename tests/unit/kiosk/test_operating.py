"""What surrounds the displays: the plan, systemd, the units, the doctor's machine."""

from __future__ import annotations

import configparser
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.doctor.machine import look_at_disk, look_at_machine
from kiosk.settings.keys import credential
from kiosk.settings.plan import BrowserPlan, DisplayPlan, Plan
from kiosk.settings.settings import Kiosk, load
from kiosk.systemd.notify import notify, watchdog
from kiosk.systemd.unit import units, unseen
from tests.unit.kiosk.test_settings import APP, BASE, PASSWORD, written


def kiosk(folder: Path, more: str = "") -> Kiosk:
    text = f'{BASE}password_file = "secret"\n{more}{APP}'
    return load(written(folder, text), PASSWORD)


def test_a_plan_goes_there_and_back_without_a_password(tmp_path: Path) -> None:
    browser = BrowserPlan("/usr/bin/chromium", ("--flag",), {"DISPLAY": ":0"})
    plan = Plan(
        (
            DisplayPlan("one", ("127.0.0.1", 0), tmp_path, browser),
            DisplayPlan("two", ("::1", 8088), tmp_path),
        ),
        ("127.0.0.1", 9464),
        30,
    )
    assert Plan.decode(plan.encode()) == plan
    assert "from a file" not in kiosk(tmp_path).plan().encode()


def test_the_supervisor_stays_free_of_the_sdk() -> None:
    script = (
        "import sys, kiosk.supervisor.supervisor; sys.exit('mobility' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


# -- systemd


def test_systemd_is_told_in_one_datagram(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        notify("READY=1", "STATUS=here", environ=environ)
        assert systemd.recv(100) == b"READY=1\nSTATUS=here"
    notify("READY=1", environ=environ)  # nobody listens any more
    notify("READY=1", environ={})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert watchdog(environ) == seconds


@pytest.mark.parametrize("more", ["", "[browser]\n"])
def test_a_unit_is_one_that_systemd_understands(tmp_path: Path, more: str) -> None:
    text = units(tmp_path / "my kiosk.toml", kiosk(tmp_path, more))
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text)
    service = unit["Service"]
    assert f'-m kiosk run "{tmp_path}/my kiosk.toml"' in service["ExecStart"]
    assert service["Type"] == "notify"
    assert service["LimitCORE"] == "0"
    assert service["NoNewPrivileges"] == "yes"
    name = credential(tmp_path / "secret").replace("%", "%%")
    assert service["LoadCredential"] == f"{name}:{tmp_path}/secret"
    assert ("DynamicUser" in service) == (more == "")
    assert ("cage" in service["ExecStart"]) == (more != "")
    # a PAM session takes the processes out of the unit: systemd hears none of them
    assert "PAMName" not in service
    # one visitor's browser that eats all memory is not the end of the others' visits
    assert service["OOMPolicy"] == "continue"
    assert service["MemoryMax"] == ("80%" if more else "640M")


@pytest.mark.parametrize(("more", "most"), [("", 15), ("[browser]\n", 35)])
def test_a_unit_is_hardened_by_systemds_own_count(
    tmp_path: Path, more: str, most: int
) -> None:
    path = tmp_path / "mobility-kiosk.service"
    path.write_text(units(tmp_path / "kiosk.toml", kiosk(tmp_path, more)))
    if program := shutil.which("systemd-analyze"):
        limit = f"--threshold={most}"  # of 100
        command = [program, "security", "--offline=true", limit, "--no-pager"]
        command.append(str(path))
        found = subprocess.run(command, capture_output=True, text=True)
        assert found.returncode == 0, found.stdout + found.stderr


def test_what_the_service_cannot_see_is_named(tmp_path: Path) -> None:
    found = list(unseen(tmp_path / "kiosk.toml", kiosk(tmp_path)))
    assert f"{tmp_path}/kiosk.toml is under /tmp" in found[0]
    assert any(f"{tmp_path}/app is under /tmp" in each for each in found)
    assert not any(str(Path("/opt/x")) in each for each in found)


# -- the doctor


def machine(root: Path, swaps: str = "", pattern: str = "core") -> Path:
    (root / "proc/sys/kernel").mkdir(parents=True)
    (root / "proc/swaps").write_text("Filename Type Size Used Priority\n" + swaps)
    (root / "proc/sys/kernel/core_pattern").write_text(pattern)
    (root / "sys/block/dm-9/dm").mkdir(parents=True)
    (root / "sys/block/dm-9/dm/uuid").write_text("CRYPT-PLAIN-swap")
    return root


@pytest.mark.parametrize(
    ("swaps", "result"),
    [
        ("", "ok"),
        ("/dev/zram0 partition 1 0 100\n", "ok"),
        ("/dev/dm-9 partition 1 0 -2\n", "ok"),
        ("/dev/dm-8 partition 1 0 -2\n", "warning"),
        ("/swapfile file 1 0 -2\n", "warning"),
    ],
)
def test_swap_in_the_clear_is_warned_of(
    tmp_path: Path, swaps: str, result: str
) -> None:
    found = {each.check: each for each in look_at_machine(machine(tmp_path, swaps))}
    assert found["swap"].result == result


@pytest.mark.parametrize(
    ("pattern", "result"),
    [
        ("core", "ok"),
        ("|/lib/systemd/systemd-coredump %P", "ok"),
        ("|/usr/share/apport/apport %p", "warning"),
    ],
)
def test_a_program_that_takes_dumps_all_the_same_is_warned_of(
    tmp_path: Path, pattern: str, result: str
) -> None:
    root = machine(tmp_path, pattern=pattern)
    found = {each.check: each for each in look_at_machine(root)}
    assert found["core dumps"].result == result


def test_a_data_folder_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    [display] = kiosk(tmp_path).displays
    display.data.mkdir(mode=0o755)
    assert [each.result for each in look_at_disk(display)] == ["warning", "ok"]
    display.data.chmod(0o700)
    assert [each.result for each in look_at_disk(display)] == ["ok", "ok"]


def test_the_doctor_calls_nothing_in_order_that_it_cannot_see(tmp_path: Path) -> None:
    root = machine(tmp_path / "root")
    (root / "proc/swaps").unlink()
    found = {each.check: each for each in look_at_machine(root)}
    assert found["swap"].result == "warning"
    [display] = kiosk(tmp_path).displays
    assert "is not there yet" in look_at_disk(display)[0].text
    assert not display.data.exists()
