"""
Units for systemd, made from the settings; see systemd.exec(5) for each line.

Without a browser of ours the displays need nothing of the machine but the network, and
the unit takes everything else away. A browser needs a seat with a screen, memory that
is written and then executed, and namespaces for its own sandbox: then the unit runs
everything in `cage`, a Wayland compositor for one program, and takes away the rest.
The seat is seatd's and not that of a PAM session: such a session takes the processes
out of the unit, and with them the watchdog, the limits, and what ends with the unit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from kiosk.settings.keys import credential
from kiosk.settings.settings import Kiosk
from mobility.own.units import word

__all__ = ["units", "unseen"]

NAME = "mobility-kiosk"
# What ProtectHome= and PrivateTmp= take out of sight.
UNSEEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108

SERVICE = f"""\
# /etc/systemd/system/{NAME}.service
[Unit]
Description=Public displays
Wants=network-online.target
After=network-online.target{{after}}

[Service]
Type=notify
NotifyAccess={{notify}}
ExecStart={{start}}
WatchdogSec=30
TimeoutStartSec=180
TimeoutStopSec=30
Restart=always
RestartSec=2
RestartPreventExitStatus=2
OOMPolicy=continue
MemoryMax={{memory}}
StateDirectory={NAME}
StateDirectoryMode=0700
RuntimeDirectory={NAME}
RuntimeDirectoryMode=0700
{{more}}
[Install]
WantedBy={{target}}
"""

# What a browser bears as well.
LESS = """\
UMask=0077
LimitCORE=0
MemorySwapMax=0
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
ProtectProc=invisible
RemoveIPC=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
KeyringMode=private
"""

# What only the displays' own processes bear.
LEAST = """\
DynamicUser=yes
PrivateDevices=yes
PrivateUsers=yes
DevicePolicy=closed
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""

# Of a browser: netlink is how it hears of screens, keyboards and networks, and its own
# sandbox needs system calls that @system-service has not.
SOME = """\
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
"""

# The seat of the first virtual terminal, for a user of the name kiosk.
SEAT = """\
User=kiosk
SupplementaryGroups=video render input
Environment=LIBSEAT_BACKEND=seatd
Environment=XDG_RUNTIME_DIR=/run/mobility-kiosk
TTYPath=/dev/tty1
TTYReset=yes
TTYVHangup=yes
TTYVTDisallocate=yes
StandardInput=tty-fail
StandardOutput=journal
Environment=HOME=/run/mobility-kiosk
"""

FIXED = 128  # megabytes, of which the supervisor has 25
EACH = 512  # of a display, which takes 70 unless somebody fills all that it may hold
AFTER_SEAT = " seatd.service\nRequires=seatd.service\nConflicts=getty@tty1.service"


def units(file: Path, kiosk: Kiosk) -> str:
    """The unit for this file, with what has to be done beside it in comments."""
    start = f"{word(sys.executable)} -m kiosk run {word(str(file))}"
    credentials = "".join(f"{line}\n" for line in _credentials(kiosk))
    if any(display.browser for display in kiosk.displays):
        return WITH_BROWSER + SERVICE.format(
            after=AFTER_SEAT,
            notify="all",
            start=f"/usr/bin/cage -- {start}",
            memory="80%",
            more=SEAT + credentials + SOME + LESS,
            target="graphical.target",
        )
    return WITHOUT_BROWSER + SERVICE.format(
        after="",
        notify="main",
        start=start,
        memory=f"{FIXED + EACH * len(kiosk.displays)}M",
        more=credentials + LEAST + LESS,
        target="multi-user.target",
    )


WITHOUT_BROWSER = """\
# systemd makes a user for it; the settings have to be readable for everybody, and the
# password for root alone. The screen's browser is started from the session of the
# screen's user (docs/kiosk.md), since this unit has no seat.
"""

WITH_BROWSER = """\
# Needs: apt install cage seatd
#        adduser --system --group --home /run/mobility-kiosk kiosk
# seatd gives the screen to whoever is in its group, which is video on Debian.
# For more than one screen put a compositor that you have set up in the place of cage,
# and say in env of each display which output or DISPLAY it is for.
"""


def unseen(file: Path, kiosk: Kiosk) -> Iterator[str]:
    """A sentence for each thing that the service needs, and would not find."""
    needed = [file, Path(sys.prefix)]
    for display in kiosk.displays:
        needed += [app.path for app in display.apps]
        needed += [display.ca_file] if display.ca_file else []
    for path in dict.fromkeys(path.resolve() for path in needed):
        for folder in UNSEEN:
            if path.is_relative_to(folder):
                yield f"{path} is under {folder}, where the service sees nothing."


def _credentials(kiosk: Kiosk) -> Iterator[str]:
    """Password files are read by root and handed over in memory."""
    for path in dict.fromkeys(display.secret for display in kiosk.displays):
        if path is not None:
            yield "LoadCredential=" + f"{credential(path)}:{path}".replace("%", "%%")
