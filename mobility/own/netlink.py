"""
What the kernel says about this machine's network: rtnetlink(7), read only.

Only what matters to a connection counts: whether an interface has a link, which
addresses there are, and where the default routes lead. What the kernel merely says
again (a router's advertisement does so all the time) is no change.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Fact", "Network", "read"]

# From <linux/rtnetlink.h>; stable, and the same on every architecture.
_LINK, _IPV4_ADDRESS, _IPV4_ROUTE = 0x1, 0x10, 0x40  # groups to listen to
_IPV6_ADDRESS, _IPV6_ROUTE = 0x100, 0x400
_GROUPS: Final = _LINK | _IPV4_ADDRESS | _IPV4_ROUTE | _IPV6_ADDRESS | _IPV6_ROUTE
_NEW_LINK, _DEL_LINK, _NEW_ADDRESS, _DEL_ADDRESS, _NEW_ROUTE, _DEL_ROUTE = (
    *(16, 17, 20, 21, 24, 25),
)
_RUNNING = 0x40  # IFF_RUNNING: there is a carrier
_ADDRESS, _LOCAL, _GATEWAY, _OUT = 1, 2, 5, 4  # IFA_ADDRESS, IFA_LOCAL, RTA_*
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK_BODY: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS_BODY: Final = struct.Struct("=BBBBI")  # family, prefix, flags, scope, index
_ROUTE_BODY: Final = struct.Struct("=BBBBBBBBI")  # family, destination's bits ...
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_SETTLED = 0.3  # seconds without a change after which a network has settled
_LONGEST = 3.0  # and until which it is waited for that


@dataclass(frozen=True, slots=True)
class Fact:
    """
    Something that the kernel has said.

    Args:
        about: An interface, an address or a default route.
        holds: Whether it is there, or up.

    """

    about: tuple[object, ...]
    holds: bool


def read(datagram: bytes) -> Iterator[Fact]:
    """The facts in what the kernel sent; what is cut off or foreign is none."""
    while len(datagram) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(datagram)
        if not _HEADER.size <= length <= len(datagram):
            return
        with contextlib.suppress(struct.error):
            yield from _fact(kind, datagram[_HEADER.size : length])
        datagram = datagram[_aligned(length) :]


def _fact(kind: int, body: bytes) -> Iterator[Fact]:
    if kind in {_NEW_LINK, _DEL_LINK}:
        _, _, index, flags, _ = _LINK_BODY.unpack_from(body)
        yield Fact(("link", index), kind == _NEW_LINK and bool(flags & _RUNNING))
    elif kind in {_NEW_ADDRESS, _DEL_ADDRESS}:
        family, _, _, _, index = _ADDRESS_BODY.unpack_from(body)
        said = dict(_attributes(body[_ADDRESS_BODY.size :]))
        address = said.get(_LOCAL) or said.get(_ADDRESS)
        yield Fact(("address", family, index, address), kind == _NEW_ADDRESS)
    elif kind in {_NEW_ROUTE, _DEL_ROUTE}:
        family, bits, *_ = _ROUTE_BODY.unpack_from(body)
        said = dict(_attributes(body[_ROUTE_BODY.size :]))
        if bits == 0:  # a default route
            way = said.get(_GATEWAY), said.get(_OUT)
            yield Fact(("route", family, *way), kind == _NEW_ROUTE)


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    while len(body) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(body)
        if not _ATTRIBUTE.size <= length <= len(body):
            return
        yield kind, body[_ATTRIBUTE.size : length]
        body = body[_aligned(length) :]


def _aligned(length: int) -> int:
    return (length + 3) & ~3


@dataclass
class Network:
    """
    The network of this machine, as far as the kernel has spoken of it.

    Raises (on entering):
        OSError: If the kernel does not tell us.

    """

    _known: dict[tuple[object, ...], bool] = field(default_factory=dict)

    def __enter__(self) -> Network:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, 0)  # NETLINK_ROUTE
        try:
            self._socket.bind((0, _GROUPS))
        except OSError:
            self._socket.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def changed(self) -> None:
        """Wait until it is another one than before, and has settled."""
        while not await self._heard():
            pass
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST):
                while await self._again():
                    pass

    async def _again(self) -> bool:
        try:
            async with asyncio.timeout(_SETTLED):
                await self._heard()
        except TimeoutError:
            return False
        return True

    async def _heard(self) -> bool:
        """Whether what the kernel says next is new."""
        try:
            said = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
        except OSError as exc:
            if exc.errno != errno.ENOBUFS:
                raise
            return True  # more than we could hear: some of it was new, no doubt
        news = [fact for fact in read(said) if self._is_news(fact)]
        return bool(news)

    def _is_news(self, fact: Fact) -> bool:
        before = self._known.get(fact.about)
        if fact.holds or fact.about[0] == "link":
            self._known[fact.about] = fact.holds
        else:
            self._known.pop(fact.about, None)
        return fact.holds != before
