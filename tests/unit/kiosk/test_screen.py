"""What is on the screen follows from one table."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from kiosk.stage.screen import SCREENS, Screen, Starting
from mobility import (
    Comparing,
    Hosting,
    Inviting,
    Leaving,
    Offline,
    Scene,
    Wiping,
)

DEVICE, DIGITS, URI, FRAME = "Ana's phone", "47", "xmpp:secret", "f" * 24
SCENES: tuple[Scene, ...] = (
    Inviting(URI, 60),
    Comparing(DIGITS, DEVICE),
    Hosting(DEVICE),
    Leaving(DEVICE, 20),
    Wiping(),
    Offline(),
)
CONTENT = {"running", "countdown"}
NAMING = {"code", "visiting", "running", "countdown"}


def test_every_pair_has_a_row() -> None:
    scenes = {Starting, *get_args(Scene)}
    assert {type(scene) for scene in SCENES} == set(get_args(Scene))
    assert set(SCREENS) == set(itertools.product(scenes, (False, True)))


def reachable(depth: int) -> set[Screen]:
    """Every screen that so many scenes, starts and stops in any order lead to."""
    screens = {Screen()}
    for _ in range(depth):
        screens |= {screen.show(scene, 1.0) for screen in screens for scene in SCENES}
        screens |= {screen.started(FRAME) for screen in screens}
        screens |= {screen.stopped(FRAME) for screen in screens}
    return screens


@pytest.fixture(scope="module", name="screens")
def all_screens() -> set[Screen]:
    return reachable(5)


def test_content_is_on_the_screen_only_while_somebody_is_here(
    screens: set[Screen],
) -> None:
    for screen in screens:
        view = screen.view(1.0)
        if "frame" in view:
            assert view["screen"] in CONTENT
            assert view["frame"] in (FRAME, None)
        if view["screen"] == "running":
            assert screen.running


def test_the_device_is_named_in_its_own_states_only(screens: set[Screen]) -> None:
    for screen in screens:
        view = screen.view(1.0)
        if "device" in view:
            assert view["screen"] in NAMING
        if view["screen"] not in NAMING:
            assert DEVICE not in str(view)


def test_digits_are_shown_while_they_are_compared_and_never_else(
    screens: set[Screen],
) -> None:
    for screen in screens:
        shown = screen.view(1.0).get("digits")
        assert shown == (DIGITS if screen.state == "code" else None)


def test_no_view_holds_the_code(screens: set[Screen]) -> None:
    assert not any(URI in str(screen.view(1.0)) for screen in screens)


def test_a_device_is_forgotten_with_its_visit(screens: set[Screen]) -> None:
    for screen in screens:
        assert screen.show(Inviting(URI, 60), 2.0).device == ""
        assert screen.show(Wiping(), 2.0).show(Offline(), 3.0).device == ""


@pytest.mark.parametrize(
    ("now", "left"), [(10.0, 20.0), (25.5, 4.5), (30.0, 0.0), (99.0, 0.0)]
)
def test_a_countdown_counts_from_when_it_was_said(now: float, left: float) -> None:
    view = Screen().show(Leaving(DEVICE, 20.0), 10.0).view(now)
    assert view == {
        "screen": "countdown",
        "device": DEVICE,
        "seconds": left,
        "frame": None,
    }


def test_the_app_that_started_last_is_on_top() -> None:
    screen = Screen().show(Hosting(DEVICE), 0).started("a").started("b")
    assert screen.view(0)["frame"] == "b"
    assert screen.started("a").view(0)["frame"] == "a"
    assert screen.stopped("b").view(0)["frame"] == "a"


def test_a_visit_that_runs_goes_on_while_the_server_is_away() -> None:
    screen = Screen().show(Hosting(DEVICE), 0).started(FRAME).show(Offline(), 1)
    assert screen.view(1) == {
        "screen": "running",
        "device": DEVICE,
        "frame": FRAME,
        "offline": True,
    }


@pytest.mark.parametrize("scene", [Comparing(DIGITS, DEVICE, True), Hosting("", True)])
def test_a_rival_is_shown(scene: Scene) -> None:
    assert Screen().show(scene, 0).view(0)["rival"] is True
