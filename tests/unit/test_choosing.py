"""What a person types names one session and the devices, or a sentence says why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mobility.cli.choosing import chosen, targets
from mobility.device import Device
from mobility.directory import ListedSession
from mobility.errors import (
    InvalidInvitation,
    TransferRefused,
    UnknownDevice,
    UnknownSession,
)

URI = "https://example.org/apps/board"


def session(id: str, title: str, place: str = "Phone") -> ListedSession:
    about = (id, URI, 2, title, 1, "owner", "Phone", "a@b/c", True, place, False)
    return ListedSession(*about, datetime(2026, 3, 1, tzinfo=UTC), 1000)


LISTED = [
    session("aaaa", "Talk in May"),
    session("2222", "Talk"),
    session("cccc", "", place="Laptop"),
    session("talk", "Notes"),
]


@pytest.mark.parametrize(
    ("wanted", "id"),
    [
        ("1", "aaaa"),
        ("3", "cccc"),
        ("2222", "2222"),
        ("cccc", "cccc"),
        ("talk", "talk"),
        ("TALK", "2222"),
        ("talk in", "aaaa"),
        ("no", "talk"),
    ],
)
def test_a_session_is_named_by_id_number_or_title(wanted: str, id: str) -> None:
    assert chosen(LISTED, wanted).id == id


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("t", r"may be any of Talk in May on Phone \(aaaa\), Talk on Phone"),
        ("walk", "There are: Talk in May on Phone, Talk on Phone, https"),
        ("0", "No session is called 0"),
        ("5", "No session is called 5"),
        ("9" * 5000, "No session is called 9"),
        ("", "Name a session. There are: Talk in May"),
    ],
)
def test_what_names_none_or_several_is_said_so(wanted: str, sentence: str) -> None:
    with pytest.raises(UnknownSession, match=sentence):
        chosen(LISTED, wanted)
    with pytest.raises(UnknownSession, match="None of your devices"):
        chosen([], wanted)


def device(name: str, **about: Any) -> Device:
    fields: dict[str, Any] = {"apps": {URI: 2}, "online": True, "size": 5000}
    return Device(name.lower(), name, "pc", f"a@b/{name}", **fields | about)


PHONE, LAPTOP = device("Phone"), device("Laptop")


def test_all_are_those_that_are_there_and_do_not_have_it() -> None:
    devices = [
        PHONE,
        LAPTOP,
        device("Tablet", online=False),
        device("Television", apps={}),
        device("Watch", size=10),
    ]
    able, problems = targets(devices, LISTED[0], ["all"])
    assert able == [LAPTOP]
    assert problems == [
        "Television does not have the app that this needs.",
        "This is too large for Watch: it takes 0 kB.",
    ]


def test_devices_are_named() -> None:
    able, problems = targets([PHONE, LAPTOP], LISTED[2], ["phone", "Phone"])
    assert able == [PHONE]
    assert problems == []
    with pytest.raises(UnknownDevice):
        targets([PHONE], LISTED[0], ["Fridge"])


@pytest.mark.parametrize(
    ("devices", "wanted", "sentence"),
    [
        ([PHONE], "all", "None of your other devices is online."),
        ([PHONE], "Phone", "It runs on Phone already."),
        ([device("Tablet", online=False)], "Tablet", "Tablet is not online."),
        ([device("Tablet", busy=True)], "Tablet", "Tablet is busy. Try again later."),
    ],
)
def test_if_none_can_take_it_the_sentence_says_why(
    devices: list[Device], wanted: str, sentence: str
) -> None:
    with pytest.raises(TransferRefused) as caught:
        targets(devices, LISTED[0], [wanted])
    assert str(caught.value) == sentence


KEY = "_____________________w"
OF_DEVICE = f"xmpp:a@b.example?mobility-device;v=0;k={KEY}"
OF_SESSION = f"xmpp:a@b.example?mobility-session;v=0;s=2222;k={KEY}"


def test_a_session_is_named_by_its_code() -> None:
    listed = [replace(each, owner=KEY) for each in LISTED]
    assert chosen(listed, OF_SESSION).id == "2222"
    with pytest.raises(UnknownSession, match="belongs to another device now"):
        chosen(LISTED, OF_SESSION)
    with pytest.raises(InvalidInvitation, match="not the code of a session"):
        chosen(listed, OF_DEVICE)
    with pytest.raises(InvalidInvitation, match="for a chat program"):
        chosen(listed, "xmpp:a@b.example?message")


def test_the_only_session_need_not_be_named() -> None:
    assert chosen(LISTED[:1], "") == LISTED[0]
    with pytest.raises(UnknownSession, match="None of your devices lists"):
        chosen([], "")


def test_a_device_is_named_by_its_code() -> None:
    device = Device(KEY, "Tablet", "pc", "a@b/c", {URI: 2}, True, size=10_000)
    other = replace(device, id="other", name="Desk")
    able, _ = targets([other, device], LISTED[0], [OF_DEVICE])
    assert able == [device]
    with pytest.raises(UnknownDevice):
        targets([other], LISTED[0], [OF_DEVICE])
    with pytest.raises(InvalidInvitation, match="not the code of a device"):
        targets([device], LISTED[0], [OF_SESSION])
