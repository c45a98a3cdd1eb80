"""What our own transfer carries, and in which ways."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mobility import App, Blob, Carrier, File, State

__all__ = ["LARGEST", "WAYS", "Cargo", "cargo_in"]

LARGEST = 2**31  # what the responder accepts
_FILE = "cargo"


# Carriers, and the formats that each brings; all by their names on the wire. Machines
# are noisy: the direct carrier comes right after what it is compared with. What is
# inline goes in our own IQs, whatever else there is.
WAYS = {
    Carrier.DIRECT.value: ("files", "bundle"),
    Carrier.PROXY.value: ("files", "bundle"),
    Carrier.IQ.value: ("inline", "files", "bundle"),
    Carrier.IBB.value: ("files", "bundle"),
    Carrier.UPLOAD.value: ("files", "bundle"),
}


class Cargo(App):
    """
    An app that is nothing but one file.

    Args:
        path: Of the file; where the session arrives there is none.

    """

    uri = "urn:xmpp:tmp:mobility:bench"

    def __init__(self, path: Path | None = None) -> None:
        self._blob: Blob | None = None if path is None else File(path)

    async def snapshot(self) -> State:
        assert self._blob is not None
        return State(blobs={_FILE: self._blob})

    async def restore(self, state: State) -> None:
        self._blob = state.blobs[_FILE]

    async def close(self) -> None:
        self._blob = None

    async def sha256(self) -> str:
        """Of what arrived, in hexadecimal."""
        assert self._blob is not None
        return await asyncio.to_thread(lambda blob: blob.sha256, self._blob)


def cargo_in(format: str, path: Path) -> Cargo:
    """A file that goes in this format only."""
    cargo = Cargo(path)
    cargo.formats = (format,)
    return cargo
