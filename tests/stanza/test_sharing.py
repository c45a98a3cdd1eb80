"""The examples of docs/protocol/sharing.md open as that page says."""

from __future__ import annotations

import json
import re

import pytest

from mobility.errors import RemoteProtocolError
from mobility.protocol.order import Point, Said
from mobility.protocol.session import Stanza
from mobility.protocol.sharecode import ShareKind
from mobility.protocol.shareseal import Channel, RoomSeal, packet_of, stanza_of
from mobility.protocol.sharing import (
    Hello,
    News,
    Parting,
    Person,
    Room,
    Sync,
    Synced,
    Welcome,
)
from mobility.xmpp.sharing import stanza as sharing_xml
from tests.stanza.examples import PAGES, by_action, stanzas

SECRET = bytes(range(32))
ROMEO = RoomSeal(1, b"r" * 32)
PEOPLE = (
    Person(0, "Juliet's phone", "juliet@capulet.example"),
    Person(1, "Romeo's phone", "romeo@montague.example", key=ROMEO.public),
)
ROOM = Room("6d6f62696c697479@conference.capulet.example", b"k" * 32, 1)
TURN = Stanza("{https://mobility.example/apps/presenter}turn", {"page": "12"})


def said_by(host: bool) -> Channel:
    return Channel(SECRET, hosts=not host)


def test_the_words_of_the_examples_are_those_that_the_page_describes() -> None:
    found = by_action("sharing.md", sharing_xml.ELEMENT)
    words = {}
    for kind, element in found.items():
        addressed = sharing_xml.from_xml(element)
        host = kind in {"welcome", "synced", "news", "end"}
        channel = said_by(host)
        assert addressed.share == channel.id
        words[kind] = channel.open(addressed.heard)
    assert words["hello"] == Hello(ROMEO.public)
    assert words["welcome"] == Welcome(
        *(1, ShareKind.DIRECT, "https://mobility.example/apps/presenter", 1),
        *("Quarterly figures", PEOPLE),
    )
    assert words["sync"] == Sync(1, -1, 0)
    assert words["synced"] == Synced(1, 0, 0, Point(), "Q2ZkYmVhYjEy")
    assert isinstance(words["news"], News)
    assert words["end"].why is Parting.ENDED  # type: ignore[union-attr]
    assert set(words) == set(sharing_xml._WORDS)


def packets() -> list[tuple[str, str]]:
    return [
        (stanza.get("type", ""), element.get("action", ""))
        for stanza in stanzas("sharing.md")
        for element in stanza.findall(sharing_xml.PACKET)
    ]


def test_there_is_an_example_of_each_kind_of_packet() -> None:
    assert packets() == [
        *(("headline", ""), ("headline", "")),
        *(("groupchat", "say"), ("groupchat", "sync"), ("groupchat", "reset")),
    ]


def test_the_packets_of_the_examples_are_read_and_open() -> None:
    elements = [
        element
        for stanza in stanzas("sharing.md")
        for element in stanza.findall(sharing_xml.PACKET)
    ]
    said = sharing_xml.packet(elements[0])
    own = said_by(host=False).open_say(1, said.number, said.sealed)
    told = sharing_xml.packet(elements[1])
    same = said_by(host=True).open_told(told.number, told.generation, told.sealed)
    assert own == same == Said(1, 1, packet_of(TURN))
    in_room = sharing_xml.in_room(elements[2])
    about = (ROOM, PEOPLE[1], in_room.kind, in_room.number, in_room.signed)
    assert stanza_of(RoomSeal.open(*about)).attributes == {"page": "12"}
    for element in elements[:2]:
        again = sharing_xml.packet_to_xml(sharing_xml.packet(element))
        assert dict(again.items()) == dict(element.items())
        assert again.text == element.text
    for element in elements[2:]:
        again = sharing_xml.room_to_xml(sharing_xml.in_room(element))
        assert dict(again.items()) == dict(element.items())
        assert again.text == element.text


def test_the_json_of_the_page_is_what_the_words_carry() -> None:
    page = (PAGES / "sharing.md").read_text("utf-8")
    (welcome,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    element = by_action("sharing.md", sharing_xml.ELEMENT)["welcome"]
    heard = sharing_xml.from_xml(element).heard
    channel = said_by(host=True)
    plain = channel._envelope.open("word welcome", heard.sealed, number=heard.number)
    assert json.loads(plain) == json.loads(welcome)


@pytest.mark.parametrize(
    ("name", "value"),
    [("action", "shout"), ("number", "x"), ("number", "-1"), ("number", None)],
)
def test_a_word_that_is_none_is_refused(name: str, value: str | None) -> None:
    element = sharing_xml.to_xml(
        sharing_xml.Addressed("id", said_by(host=True).seal(Hello(b"")))
    )
    element.attrib.pop(name)
    if value is not None:
        element.set(name, value)
    with pytest.raises(RemoteProtocolError):
        sharing_xml.from_xml(element)


@pytest.mark.parametrize(
    ("name", "value"), [("action", "shout"), ("epoch", "x"), ("number", "1e3")]
)
def test_what_is_said_in_a_room_is_understood_or_refused(name: str, value: str) -> None:
    element = sharing_xml.room_to_xml(sharing_xml.InRoom("say", 1, 1, b"x"))
    element.set(name, value)
    with pytest.raises(RemoteProtocolError):
        sharing_xml.in_room(element)
