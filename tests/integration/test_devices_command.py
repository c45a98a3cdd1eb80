"""`mobility devices`, as a person runs it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client
from mobility.qr import png
from tests.fakes.running import RunningServer
from tests.integration.people import address
from tests.integration.test_commands import mobility
from tests.integration.test_devices_live import Slides, Watching, watching
from tests.integration.test_visits_command import Environment, environment, read, said

__all__ = ["environment"]


def device(
    server: RunningServer, environment: Environment, name: str, **options: Any
) -> Client:
    account = environment["MOBILITY_JID"], environment["MOBILITY_PASSWORD"]
    return Client(*account, device=name, **address(server) | options)


@pytest.fixture
async def phone(
    server: RunningServer, hurry: None, tmp_path: Path, environment: Environment
) -> AsyncIterator[Watching]:
    """Yield the phone whose journal the commands read, while it is running."""
    data = tmp_path / "phone"
    async with watching(device(server, environment, "Phone", data=data)) as phone:
        yield phone


async def test_the_devices_are_listed_with_what_they_can(
    server: RunningServer, environment: Environment, phone: Watching
) -> None:
    async with device(server, environment, "Laptop", apps=[Slides], kind="pc"):
        await phone.named("Laptop", lambda d: d.online)
        printed = await said(environment, "devices")
        for text in ("Phone", "this device", "Laptop", "pc", "online", "slides 3"):
            assert text in printed
        assert "\x1b" not in printed
        found = (await read(environment, "devices"))["devices"]
        assert [each["name"] for each in found] == ["Phone", "Laptop"]
        assert found[0]["this"]
        assert found[0]["online"]
        assert found[1]["apps"] == [
            {"uri": "urn:slides", "schema": 3, "parts": ["notes", "remote control"]}
        ]
        assert [each["filter"] for each in found] == ["server", "server"]
        assert "your server" in printed
        assert len(phone.now) == 2  # who only looks is nobody's device


async def test_they_are_shown_as_they_come_and_go(
    server: RunningServer, environment: Environment, phone: Watching
) -> None:
    async with mobility(environment, "devices", "--watch", "--json") as command:
        stdout = command.process.stdout
        assert stdout is not None

        async def until(names: list[str]) -> None:
            while names != _online(await stdout.readline()):
                pass

        async with asyncio.timeout(10):
            await until(["Phone"])
            async with device(server, environment, "Laptop", apps=[Slides]):
                await until(["Phone", "Laptop"])
            await until(["Phone"])


def _online(line: bytes) -> list[str]:
    return [each["name"] for each in json.loads(line)["devices"] if each["online"]]


async def test_the_code_on_a_device_compares_it(
    server: RunningServer, environment: Environment, tmp_path: Path
) -> None:
    async with device(server, environment, "Laptop", apps=[Slides]) as laptop:
        code = await anext(laptop.device_code())
        (tmp_path / "photo.png").write_bytes(png(str(code)))
        photo = "--image", str(tmp_path / "photo.png")
        compared = await said(environment, "devices", "verify", *photo)
        assert "Laptop is the device in your hands" in compared
    stranger = f"xmpp:romeo@montague.example?mobility-device;v=0;k={code.key}"
    refused = await said(environment, "devices", "verify", stranger, code=1)
    assert "Scan one that a device of your own shows." in refused


async def test_a_device_is_renamed_compared_and_forgotten(
    server: RunningServer, environment: Environment, phone: Watching
) -> None:
    async with device(server, environment, "Laptop", apps=[Slides]) as laptop:
        (own, *_) = await laptop.devices()
        assert "is called Desk now" in await said(
            environment, "devices", "rename", "Laptop", "Desk"
        )
        await phone.named("Desk", lambda d: d.online)
        refused = await said(environment, "devices", "forget", "Desk", code=1)
        assert "Log it out there first" in refused
        compared = await said(environment, "devices", "verify", own.fingerprint)
        assert "Desk is the device in your hands" in compared
        printed = await said(environment, "devices", "verify")
        assert f"compared\n{own.fingerprint}" in printed
    await phone.named("Desk", lambda d: not d.online)
    assert "Desk is forgotten" in await said(environment, "devices", "forget", "Desk")
    unknown = await said(environment, "devices", "forget", "Desk", code=1)
    assert "no device called Desk. You have: Phone." in unknown
