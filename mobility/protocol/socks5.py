"""
The part of SOCKS5 (RFC 1928) that bytestreams need (XEP-0065 §5.3.2, §6.3.2).

One method (none), one command (CONNECT), one kind of address (a "domain name", which is
a hash that stands for the stream). Both ends take bytes as they come and say how many
they need next: an edge that reads no more than that never swallows the stream's own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Generator
from typing import Final

from mobility.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["Accepting", "Connecting", "stream_address"]

_VERSION: Final = 5
_NO_LOGIN: Final = 0
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_PORT: Final = b"\0\0"
_REFUSED, _NO_COMMAND, _NO_ADDRESS = 2, 7, 8  # RFC 1928 §6
_STRANGE: Final = "That is not SOCKS5 as bytestreams use it."

Steps = Generator[int, bytes, None]


def stream_address(sid: str, requester: str, target: str) -> str:
    """What a stream is asked for by (XEP-0065 §5.3.2); the JIDs are full ones."""
    # The XEP names the hash; nothing depends on its strength, since frames are sealed.
    text = f"{sid}{requester}{target}".encode()
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


class _End:
    """
    One end of a handshake that was not finished yet.

    Attributes:
        needs: Bytes to read next, at most; 0 when the stream is open.

    """

    def __init__(self, address: str) -> None:
        self._address = address.encode("ascii")
        if not 0 < len(self._address) < 256:
            raise LocalProtocolError("An address has 1 to 255 characters.")
        self._out = bytearray()
        self._in = bytearray()
        self._steps = self._handshake()
        self.needs = next(self._steps)

    def _handshake(self) -> Steps:
        """Yields how many bytes it needs, and is sent exactly as many."""
        raise NotImplementedError

    def receive_data(self, data: bytes) -> None:
        """
        Take the next bytes, at most `needs`.

        Raises:
            RemoteProtocolError: If they are none of SOCKS5, or say no. What there is to
                send then is the last word.
            LocalProtocolError: If nothing, or less than that, was asked for.

        """
        if len(data) > self.needs:
            raise LocalProtocolError("These bytes belong to the stream.")
        self._in += data
        self.needs -= len(data)
        if data and not self.needs:
            self._go_on()

    def _go_on(self) -> None:
        step = bytes(self._in)
        self._in.clear()
        try:
            self.needs = self._steps.send(step)
        except StopIteration:
            self.needs = 0

    def data_to_send(self) -> bytes:
        """What to send now; it is given once."""
        data = bytes(self._out)
        self._out.clear()
        return data


class Connecting(_End):
    """The end that asks for a stream."""

    def _handshake(self) -> Steps:
        self._out += bytes([_VERSION, 1, _NO_LOGIN])
        if (yield 2) != bytes([_VERSION, _NO_LOGIN]):
            raise RemoteProtocolError(_STRANGE)
        self._out += _named(_CONNECT, self._address)
        # The shortest answer has one more byte than this; a name says its length here.
        version, answer, _, kind, first = yield 5
        if version != _VERSION:
            raise RemoteProtocolError(_STRANGE)
        if answer != 0:
            raise RemoteProtocolError(f"The stream was refused ({answer}).")
        # XEP-0065 has our address come back; some answer another. It says nothing.
        rest = {_IPV4: 3, _NAME: first, _IPV6: 15}.get(kind)
        if rest is None:
            raise RemoteProtocolError(_STRANGE)
        yield rest + len(_PORT)


class Accepting(_End):
    """The end that is asked, and that waits for one stream only."""

    def _handshake(self) -> Steps:
        version, methods = yield 2
        if version != _VERSION or not methods:
            raise RemoteProtocolError(_STRANGE)
        if _NO_LOGIN not in (yield methods):
            self._out += bytes([_VERSION, 0xFF])
            raise RemoteProtocolError("It wants to log in; nobody can here.")
        self._out += bytes([_VERSION, _NO_LOGIN])
        version, command, _, kind, length = yield 5
        if version != _VERSION:
            raise RemoteProtocolError(_STRANGE)
        if command != _CONNECT:
            raise self._refusal(_NO_COMMAND)
        if kind != _NAME:
            raise self._refusal(_NO_ADDRESS)
        asked = yield length + len(_PORT)
        if not hmac.compare_digest(asked, self._address + _PORT):
            raise self._refusal(_REFUSED)
        self._out += _named(0, self._address)

    def _refusal(self, reason: int) -> RemoteProtocolError:
        self._out += _named(reason, b"")
        return RemoteProtocolError("It asks for a stream that nobody waits for.")


def _named(word: int, address: bytes) -> bytes:
    """A request, or a reply, about a name and port 0."""
    return bytes([_VERSION, word, 0, _NAME, len(address)]) + address + _PORT
