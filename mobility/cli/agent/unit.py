"""
The agent as a unit of the user's own systemd, and what that says of it.

A user's systemd has no rights over the machine, so what hides parts of it works in a
user namespace (``PrivateUsers=``) only; the rest are filters that every process may
give itself. See systemd.exec(5) for each line. Left out: what a user cannot do anyway,
and what breaks the service there (seen with systemd 252): ProtectControlGroups= hides
the socket of sd_notify, ProtectKernelTunables= and ProtectKernelLogs= cannot be set up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from platformdirs import user_config_path

from mobility.errors import SettingsError
from mobility.own.units import word

__all__ = ["NAME", "install", "remove", "status", "unit", "unit_file"]

NAME = "mobility-agent.service"
UNSEEN = ("/tmp", "/var/tmp")  # noqa: S108  what PrivateTmp= takes out of sight
_DEADLINE = 90.0  # seconds for systemd to do what it is asked
_SHOWN = ("ActiveState", "SubState", "StatusText", "UnitFileState", "Result")

UNIT = """\
# Written by `mobility agent install`, which writes it anew each time.
# Changes of your own: systemctl --user edit mobility-agent
[Unit]
Description=Sessions of your other devices (mobility agent)
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={start}
{environment}WatchdogSec=60
TimeoutStartSec=60
TimeoutStopSec=20
Restart=always
RestartSec=2
RestartPreventExitStatus=2
KillMode=mixed

UMask=0077
LimitCORE=0
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={data}
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelModules=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""


def unit(arguments: Sequence[str], environment: Mapping[str, str], data: Path) -> str:
    """
    The unit's text.

    Args:
        arguments: Of ``mobility agent run``.
        environment: What the agent needs of ours; no secret, since units are readable.
        data: The folder that it may write to.

    """
    start = (sys.executable, "-m", "mobility.cli", "agent", "run", *arguments)
    lines = (
        f"Environment={_assigned(name, text)}\n" for name, text in environment.items()
    )
    return UNIT.format(
        start=" ".join(map(word, start)),
        environment="".join(lines),
        data=_quoted(str(data)),
    )


def _assigned(name: str, text: str) -> str:
    return _quoted(f"{name}={text}")


def _quoted(text: str) -> str:
    """As one word of a line that knows % but, unlike a command, no $."""
    return word(text.replace("$", "\0")).replace("$$", "$").replace("\0", "$")


def unit_file() -> Path:
    return user_config_path("systemd") / "user" / NAME


def install(text: str, needed: Iterable[Path]) -> None:
    """
    Verify the unit, write it, and have it started now and at each login.

    Args:
        text: See `unit`.
        needed: Files and folders that the agent has to see.

    Raises:
        SettingsError: If systemd does not take it, or cannot be asked; the sentence
            says what was written all the same.

    """
    for path in needed:
        if any(path.is_relative_to(folder) for folder in UNSEEN):
            raise SettingsError(
                f"{path} is among temporary files, of which a service has its own. "
                "Move it."
            )
    _verify(text)
    file = unit_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise SettingsError(f"{file} cannot be written: {exc.strerror}.") from None
    for words in (("daemon-reload",), ("enable", NAME), ("restart", NAME)):
        done = _systemctl(*words)
        if done.returncode:
            raise SettingsError(
                f"{file} is written, but systemctl --user {' '.join(words)} failed: "
                f"{_said(done)} See journalctl --user -u mobility-agent."
            )


def _verify(text: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        raise SettingsError("There is no systemd here. Run: mobility agent run")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / NAME
        file.write_text(text, encoding="utf-8")
        words = (program, "verify", "--user", "--man=no", str(file))
        # Who has none is not logged in, and reads so when systemd is to start it.
        done = _run(*words, environ={"XDG_RUNTIME_DIR": folder, **os.environ})
    if done.returncode or NAME in done.stderr:
        raise SettingsError(f"systemd does not take the unit: {_said(done)}")


def remove() -> bool:
    """
    End the agent, and forget its unit; False if there was none.

    Raises:
        SettingsError: If the file cannot be removed.

    """
    file = unit_file()
    if not file.exists():
        return False
    _systemctl("disable", "--now", NAME)
    try:
        file.unlink()
    except OSError as exc:
        raise SettingsError(f"{file} cannot be removed: {exc.strerror}.") from None
    _systemctl("daemon-reload")
    return True


def status() -> dict[str, str]:
    """What systemd says of it, under its own names; empty if it cannot be asked."""
    done = _systemctl("show", NAME, f"--property={','.join(_SHOWN)}")
    if done.returncode:
        return {}
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {key: text for key, _, text in pairs if key in _SHOWN}


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return _run(shutil.which("systemctl") or "systemctl", "--user", *words)


def _run(
    *command: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE,
            env=environ,
        )
    except OSError as exc:
        return subprocess.CompletedProcess(command, 1, "", exc.strerror or "")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "it takes too long.")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    text = " ".join((done.stderr or done.stdout).split())
    return (
        text if text.endswith((".", "")) and text else f"{text or 'no reason given'}."
    )
