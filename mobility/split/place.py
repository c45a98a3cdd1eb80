"""Where a part of a split session runs, or may run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mobility.app import App
from mobility.errors import PeerUnreachable, TransferRefused, VisitEnded
from mobility.own.device import Device
from mobility.parts.traffic import Traffic
from mobility.protocol.filtering import Way
from mobility.refusal import check_way_back
from mobility.visit.screen import Screen

__all__ = ["Place", "Substitutes", "Target", "check", "is_at"]

Target: TypeAlias = Device | Screen


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a part is shown.

    Attributes:
        part: Which one.
        name: What the device calls itself.
        jid: Its full JID.
        device: Its id, if it is one of the user's own; else empty.
        here: Whether it is this device.
        way: How packets of the app's services come there; None if it has none, or if
            they are written to this very device.
        traffic: What this device knows that it is sent there, and spared.

    """

    part: str
    name: str
    jid: str
    device: str = ""
    here: bool = False
    way: Way | None = field(default=None, compare=False)
    traffic: Traffic = field(default=Traffic(), compare=False)


# Where a part may go whose device dies: those that are named for it, in their order;
# or whoever is named when it happens.
Substitutes: TypeAlias = (
    Mapping[str, Sequence[Target]] | Callable[[str, Place], Awaitable[Target | None]]
)


def is_at(place: Place, on: Target | Place) -> bool:
    """Whether that is the same place."""
    device = on.id if isinstance(on, Device) else getattr(on, "device", "")
    return place.device == device if device else place.jid == on.jid


def check(app: App, part: str, to: Target) -> None:
    """
    Whether a part could go there, as far as can be said without asking.

    Raises:
        VisitEnded: That display is not visited any more.
        PeerUnreachable: That device is not online.
        TransferRefused: It cannot take it.

    """
    if isinstance(to, Screen):
        if to.over:
            raise VisitEnded(f"The visit of {to.name} is over. Scan its code again.")
        check_way_back(app, to.name, to.apps)
        return
    if problem := to.problem(app, part=part):
        raise TransferRefused(problem)
    if not to.online:
        raise PeerUnreachable(f"{to.name} is not online.")
