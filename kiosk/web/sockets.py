"""Listening sockets, which the supervisor holds and hands to what serves on them."""

from __future__ import annotations

import errno
import os
import socket

from kiosk.settings.plan import Address
from kiosk.web.guard import Guard

__all__ = ["Busy", "bind", "guard"]


class Busy(OSError):
    """Somebody else has it now, and may not have it in a moment."""


def bind(address: Address, what: str) -> socket.socket:
    """
    Listen; a connection waits until somebody accepts it.

    Raises:
        OSError: With the sentence for whoever wrote the settings; `Busy` if the address
            is right.

    """
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        kind = Busy if error.errno == errno.EADDRINUSE else OSError
        raise kind(
            f"{what} cannot listen on {host}:{port}: {reason}. "
            "Change listen in the settings, or stop what is using it."
        ) from None


def guard(sock: socket.socket, key: str = "") -> Guard:
    """The rules for a page that is served on this socket, to whoever knows `key`."""
    host, port = sock.getsockname()[:2]
    # what is beyond loopback is forwarded to us, and the browser sees the near end
    return Guard(host if host in ("127.0.0.1", "::1") else "127.0.0.1", port, key)
