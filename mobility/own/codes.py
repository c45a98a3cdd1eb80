"""The codes that a device shows to the user's other devices, renewed while they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.dispatch import bare
from mobility.errors import CodeRefused
from mobility.protocol.code import DeviceCode, SessionCode, prove
from mobility.protocol.codebook import CodeBook
from mobility.protocol.device import device_id
from mobility.xmpp.codes.stanza import Scanned

__all__ = ["CodeBook", "Codes", "prove"]

EXPECTED = 600.0  # seconds for who has scanned a code to send something
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Codes:
    """
    Those of one device.

    Attributes:
        key: Name of the device.
        book: Which of its codes are good.
        on_scanned: Called with the name of a device that has scanned the code of this
            one: so both have been compared.

    Args:
        account: Bare JID.
        identity: Ed25519 private key of the device.

    """

    def __init__(self, account: str, identity: bytes) -> None:
        self._account = account
        private = Ed25519PrivateKey.from_private_bytes(identity)
        self.key = device_id(private.public_key().public_bytes_raw())
        self.book = CodeBook(identity, _BOOT.read_text("ascii"))
        self.on_scanned: Callable[[str], None] = lambda device_id: None
        self._expected: dict[str, float] = {}

    def device(self) -> DeviceCode:
        """The code of the device, as of now."""
        return DeviceCode(self._account, self.key, self.book.token("", _now()))

    def session(self, id: str) -> SessionCode:
        """The code of a session that this device decides about, as of now."""
        token = self.book.token(id, _now())
        return SessionCode(self._account, id, self.key, token)

    async def devices(self) -> AsyncGenerator[DeviceCode, None]:
        """The code to show now, and each that takes its place; for ever."""
        while True:
            yield self.device()
            await asyncio.sleep(self.book.left(_now()))

    async def sessions(self, id: str) -> AsyncGenerator[SessionCode, None]:
        """Likewise, the code of a session."""
        while True:
            yield self.session(id)
            await asyncio.sleep(self.book.left(_now()))

    def proof(self, code: DeviceCode | SessionCode) -> bytes:
        """What this device says that has scanned a code; empty if it has no token."""
        if not code.token:
            return b""
        session = code.session if isinstance(code, SessionCode) else ""
        return prove(code.token, session, self.key)

    async def receive(self, peer: str, scanned: Scanned) -> None:
        """
        A device of the user has scanned the code of this one.

        Raises:
            CodeRefused: It has not, or is somebody else's.

        """
        self._check_own(peer)
        self.check(scanned.proof, "", scanned.device)
        self._expected[scanned.device] = _now() + EXPECTED
        self.on_scanned(scanned.device)

    def _check_own(self, peer: str) -> None:
        if bare(peer).lower() != self._account.lower():
            raise CodeRefused("Only your own devices may scan this code.")

    def expects(self, device_id: str) -> bool:
        """Whether that device scanned our code within the last minutes."""
        return self._expected.get(device_id, 0.0) > _now()

    def check(self, proof: bytes, session: str, device_id: str) -> None:
        """
        See that a device has scanned a code of ours, and use it up.

        Raises:
            CodeRefused: As `CodeBook.check`.

        """
        self.book.check(proof, session, device_id, _now())


def _now() -> float:
    """Of a clock that goes on while the machine sleeps: a photo of a code does too."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
