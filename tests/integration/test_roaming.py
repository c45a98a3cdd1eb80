"""A machine gets another address: its sessions stay, and none is there twice."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

CABLE = "ip link add here type veth peer name there"


def has_networks() -> bool:
    """Whether we may make networks of our own here."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        return False
    command = ("unshare", "-rn", *CABLE.split())
    return not subprocess.run(command, check=False, capture_output=True).returncode


@pytest.mark.skipif(not has_networks(), reason="no networks can be made here")
def test_an_agent_finds_a_network_and_keeps_its_sessions_in_the_next() -> None:
    command = ("unshare", "-rn", sys.executable, "-m", "tests.fakes.roaming_program")
    done = subprocess.run(command, check=False, capture_output=True, timeout=90)
    assert done.stdout.decode().endswith("roamed\n"), done.stderr.decode()
