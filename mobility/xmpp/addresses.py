"""Where we can be reached, and where we are willing to connect to."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket

from mobility.errors import CarrierLost

__all__ = ["checked", "is_loopback", "is_public", "own_addresses", "resolved"]

_PRIVILEGED = 1024
# Addresses that belong to nobody (RFC 5737, RFC 3849). Nothing is sent there: the
# system only says from which address of ours it would be.
_NOWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def own_addresses(connected: str) -> list[str]:
    """
    Under which addresses others may reach us, the likeliest first.

    Args:
        connected: Our end of the connection to the server. If that is loopback, so are
            the others of this server, and nobody else is invited.

    """
    if is_loopback(connected):
        return [connected]
    outward = [_outward(family) for family in _NOWHERE]
    return list(dict.fromkeys(host for host in (connected, *outward) if _usable(host)))


def _outward(family: socket.AddressFamily) -> str:
    with (
        contextlib.suppress(OSError),
        socket.socket(family, socket.SOCK_DGRAM) as probe,
    ):
        probe.connect((_NOWHERE[family], 9))
        return str(probe.getsockname()[0])
    return ""


def _usable(host: str) -> bool:
    ip = _address(host)
    return ip is not None and not (
        ip.is_loopback or ip.is_unspecified or ip.is_multicast or ip.is_link_local
    )


def is_loopback(host: str) -> bool:
    ip = _address(host)
    return ip is not None and ip.is_loopback


def is_public(host: str) -> bool:
    """Whether it is an address that anybody could reach, and of no private network."""
    ip = _address(host)
    return ip is not None and ip.is_global and not ip.is_multicast


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def checked(host: str, port: int, connected: str) -> str:
    """
    An address that a peer may make us connect to: no service of ours, no system port.

    Raises:
        CarrierLost: If it is not one.

    """
    at_home = is_loopback(host) and is_loopback(connected)
    if port < _PRIVILEGED or not (at_home or _usable(host)):
        raise CarrierLost("That address is not one for streams.")
    return host


async def resolved(host: str, port: int) -> list[str]:
    """
    Addresses of a name; of an address, itself.

    Raises:
        CarrierLost: If there are none.

    """
    if _address(host) is not None:
        return [host]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CarrierLost("There is no such address.") from None
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
