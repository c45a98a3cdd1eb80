"""`mobility share` and `mobility join`, as two people run them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.running import RunningServer
from tests.integration.people import variables
from tests.integration.test_commands import Command, mobility

Environment = dict[str, str]


def environment(server: RunningServer, folder: Path, name: str) -> Environment:
    more = {"MOBILITY_DEVICE": name, "NO_COLOR": "1"}
    return variables(server, server.add(), folder / name, **more)


@pytest.fixture
def juliet(server: RunningServer, tmp_path: Path) -> Environment:
    return environment(server, tmp_path, "Juliet's phone")


@pytest.fixture
def romeo(server: RunningServer, tmp_path: Path) -> Environment:
    return environment(server, tmp_path, "Romeo's phone")


async def code(host: Command) -> str:
    await host.says(";h=")
    (found,) = re.findall(r"^xmpp:\S+;h=\w+", host.printed, re.MULTILINE)
    return str(found)


async def come_in(host: Command, guest: Command) -> None:
    """The digits are told, and typed."""
    await guest.says("Type the two digits")
    await host.says("tell them these digits")
    digits = re.findall(r"digits: (\d\d)", " ".join(host.printed.split()))
    guest.type(digits[-1])


@pytest.mark.parametrize("how", [[], ["--room"]], ids=["direct", "room"])
async def test_two_people_turn_the_pages_of_one_document(
    juliet: Environment, romeo: Environment, tmp_path: Path, how: list[str]
) -> None:
    async with mobility(juliet, "share", "--page", "3", *how) as host:
        save = ["--save", str(tmp_path)]
        async with mobility(romeo, "join", await code(host), *save) as guest:
            await guest.says(f"{juliet['MOBILITY_JID']} (verified)")
            await come_in(host, guest)
            await guest.says("Page 3.")
            await guest.says("next page")
            await host.says(f"Romeo's phone ({romeo['MOBILITY_JID']}) takes part now.")
            guest.type("n")
            await host.says("Page 4.")
            host.type("w mind the gap")
            await guest.says("On the screen: mind the gap")
            host.type("7")
            await guest.says("Page 7.")
            guest.type("k")
            assert await guest.ends() == 0
            assert "sample.pdf" in guest.printed or "document.pdf" in guest.printed
            assert "mobility present goes on with it" in " ".join(guest.printed.split())
        await host.says("does not take part any more")
        host.type("")
        assert await host.ends() == 0
    assert (tmp_path / "document.pdf").read_bytes().startswith(b"%PDF-")
    for each in (juliet, romeo):
        assert each["MOBILITY_PASSWORD"] not in host.printed + guest.printed


async def test_a_copy_is_saved_and_nobody_stays(
    juliet: Environment, romeo: Environment, tmp_path: Path
) -> None:
    async with mobility(juliet, "share", "--copy") as host:
        save = ["--save", str(tmp_path)]
        async with mobility(romeo, "join", await code(host), *save) as guest:
            await come_in(host, guest)
            assert await guest.ends() == 0
            assert "Your copy is" in guest.printed
        host.type("")
        host.type("")
        assert await host.ends() == 0
    assert (tmp_path / "document.pdf").exists()


async def test_the_host_puts_somebody_out_and_they_are_told(
    juliet: Environment, romeo: Environment
) -> None:
    async with mobility(juliet, "share") as host:
        async with mobility(romeo, "join", await code(host)) as guest:
            await come_in(host, guest)
            await guest.says("Page 1.")
            await host.says("takes part now")
            host.type("o")
            await host.says("Whom?")
            host.type("1")
            await guest.says("Juliet's phone has put you out.")
            await guest.says("Keep a copy")
            guest.type("n")
            assert await guest.ends() == 0
        host.type("")
        assert await host.ends() == 0


async def test_whoever_declines_reads_that_nothing_moved(
    juliet: Environment, romeo: Environment
) -> None:
    async with mobility(juliet, "share") as host:
        async with mobility(romeo, "join", await code(host)) as guest:
            await guest.says("Type the two digits")
            guest.type("")
            assert await guest.ends() == 1
            assert "You did not take part; nothing has moved." in guest.printed


async def test_another_code_is_refused_with_a_sentence(romeo: Environment) -> None:
    async with mobility(romeo, "join", "https://example.org") as guest:
        assert await guest.ends() == 1
        assert "web address" in guest.printed
