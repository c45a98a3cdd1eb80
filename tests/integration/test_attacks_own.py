"""Attacks among the user's own devices, by who was logged in as their user once."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from mobility.errors import PeerUnreachable
from mobility.xmpp import ns
from mobility.xmpp.pep import stanza as pep_xml
from tests.fakes.attacks import Attack, Attacks
from tests.fakes.running import RunningServer
from tests.integration.people import soon
from tests.integration.test_devices import Device, online

attacks: Attacks[[RunningServer]] = Attacks()


@contextlib.asynccontextmanager
async def two(server: RunningServer) -> AsyncIterator[tuple[Device, Device]]:
    """The user's phone, and a device of theirs that is in other hands."""
    account = server.add()
    async with online(server, account, b"1" * 32) as phone:
        async with online(server, account, b"2" * 32) as stolen:
            yield phone, stolen


def large(size: int) -> Element:
    element = Element("{urn:evil}large")
    element.text = "x" * size
    return element


# --- lists that are filled --------------------------------------------------------


async def filled(server: RunningServer, *ids: str, size: int) -> bool:
    """Whether the phone loses its connection, or its list, for what is put there."""
    async with two(server) as (phone, stolen):
        there = await phone.publish("Phone")
        for id in ids:
            await stolen.put(ns.DEVICES, id, large(size))
        await stolen.stream.close()
        broken: list[Any] = []
        phone.stream.xmpp.add_event_handler("rule_broken", broken.append)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mobility.xmpp.feature.SECONDS", 1.0)
            try:
                found = await phone.stream.devices.devices()
            except PeerUnreachable:
                return bool(broken)
        return found != [there]


@attacks.stopped_by({"mobility.xmpp.parser._ITEM": 0})
async def a_list_is_filled_until_each_login_ends_with_it(server: RunningServer) -> bool:
    return await filled(server, "a", "b", "c", "d", size=200_000)


def as_it_comes(iq: Element) -> Any:
    path = "/".join(f"{{{pep_xml._PUBSUB}}}{each}" for each in ("pubsub", "items"))
    items = iq.findall(f"{path}/{{{pep_xml._PUBSUB}}}item")
    return [pep_xml.Item(item.get("id", ""), item[0]) for item in items]


@attacks.stopped_by({"mobility.xmpp.pep.stanza.found": as_it_comes})
async def a_list_is_filled_until_it_seems_empty(server: RunningServer) -> bool:
    """So that devices forget one another, and who was compared."""
    return await filled(server, "a", "b", size=150_000)


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_fails(server: RunningServer, attack: Attack[[RunningServer]]) -> None:
    assert not await soon(attack.succeeds(server))


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    server: RunningServer,
    attack: Attack[[RunningServer]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack.undefended(monkeypatch)
    assert await soon(attack.attempt(server))


async def test_a_list_that_was_filled_is_cleaned_and_stays_in_use(
    server: RunningServer,
) -> None:
    async with two(server) as (phone, stolen):
        there = await phone.publish("Phone")
        for id in "abcd":
            await stolen.put(ns.DEVICES, id, large(200_000))
        assert await phone.stream.devices.devices() == [there]
        left = await stolen.stream.devices._pep.items(ns.DEVICES)
        assert [item.id for item in left] == [there.device.id]


async def test_a_list_that_was_filled_with_names_is_begun_anew(
    server: RunningServer,
) -> None:
    async with two(server) as (phone, stolen):
        await phone.publish("Phone")
        for id in "abcd":
            await stolen.put(ns.DEVICES, id * 130_000, large(1))
        assert await phone.stream.devices.devices() == []
        there = await phone.publish("Phone")
        assert await stolen.stream.devices.devices() == [there]
