"""Attacks on what a device hears and shows of the others, without a network."""

from __future__ import annotations

import importlib
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest
from rich.console import Console

from mobility import Device
from mobility.errors import CodeRefused, TransferRefused
from mobility.own.codes import Codes
from mobility.own.directory import ListedSession
from mobility.protocol import device as describing
from mobility.protocol.asking import Ask, Asks
from mobility.protocol.code import prove
from mobility.protocol.heading import Heading
from mobility.protocol.words import Offer
from mobility.xmpp.devices import stanza as devices_xml
from mobility.xmpp.directory import stanza as directory_xml
from mobility.xmpp.resources import stanza as resources_xml
from tests.fakes.attacks import Attack, Attacks

attacks: Attacks[[]] = Attacks()
HERE = "tests.unit.test_attacks_own"
devices_command = importlib.import_module("mobility.cli.devices")  # not the functions
sessions_command = importlib.import_module("mobility.cli.sessions")
HIDDEN = "Phone\x1b[2K\x9b1A\u202eenohP\u2066\n\r\u2028Phone compared"
OTHER = "o" * 22
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def dangerous(text: str) -> bool:
    return any(not c.isprintable() for c in text)


def printed(shown: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(shown)
    return out.getvalue()


def as_it_is(text: str) -> str:
    return text


def device(name: str = "Phone", **about: Any) -> Device:
    return Device(OTHER, name, "pc", "a@b/c", **about)


# --- names that do more than name --------------------------------------------------


@attacks.stopped_by({"mobility.protocol.device.claim": as_it_is})
async def a_device_is_called_what_moves_the_cursor() -> bool:
    named = describing.describe(b"k" * 32, name=HIDDEN, kind="pc", apps={})
    return dangerous(named.name)


@attacks.stopped_by({"mobility.protocol.device.claim": as_it_is})
async def a_label_of_a_device_moves_the_cursor() -> bool:
    text = devices_xml.label(devices_xml.to_label(HIDDEN))
    return dangerous(describing.check_name(text))


@attacks.stopped_by({"mobility.xmpp.resources.stanza.claim": as_it_is})
async def another_program_is_called_what_moves_the_cursor() -> bool:
    query = Element(f"{resources_xml.INFO}query")
    about = {"category": "client", "type": HIDDEN, "name": HIDDEN}
    SubElement(query, f"{resources_xml.INFO}identity", about)
    said = resources_xml.about(query)
    return dangerous(said.name) or dangerous(said.kind)


@attacks.stopped_by({"mobility.xmpp.directory.stanza.claim": as_it_is})
async def a_session_is_called_what_moves_the_cursor() -> bool:
    item = Element(directory_xml.SESSION, app="urn:a", schema="1", epoch="1")
    item.attrib |= {"since": "2026-03-01T12:00:00Z", "title": HIDDEN}
    SubElement(item, directory_xml._OWNER, device=OTHER).text = HIDDEN
    SubElement(item, directory_xml._PLACE).text = HIDDEN
    entry = directory_xml.entry("s", item)
    return any(map(dangerous, (entry.title, entry.owner_name, entry.place)))


@attacks.stopped_by({"mobility.protocol.heading.claim": as_it_is})
async def an_offer_is_called_what_moves_the_cursor() -> bool:
    """Sealed by a device of the user's, so this is all that stands in its way."""
    offer = Offer("s", "urn:a", size=1, sealed=b"")
    return dangerous(Heading.decode(Heading(HIDDEN).encode(offer), offer).title)


@attacks.stopped_by({f"{HERE}.devices_command.escape": as_it_is})
async def a_device_is_called_as_the_table_marks_one() -> bool:
    shown = printed(devices_command._shown([device("[green]Phone[/]\\")]))
    return "[green]Phone[/]\\" not in shown


@attacks.stopped_by({f"{HERE}.sessions_command._lines": lambda each: each.title})
async def a_session_is_called_as_the_table_marks_one() -> bool:
    title = "[link=https://evil.example]Talk[/]\\"
    about = "s", "urn:a", 1, title, 1, OTHER, title, "a@b/c", True, title, False
    return title not in printed(sessions_command.shown([ListedSession(*about, NOW)]))


@attacks.stopped_by({f"{HERE}.devices_command._MOST_SHOWN": 64})
async def a_device_pushes_the_others_off_the_screen() -> bool:
    apps = {f"urn:{n}:{'a' * 400}": 1 for n in range(64)}
    parts = {uri: ("part " * 10,) * 32 for uri in apps}
    shown = printed(devices_command._shown([device(apps=apps, parts=parts)]))
    return len(shown.splitlines()) > 30


# --- asks in the name of another ---------------------------------------------------


def as_it_says(ask: Ask, peer: str) -> tuple[str, str, str]:
    return ask.asker, "", ask.session


@attacks.stopped_by({"mobility.protocol.asking._who": as_it_says})
async def somebody_asks_in_the_name_of_a_device_until_it_cannot() -> bool:
    """That it is not that device is found out only while its ask is looked at."""
    asks, ask = Asks(), Ask("s", OTHER, (OTHER,))
    asks.begin(ask, 0, peer="juliet@capulet.example/mallory")
    try:
        asks.begin(ask, 0, peer="juliet@capulet.example/laptop")
    except TransferRefused:
        return True
    return False


# --- a photo of a code -------------------------------------------------------------


@attacks.stopped_by({"mobility.own.codes._now": lambda: 1000.0})
async def a_code_outlives_the_sleep_of_its_device() -> bool:
    """Photographed before the lid was closed, and used as soon as it is opened."""
    codes = Codes("juliet@capulet.example", b"i" * 32)
    proof = prove(codes.device().token, "", OTHER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "clock_gettime", slept(time.clock_gettime))
        try:
            codes.check(proof, "", OTHER)
        except CodeRefused:
            return False
    return True


def slept(read: Callable[[int], float]) -> Callable[[int], float]:
    """An hour, which one of the clocks has missed."""
    return lambda clock: read(clock) + 3600 * (clock == time.CLOCK_BOOTTIME)


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_an_attack_fails(attack: Attack[[]]) -> None:
    assert not await attack.succeeds()


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    attack: Attack[[]], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack.undefended(monkeypatch)
    assert await attack.succeeds()
