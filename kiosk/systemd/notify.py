"""
What a service says to systemd: datagrams to ``$NOTIFY_SOCKET`` (sd_notify(3)).

Everything here does nothing where nobody listens.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

__all__ = ["notify", "unheard", "watchdog"]

SOCKET = "NOTIFY_SOCKET"
OURS = {SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID"}


def notify(*words: str, environ: Mapping[str, str] = os.environ) -> None:
    """Say such as ``READY=1`` or ``STATUS=…``; what cannot be said is not."""
    address = environ.get(SOCKET, "")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.sendto("\n".join(words).encode(), address)
        except OSError:
            return  # systemd is busy or gone; its watchdog is there for what follows


def watchdog(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life, half of what systemd waits; None for none."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2_000_000


def unheard(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child, which has nothing to say to systemd."""
    return {key: value for key, value in environ.items() if key not in OURS}
