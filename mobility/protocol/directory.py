"""
What runs on the user's devices, as they tell one another (docs/protocol/sessions.md).

A hint for people, never the truth: what counts is the word of a session's owner. All
that is decided here is who may write an entry, so that devices which each saw another
part of the story come to agree on what stands there.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

__all__ = ["Entry", "Plan", "plan"]


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A running session, in the words of the device that decides about it.

    Args:
        id: Outlives transfers.
        app, schema: What it is, in which version.
        epoch: Raised each time that it moves.
        owner: Id of the device that decides about it.
        owner_name: What that device calls itself.
        place: What the device calls itself on which it runs now.
        since: When it came there: seconds since 1970, by its owner's clock.
        title: What a person calls it; may be empty.
        device: Id of the device on which it runs; empty if that is not the user's own.
        size: Bytes of its state when it last moved; 0 if it has not.

    """

    id: str
    app: str
    schema: int
    epoch: int
    owner: str
    owner_name: str
    place: str
    since: float
    title: str = field(default="", repr=False)
    device: str = ""
    size: int = 0

    @property
    def at_owner(self) -> bool:
        """Whether it runs on the device that decides about it."""
        return self.device == self.owner


@dataclass(frozen=True, slots=True)
class Plan:
    """What a device has to change in the directory: entries to write, ids to remove."""

    publish: tuple[Entry, ...] = ()
    retract: tuple[str, ...] = ()


def plan(
    us: str, ours: Mapping[str, Entry], kept: Container[str], there: Mapping[str, Entry]
) -> Plan:
    """
    What one device has to change, given what stands in the directory.

    Args:
        us: Id of the device.
        ours: Entries of the sessions that it owns, as they should be.
        kept: Ids of sessions that are in its journal, and wait for their app: whatever
            stands there of them may stay.
        there: What stands in the directory.

    """
    publish = (
        entry for id, entry in ours.items() if _is_ours_to_write(entry, there.get(id))
    )
    retract = (
        id
        for id, entry in there.items()
        if entry.owner == us and id not in ours and id not in kept
    )
    return Plan(tuple(publish), tuple(retract))


def _is_ours_to_write(ours: Entry, there: Entry | None) -> bool:
    """Who has the higher epoch knows better; then who runs it; else it stays."""
    if there is None or there.owner == ours.owner:
        return ours != there
    if ours.epoch != there.epoch:
        return ours.epoch > there.epoch
    return ours.at_owner and not there.at_owner
