"""A machine gets another address: its sessions stay, and none is there twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2"}
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # which on Debian is root's only
# Root needs no user namespace, which a chroot does not get.
OWN = ("unshare", "-n" if os.geteuid() == 0 else "-rn")
CABLE = "ip link add here type veth peer name there"


def check_networks() -> None:
    """Networks of our own can be made here; else say what is missing."""
    there = {name for name in PROGRAMS if shutil.which(name, path=PATH)}
    missing = {PROGRAMS[name] for name in PROGRAMS.keys() - there}
    assert not missing, f"{' and '.join(missing)} missing: scripts/setup test"
    made = run(*OWN, *CABLE.split(), seconds=10)
    assert not made.returncode, (
        "this machine lets nobody make networks of their own (user and network "
        f"namespaces, veth): {made.stderr.strip()}"
    )


def run(*command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
        env=os.environ | {"PATH": PATH},
    )


def test_an_agent_finds_a_network_and_keeps_its_sessions_in_the_next() -> None:
    check_networks()
    done = run(*OWN, sys.executable, "-m", "tests.fakes.roaming_program", seconds=90)
    assert done.stdout.endswith("roamed\n"), done.stderr
