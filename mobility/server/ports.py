"""TCP ports for the server: free ones, or a clear word about taken ones."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Iterator
from dataclasses import astuple

from mobility.errors import ServerError
from mobility.server.config import Ports

__all__ = ["choose_ports"]

# Below the range from which outgoing connections draw theirs on Linux: a port of ours
# must still be free when the server comes back after a restart.
_FREE = range(10_000, 32_000)
_ATTEMPTS = 200


def choose_ports(host: str, wanted: Ports) -> Ports:
    """
    Replace each 0 by a free port of this address.

    Raises:
        ServerError: A port that was asked for by number cannot be had.

    """
    asked = [port for port in astuple(wanted) if port]
    for port in asked:
        if asked.count(port) > 1:
            raise ServerError(f"Port {port} was given twice; each service needs one")
        _check(host, port)
    free = _free_ports(host, set(asked))
    return Ports(
        c2s=wanted.c2s or next(free),
        http=wanted.http or next(free),
        proxy=wanted.proxy or next(free),
        component=wanted.component or next(free),
    )


def _check(host: str, port: int) -> None:
    try:
        _bind(host, port)
    except OSError as exc:
        raise ServerError(_reason(host, port, exc)) from exc


def _reason(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program; stop that one "
            "(Debian's own Prosody: `systemctl disable --now prosody`), "
            "or choose another with --port, --http-port or --proxy-port"
        )
    if exc.errno == errno.EACCES:
        return f"Port {port} needs root; choose one above 1023"
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; choose another with --listen"
    return f"Port {port} on {host} cannot be used: {exc.strerror}"


def _free_ports(host: str, given: set[int]) -> Iterator[int]:
    for _ in range(_ATTEMPTS):
        port = secrets.choice(_FREE)
        if port in given:
            continue
        try:
            _bind(host, port)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise ServerError(_reason(host, port, exc)) from exc
            continue
        given.add(port)
        yield port
    raise ServerError(f"There is no free port on {host}; choose the ports by number")


def _bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As Prosody does: what lingers from a server that just stopped is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
