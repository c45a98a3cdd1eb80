"""What may go wrong, and how often."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Faults"]


@dataclass(frozen=True, slots=True)
class Faults:
    """
    How bad the network and the mains are; chances are from 0 to 1.

    Args:
        loss: That a stanza never arrives.
        duplicate: That it arrives twice.
        reorder: That it may overtake others between the same two devices.
        delay: Shortest and longest way, in seconds.
        cut: That a device's connection is lost as it sends a stanza.
        crash: That a device loses its power at a step: before or after a write to its
            journal, before or after a stanza is sent, or as one arrives.
        outage: Shortest and longest time until it is back from either, in seconds.
        most: Cuts and crashes of one run, at most.

    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: tuple[float, float] = (0.001, 0.02)
    cut: float = 0.0
    crash: float = 0.0
    outage: tuple[float, float] = (0.1, 20.0)
    most: int = 5
