"""
What is on the screen: pure, without a clock.

The SDK says which scene it is; which apps run, the stage knows. The state of the
screen follows from these two by one table, and from nothing else: there is no order of
events in which the screen could get stuck on somebody's content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from mobility import Comparing, Hosting, Inviting, Leaving, Offline, Scene, Wiping

__all__ = ["SCREENS", "Screen", "ScreenState", "Venue"]

ScreenState: TypeAlias = Literal[
    "starting", "idle", "code", "visiting", "running", "countdown", "wiping", "lost"
]


@dataclass(frozen=True, slots=True)
class Starting:
    """Nothing has been heard from the server yet."""


# (scene, does an app run) -> what is on the screen. Rules for its editors: every pair
# has a row; content is on the screen in "running" and "countdown" only; an app that
# still runs when the next code is due is on its way out, so "wiping" wins.
SCREENS: Mapping[tuple[type[Scene | Starting], bool], ScreenState] = {
    (Starting, False): "starting",
    (Starting, True): "wiping",
    (Inviting, False): "idle",
    (Inviting, True): "wiping",
    (Comparing, False): "code",
    (Comparing, True): "wiping",
    (Hosting, False): "visiting",
    (Hosting, True): "running",
    (Leaving, False): "countdown",
    (Leaving, True): "countdown",
    (Wiping, False): "wiping",
    (Wiping, True): "wiping",
    (Offline, False): "lost",
    (Offline, True): "running",
}


@dataclass(frozen=True, slots=True)
class Venue:
    """What visitors read about the place."""

    name: str
    operator: str = ""
    place: str = ""
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Screen:
    """
    What is on the screen.

    Args:
        scene: The last one that the SDK reported.
        since: When, by the caller's clock.
        device: The visitor's device, kept while the server is out of reach.
        running: Frames of the apps that run, the one on top last.

    """

    scene: Scene | Starting = field(default_factory=Starting)
    since: float = 0.0
    device: str = ""
    running: tuple[str, ...] = ()

    @property
    def state(self) -> ScreenState:
        return SCREENS[type(self.scene), bool(self.running)]

    def show(self, scene: Scene, now: float) -> Screen:
        if isinstance(scene, Offline):
            return replace(self, scene=scene, since=now)
        device = getattr(scene, "device", "")
        return replace(self, scene=scene, since=now, device=device)

    def started(self, frame: str) -> Screen:
        return replace(
            self.stopped(frame), running=(*self.stopped(frame).running, frame)
        )

    def stopped(self, frame: str) -> Screen:
        rest = tuple(other for other in self.running if other != frame)
        return replace(self, running=rest)

    def view(self, now: float) -> dict[str, object]:
        """
        Everything that the page draws, except the code as a picture.

        Only what the state shows is in it: no digits once they are compared, no
        device once it has left.
        """
        view: dict[str, object] = {"screen": self.state}
        scene = self.scene
        left = max(0.0, getattr(scene, "seconds", 0.0) - (now - self.since))
        match self.state:
            case "idle":
                view |= {"seconds": round(left, 1)}
            case "code" if isinstance(scene, Comparing):
                view |= {"digits": scene.code, "device": scene.device}
            case "visiting":
                view |= {"device": self.device}
            case "running":
                view |= {"device": self.device, "frame": self.running[-1]}
                view |= {"offline": isinstance(scene, Offline)}
            case "countdown":
                view |= {"device": self.device, "seconds": round(left, 1)}
                view |= {"frame": self.running[-1] if self.running else None}
        if getattr(scene, "rival", False):
            view["rival"] = True
        return view
