"""A machine gets another address: its sessions stay, and none is there twice."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

CABLE = "ip link add here type veth peer name there"


@pytest.fixture(autouse=True)
def networks() -> None:
    """A machine where none can be made is no place for these tests."""
    for program in ("unshare", "nsenter", "ip"):
        assert shutil.which(program), f"{program} is missing: run make setup"
    command = ("unshare", "-rn", *CABLE.split())
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_an_agent_finds_a_network_and_keeps_its_sessions_in_the_next() -> None:
    command = ("unshare", "-rn", sys.executable, "-m", "tests.fakes.roaming_program")
    done = subprocess.run(command, check=False, capture_output=True, timeout=90)
    assert done.stdout.decode().endswith("roamed\n"), done.stderr.decode()
