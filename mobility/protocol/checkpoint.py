"""
Checkpoints: what a device sends back of a session that it runs for another.

A checkpoint is two numbers of four bytes, big-endian, and a state: the last packet of
the owner that is in it, and the version of its layout. It is sealed as the word
``checkpoint N``, in numbered frames.
"""

from __future__ import annotations

from collections.abc import Iterator

from mobility.errors import InvalidState
from mobility.protocol.envelope import Envelope
from mobility.protocol.session import Checkpoint

__all__ = ["Checkpoints", "frames_of"]

_MOST_FRAMES = 2048  # of one: about 100 MB
_HEAD = 4


def frames_of(
    envelope: Envelope,
    about: tuple[str, int, int],
    *,
    heard: int,
    schema: int,
    state: bytes,
) -> Iterator[Checkpoint]:
    """
    Seal a checkpoint.

    Args:
        envelope: Of the transfer that brought the session.
        about: Its sid, the epoch, and the number of the checkpoint, never used twice.
        heard: The last packet of the owner that is in it.
        schema: Version of the state's layout.
        state: Laid out for the owner.

    """
    head = heard.to_bytes(_HEAD, "big") + schema.to_bytes(_HEAD, "big")
    frames = envelope.frames(_word(about[2]), head + state)
    for number, sealed in enumerate(frames):
        yield Checkpoint(*about, number, len(frames), sealed)


class Checkpoints:
    """Puts the frames of the newest one together."""

    def __init__(self) -> None:
        self._newest = 0
        self._frames: dict[int, bytes] = {}

    def is_late(self, frame: Checkpoint) -> bool:
        """Whether a newer one has come."""
        return frame.number < self._newest

    def take(
        self, envelope: Envelope, frame: Checkpoint
    ) -> tuple[int, int, bytes] | None:
        """
        Take a frame that is not late.

        Returns:
            With the last one, the last packet that is in it, the schema, and the state.

        Raises:
            InvalidState: If it was not sealed so.

        """
        if not 0 <= frame.frame < frame.frames <= _MOST_FRAMES:
            raise InvalidState("The checkpoint is not laid out as it should be.")
        opened = envelope.open(_word(frame.number), frame.sealed, number=frame.frame)
        if frame.number > self._newest:  # an unfinished older one is of no use
            self._newest, self._frames = frame.number, {}
        self._frames[frame.frame] = opened
        if len(self._frames) < frame.frames:
            return None
        whole = b"".join(self._frames[n] for n in sorted(self._frames))
        self._newest, self._frames = frame.number + 1, {}
        heard, schema = whole[:_HEAD], whole[_HEAD : 2 * _HEAD]
        numbers = int.from_bytes(heard, "big"), int.from_bytes(schema, "big")
        return *numbers, whole[2 * _HEAD :]


def _word(number: int) -> str:
    return f"checkpoint {number}"
