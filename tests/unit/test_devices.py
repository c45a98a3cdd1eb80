"""What fits on which of the user's devices, and which one a name means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mobility import App, Device, UnknownDevice
from mobility.own.acquaintances import found


class Slides(App):
    uri = "urn:slides"
    schema = 2
    migrates = (1,)


LAPTOP = Device(
    "bGFwdG9wbGFwdG9wbGFwdA",
    "Laptop",
    "pc",
    "juliet@capulet.example/a",
    {"urn:slides": 2},
    parts={"urn:slides": ("notes",)},
    size=1000,
)
PHONE = replace(LAPTOP, id="cGhvbmVwaG9uZXBob25lcA", name="Phone", this=True)
CHAT = Device("", "Pidgin", "pc", "juliet@capulet.example/b", online=True)

PROBLEMS: list[tuple[Device, dict[str, Any], str]] = [
    (LAPTOP, {}, ""),
    (LAPTOP, {"size": 1000, "part": "notes"}, ""),
    (replace(LAPTOP, apps={"urn:slides": 1}), {}, ""),
    (replace(LAPTOP, apps={}), {}, "Laptop does not have the app that this needs."),
    (replace(LAPTOP, apps={"urn:slides": 3}), {}, "has version 3 of this app's state"),
    (LAPTOP, {"part": "film"}, "Laptop cannot show this part of the app."),
    (LAPTOP, {"size": 1001}, "This is too large for Laptop: it takes 1 kB."),
    (replace(LAPTOP, busy=True), {}, "Laptop is busy. Try again later."),
    (PHONE, {}, "This is the device that you are using."),
    (CHAT, {}, "Pidgin is another program, which cannot take sessions."),
]


@pytest.mark.parametrize(
    ("device", "about", "sentence"), PROBLEMS, ids=range(len(PROBLEMS))
)
def test_a_device_says_why_it_cannot_take_a_session(
    device: Device, about: dict[str, Any], sentence: str
) -> None:
    problem = device.problem(Slides, **about)
    assert sentence in problem
    assert bool(problem) is bool(sentence)


def test_a_device_is_found_by_its_id_its_name_and_nearly_its_name() -> None:
    laptop = replace(LAPTOP, id="b3RoZXJvdGhlcm90aGVybw", name="laptop")
    devices = [PHONE, LAPTOP, CHAT]
    assert found(devices, LAPTOP.id) is LAPTOP
    assert found(devices, "Laptop") is LAPTOP
    assert found(devices, "lapTop") is LAPTOP
    assert found([*devices, laptop], "laptop") is laptop


@pytest.mark.parametrize("wanted", ["", "Pidgin", "Tablet"])
def test_a_name_that_no_device_has_is_answered_with_those_that_there_are(
    wanted: str,
) -> None:
    with pytest.raises(UnknownDevice, match="You have: Phone, Laptop"):
        found([PHONE, LAPTOP, CHAT], wanted)


def test_a_name_that_two_devices_have_is_answered_with_their_ids() -> None:
    other = replace(LAPTOP, id="b3RoZXJvdGhlcm90aGVybw")
    with pytest.raises(UnknownDevice, match=f"2 of your.*{LAPTOP.id}, {other.id}"):
        found([LAPTOP, other], "Laptop")


def test_a_fingerprint_can_be_read_aloud() -> None:
    assert LAPTOP.fingerprint == "6c61 7074 6f70 6c61 7074 6f70 6c61 7074"
    assert not CHAT.fingerprint
