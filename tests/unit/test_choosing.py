"""What a person types names one session and the devices, or a sentence says why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mobility.cli import choosing
from mobility.cli.choosing import (
    chosen,
    device_names,
    once_online,
    scanned,
    session_code,
    targets,
)
from mobility.errors import (
    InvalidInvitation,
    TransferRefused,
    UnknownDevice,
    UnknownSession,
)
from mobility.own.device import Device
from mobility.own.directory import ListedSession

URI = "https://example.org/apps/board"


def session(id: str, title: str, place: str = "Phone") -> ListedSession:
    about = (id, URI, 2, title, 1, "phone", "Phone", "a@b/c", True, place, False)
    return ListedSession(
        *about, datetime(2026, 3, 1, tzinfo=UTC), 1000, device=place.lower()
    )


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
        ("", "No session is called"),
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
    able, problems = targets([PHONE, LAPTOP], LISTED[0], ["laptop", "Laptop"])
    assert able == [LAPTOP]
    assert problems == []
    with pytest.raises(UnknownDevice):
        targets([PHONE], LISTED[0], ["Fridge"])


def test_a_device_that_is_called_like_the_one_that_has_it_is_another() -> None:
    twin = replace(LAPTOP, name="Phone")
    assert targets([PHONE, twin], LISTED[0], ["all"]) == ([twin], [])


def test_what_is_lent_is_taken_back_by_its_owner_and_not_sent_there() -> None:
    tablet = device("Tablet")
    assert targets([PHONE, LAPTOP, tablet], LISTED[2], ["all"]) == ([tablet], [])
    with pytest.raises(TransferRefused, match="Phone has lent it to Laptop"):
        targets([PHONE], LISTED[2], ["Phone"])


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


KEY = "XisKEvyRi1uBi3FsPWWWug"
SESSION = f"xmpp:juliet@capulet.example?mobility-session;v=0;s=cccc;k={KEY}"
DEVICE = f"xmpp:juliet@capulet.example?mobility-device;v=0;k={KEY}"
JULIET = "juliet@capulet.example"


def test_a_code_names_a_session_or_a_device() -> None:
    code = session_code(SESSION, JULIET)
    assert code is not None
    assert code.session == "cccc"
    assert session_code("talk", JULIET) is None
    assert device_names(["Laptop", DEVICE], JULIET) == ["Laptop", KEY]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            SESSION.replace("juliet", "romeo"),
            "Scan one that a device of your own shows",
        ),
        (DEVICE, "This is not the code of a session."),
        ("xmpp:lobby@kiosk.example", "This is not the code of a session."),
    ],
)
def test_another_code_is_no_session(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInvitation, match=sentence):
        session_code(text, JULIET)


def test_another_code_is_no_device() -> None:
    with pytest.raises(InvalidInvitation, match="not the code of a device"):
        device_names([SESSION], JULIET)
    with pytest.raises(InvalidInvitation, match="Scan one that a device"):
        device_names([DEVICE.replace("juliet", "romeo")], JULIET)


def test_a_code_is_of_who_decides_about_the_session_now() -> None:
    code = session_code(SESSION, JULIET)
    assert code is not None
    with pytest.raises(UnknownSession, match="has ended, or has gone elsewhere"):
        scanned(LISTED, code)
    moved = [replace(each, owner=KEY) for each in LISTED]
    assert scanned(moved, code).id == "cccc"


async def lists(
    *each: list[ListedSession],
) -> AsyncGenerator[list[ListedSession], None]:
    for now in each:
        yield now
    await asyncio.Event().wait()


async def test_an_owner_that_is_seen_a_moment_later_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = LISTED[0]
    away = replace(here, online=False)
    assert await once_online(here, lists()) is here
    assert await once_online(away, lists([away], [], [here])) is here
    monkeypatch.setattr(choosing, "SEEN", 0.01)
    assert await once_online(away, lists([away])) is away
