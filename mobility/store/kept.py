"""A session as its owner keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

__all__ = ["Kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """
    A session as its owner keeps it.

    Args:
        id: Outlives every transfer.
        app, schema, epoch: As offered last, or as it runs here.
        state: The last checkpoint, laid out in full.
        sid: The transfer that took it away; empty while it is here.
        peer: Full JID of the device that has it.
        place: What that device calls itself.
        secret: Of the visit.
        word: What we committed, to be said again if need be; empty once a checkpoint
            shows that it was heard.
        life: How often this device has started since.
        format: In which its frames are on disk, if they are.
        leaving: It has not been committed: it runs here, and its frames are being
            fetched.
        given: Away for good, and let go of once the other device has confirmed.
        keeps: To be kept here too while it is here, rather than by its app alone.
        device: Id of the device that has it, if that is one of the user's.

    """

    id: str
    app: str
    schema: int
    epoch: int
    state: bytes = field(repr=False)
    sid: str = ""
    peer: str = ""
    place: str = ""
    secret: bytes = field(default=b"", repr=False)
    word: bytes = field(default=b"", repr=False)
    life: int = 0
    format: str = ""
    leaving: bool = False
    given: bool = False
    keeps: bool = False
    device: str = ""

    @property
    def away(self) -> bool:
        return bool(self.sid) and not self.leaving

    def back(self, epoch: int) -> Self:
        """The same session, here again."""
        about = self.id, self.app, self.schema, epoch, self.state
        return type(self)(*about, keeps=self.keeps)
