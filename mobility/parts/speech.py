"""What may be said in the name of a part: which words, and in whose voice."""

from __future__ import annotations

from collections.abc import Iterable

from mobility.protocol.session import Stanza

__all__ = ["Vocabulary", "voice_of", "was_voice_of"]

MOST_NAMES = 256  # of what other devices say in a part that may say anything


def voice_of(id: str, epoch: int) -> str:
    """
    The feed of what is said in a place of a part.

    Another one in each epoch, so none is spoiled by who had it before.
    """
    return f"{id}.{epoch}"


def was_voice_of(feed: str, id: str, epoch: int) -> bool:
    """Whether that was the voice of this session, in whichever epoch there was."""
    whose, _, of = feed.rpartition(".")
    return whose == id and _was(of, epoch)


def _was(epoch: str, now: int) -> bool:
    """Whoever says something in one to come has that one say nothing any more."""
    return epoch.isascii() and epoch.isdecimal() and int(epoch[:20]) <= now


class Vocabulary:
    """
    The names of what a part says.

    Args:
        says: Qualified names of what it may say; anything, if None.

    """

    def __init__(self, says: Iterable[str] | None) -> None:
        self._says = None if says is None else frozenset(says)
        self._named: set[str] = set()  # what other devices have said

    def has(self, stanza: Stanza) -> bool:
        """Whether the part may say it."""
        return self._says is None or stanza.name in self._says

    def admits(self, word: Stanza) -> bool:
        """Whether another device may say it; the order remembers names for ever."""
        if len(self._named) < MOST_NAMES and self.has(word):
            self._named.add(word.name)
        return word.name in self._named
