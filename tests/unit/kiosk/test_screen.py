"""What is on the screen follows from the scene and the apps that run."""

from __future__ import annotations

import itertools
import typing

import pytest

from kiosk.screen import SCREENS, Screen, ScreenState
from mobility import Comparing, Hosting, Inviting, Leaving, Offline, Scene, Wiping

INVITING = Inviting("xmpp:lobby@kiosk.example?mobility", 60)
SCENES: list[Scene] = [
    INVITING,
    Comparing("47", "Phone"),
    Hosting("Phone"),
    Leaving("Phone", 20),
    Wiping(),
    Offline(),
]
FRAME = "f" * 24


def test_the_table_has_a_row_for_every_pair() -> None:
    scenes = {type(Screen().scene), *typing.get_args(Scene)}
    assert set(SCREENS) == set(itertools.product(scenes, (False, True)))
    assert set(SCREENS.values()) == set(typing.get_args(ScreenState))


def test_content_is_on_the_screen_only_while_somebody_is_here() -> None:
    shown = {scene for (scene, runs), name in SCREENS.items() if name == "running"}
    assert shown == {Hosting, Offline}
    assert all(runs for (_, runs), name in SCREENS.items() if name == "running")


@pytest.mark.parametrize("before", SCENES)
@pytest.mark.parametrize("after", SCENES)
def test_no_order_of_scenes_matters(before: Scene, after: Scene) -> None:
    """So that none is stuck: only the device outlives its scene, and only offline."""
    screen = Screen().show(before, 0).show(after, 5)
    fresh = Screen().show(after, 5)
    assert screen.view(5) == fresh.view(5)


def test_a_view_has_no_more_than_its_screen_shows() -> None:
    screen = Screen().show(Comparing("47", "Phone"), 0)
    assert screen.view(0) == {"screen": "code", "digits": "47", "device": "Phone"}
    assert screen.show(INVITING, 1).view(1) == {"screen": "idle", "seconds": 60}
    assert screen.show(Wiping(), 1).view(1) == {"screen": "wiping"}


def test_the_device_is_known_as_long_as_the_visit_and_not_longer() -> None:
    screen = Screen().show(Hosting("Phone"), 0).started(FRAME).show(Offline(), 1)
    assert screen.view(1) == {
        "screen": "running",
        "device": "Phone",
        "frame": FRAME,
        "offline": True,
    }
    assert "Phone" not in repr(screen.show(Wiping(), 2))
    assert "Phone" not in repr(screen.show(INVITING, 2))


def test_seconds_count_down_between_scene_and_view() -> None:
    screen = Screen().show(Leaving("Phone", 20), 100)
    assert screen.view(105.5)["seconds"] == 14.5
    assert screen.view(200)["seconds"] == 0


def test_a_rival_is_told_of() -> None:
    assert Screen().show(Comparing("47", "P", rival=True), 0).view(0)["rival"] is True
    assert Screen().show(Hosting("P", rival=True), 0).view(0)["rival"] is True
    assert "rival" not in Screen().show(Hosting("P"), 0).view(0)


def test_the_app_that_started_last_is_on_top() -> None:
    first, second = "a" * 24, "b" * 24
    screen = Screen().show(Hosting("P"), 0).started(first).started(second)
    assert screen.view(0)["frame"] == second
    assert screen.stopped(second).view(0)["frame"] == first
    assert screen.started(first).view(0)["frame"] == first
    assert screen.stopped(second).stopped(first).state == "visiting"
