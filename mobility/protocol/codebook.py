"""
Which codes of a device are good now.

A code is shown for `SHOWN` seconds and good for one such time more, once. TOKEN is
derived from the device's private identity key and the count of these times, so that
each program of a device that can read its key shows the codes that the one with the
session knows, and nothing has to be kept. The clock is one that only goes forward, the
same for all programs of a machine; it may begin again when that is started, so each of
its runs has a name.
"""

from __future__ import annotations

import hmac

from mobility.errors import CodeRefused
from mobility.protocol.code import prove
from mobility.protocol.envelope import derive, digest
from mobility.protocol.uri import SCAN_AGAIN, SECRET

__all__ = ["SHOWN", "CodeBook"]

SHOWN = 30.0  # seconds
_GOOD = 2  # times of `SHOWN`
_EXPLAINED = 20  # of them, for which an old code is told apart from a wrong one


class CodeBook:
    """
    The codes of one device.

    Args:
        identity: Its Ed25519 private key.
        run: Name of this run of the clock.

    """

    def __init__(self, identity: bytes, run: str) -> None:
        self._secret = derive(identity, digest("codes", run))
        self._used: dict[str, int] = {}  # by session: the last code that is used up

    def __repr__(self) -> str:
        return "<CodeBook>"

    def token(self, session: str, now: float) -> bytes:
        """
        TOKEN of the code that is to be shown now.

        Args:
            session: What it is for; empty for the code of the device itself.
            now: Seconds of a clock that never goes back.

        """
        return self._token(session, _count(now))

    def left(self, now: float) -> float:
        """Seconds until the next code is to be shown."""
        return SHOWN - now % SHOWN

    def check(self, proof: bytes, session: str, device_id: str, now: float) -> None:
        """
        See that a device has scanned a code that is good, and use it up.

        All codes for this session that were shown until now end with it.

        Args:
            proof: What `prove` gave to that device.
            session: What it wants; empty if the code was the device's own.
            device_id: Who it is.
            now: As for `token`.

        Raises:
            CodeRefused: It has not, or the code is not good any more. Nothing changed.

        """
        count = self._find(proof, session, device_id, now)
        if count is None:
            raise CodeRefused(f"This code is not one that is shown here. {SCAN_AGAIN}")
        self._check_fresh(count, now)
        self._check_unused(count, session)
        self._forget(now)
        self._used[session] = _count(now)

    def _find(
        self, proof: bytes, session: str, device_id: str, now: float
    ) -> int | None:
        for count in range(_count(now), _count(now) - _EXPLAINED, -1):
            expected = prove(self._token(session, count), session, device_id)
            if hmac.compare_digest(proof, expected):
                return count
        return None

    def _check_fresh(self, count: int, now: float) -> None:
        if count <= _count(now) - _GOOD:
            raise CodeRefused(f"This code has expired. {SCAN_AGAIN}")

    def _check_unused(self, count: int, session: str) -> None:
        if count <= self._used.get(session, -1):
            raise CodeRefused(f"This code has been used already. {SCAN_AGAIN}")

    def _forget(self, now: float) -> None:
        """What has expired need not be remembered as used."""
        oldest = _count(now) - _EXPLAINED
        self._used = {s: count for s, count in self._used.items() if count > oldest}

    def _token(self, session: str, count: int) -> bytes:
        info = digest("code", session, str(count))
        return derive(self._secret, info)[:SECRET]


def _count(now: float) -> int:
    return int(now // SHOWN)
