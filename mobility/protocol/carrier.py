"""What carries the frames of a transfer from one device to the other."""

from __future__ import annotations

import enum
from typing import Protocol

__all__ = ["Carrier", "Pipe"]


class Carrier(enum.Enum):
    """
    Ways for sealed frames, by their name on the wire.

    IQ is our own numbered IQs, DIRECT and PROXY are SOCKS5 bytestreams (XEP-0065)
    without and with a mediator, IBB is XEP-0047, UPLOAD is XEP-0363.
    """

    IQ = "iq"
    DIRECT = "direct"
    PROXY = "proxy"
    IBB = "ibb"
    UPLOAD = "upload"


class Pipe(Protocol):
    """One stream of bytes between two devices; we either send or receive."""

    async def send(self, data: bytes) -> None:
        """
        Send, and wait while the other side is slower.

        Raises:
            CarrierLost: If the stream is cut.

        """

    async def receive(self) -> bytes:
        """
        Some bytes, or none at the end of the stream.

        Raises:
            CarrierLost: If the stream is cut.

        """

    async def close(self) -> None:
        """End the stream; what was sent before still arrives."""
