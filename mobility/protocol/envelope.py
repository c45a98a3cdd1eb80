"""
Sealing: what only the two devices of a visit can read or could have written.

ChaCha20-Poly1305 (RFC 8439) under keys that HKDF-SHA256 (RFC 5869) derives from the
visit's secret. Each word of each transfer has a key of its own, and what is said under
it never changes: a repeated message is the same bytes, so no nonce is used twice for
different plaintexts.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mobility.errors import InvalidState

__all__ = ["FRAME", "PLAIN", "Envelope", "derive", "digest", "mac"]

FRAME = 48 * 1024  # bytes of a sealed frame, so that an IQ stays below 64 KiB + base64
PLAIN = FRAME - 16  # bytes in it


def digest(label: str, *fields: bytes | str) -> bytes:
    """SHA-256 over fields that cannot be confused with one another."""
    sha = hashlib.sha256(f"mobility {label} 0\0".encode())
    for field in fields:
        raw = field.encode() if isinstance(field, str) else field
        sha.update(len(raw).to_bytes(8, "big") + raw)
    return sha.digest()


def derive(secret: bytes, info: bytes, *, salt: bytes = b"") -> bytes:
    """A key of 32 bytes."""
    return HKDF(hashes.SHA256(), 32, salt or None, info).derive(secret)


def mac(secret: bytes, label: str, *fields: bytes | str) -> bytes:
    """HMAC-SHA256 (RFC 2104) under a key for this label only."""
    key = derive(secret, f"mobility {label} 0".encode())
    return hmac.digest(key, digest(label, *fields), "sha256")


class Envelope:
    """
    Seals and opens what is said about one transfer, or another exchange of a visit.

    Args:
        secret: The visit's key.
        sid: Of the transfer.
        epoch: That the transfer begins.

    """

    def __init__(self, secret: bytes, sid: str, epoch: int) -> None:
        self._secret = secret
        self._sid = sid
        self._epoch = epoch
        self._ciphers: dict[str, ChaCha20Poly1305] = {}

    def __repr__(self) -> str:
        return f"<Envelope {self._sid} {self._epoch}>"

    def seal(
        self, word: str, plain: bytes | bytearray = b"", *, number: int = 0
    ) -> bytes:
        """Ciphertext and tag. An empty `plain` gives a proof of who said the word."""
        return self._cipher(word).encrypt(_nonce(number), plain, self._about(number))

    def open(self, word: str, sealed: bytes, *, number: int = 0) -> bytes:
        """
        The plaintext.

        Raises:
            InvalidState: If the peer did not seal exactly this.

        """
        try:
            about = self._about(number)
            return self._cipher(word).decrypt(_nonce(number), sealed, about)
        except InvalidTag:
            raise InvalidState(
                "What arrived was damaged or changed on its way; try again."
            ) from None

    def frames(self, word: str, plain: bytes) -> list[bytes]:
        """Sealed frames of `FRAME` bytes; the last one is shorter."""
        starts = range(0, len(plain) + 1, PLAIN)
        chunks = (plain[at : at + PLAIN] for at in starts)
        return [self.seal(word, c, number=n) for n, c in enumerate(chunks)]

    def _cipher(self, word: str) -> ChaCha20Poly1305:
        if word not in self._ciphers:
            info = digest("envelope", self._sid, str(self._epoch), word)
            self._ciphers[word] = ChaCha20Poly1305(derive(self._secret, info))
        return self._ciphers[word]

    def _about(self, number: int) -> bytes:
        return digest("frame", self._sid, str(self._epoch), str(number))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
