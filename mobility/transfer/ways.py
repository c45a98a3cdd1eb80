"""The carriers that a device has for the frames of its transfers."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from mobility.protocol.carrier import Carrier, Pipe

__all__ = [
    "CARRIERS",
    "STREAMS",
    "Expected",
    "Pulled",
    "Streams",
    "Uploads",
    "Ways",
]

# What passes by the server least comes first. Our own IQs are faster than IBB, but a
# server may limit them.
CARRIERS = (
    Carrier.DIRECT,
    Carrier.PROXY,
    Carrier.IQ,
    Carrier.IBB,
    Carrier.UPLOAD,
)
STREAMS = frozenset({Carrier.DIRECT, Carrier.PROXY, Carrier.IBB})


class Expected(Protocol):
    """A stream that the other device is about to open."""

    async def pipe(self, *, seconds: float) -> Pipe: ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """A stream of bytes has come to its end, or was cut."""

    stream: str
    error: Exception | None = None


class Streams(Protocol):
    """Streams of bytes to and from another device (`mobility.xmpp.bytestreams`)."""

    async def open(
        self, carrier: Carrier, peer: str, sid: str, *, seconds: float
    ) -> Pipe: ...

    def expect(self, peer: str, sid: str) -> AbstractContextManager[Expected]: ...


class Uploads(Protocol):
    """A store at the server of the account (`mobility.xmpp.upload`)."""

    async def limit(self) -> int | None: ...

    async def put(self, size: int, chunks: AsyncIterable[bytes]) -> str: ...

    def get(self, url: str, *, at: int = 0) -> AbstractAsyncContextManager[Pipe]: ...

    async def delete(self, url: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ways:
    """
    What there is between two devices.

    Args:
        carriers: In the order of preference.
        streams, uploads: Bring the bytes; None where a carrier needs none.

    """

    carriers: tuple[Carrier, ...] = CARRIERS
    streams: Streams | None = None
    uploads: Uploads | None = None
