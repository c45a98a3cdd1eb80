"""`mobility present`, `continue` and `send`, as a person runs them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mobility import Asked, Client, SessionAway
from mobility.cli.presenter import load_presenter
from mobility.transfer import Incoming, timing
from tests.fakes.running import RunningServer
from tests.integration.people import read_all, soon, variables
from tests.integration.test_asking import take
from tests.integration.test_commands import Command, mobility

Environment = dict[str, str]
Home = Callable[[str], Environment]
Presenter: Any = type(load_presenter(None, 1))
GOES_ON = "goes on at Laptop."
KEPT = "is kept here, at page"


@pytest.fixture(params=["server", "ejabberd"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return household(request.getfixturevalue(request.param), tmp_path)


@pytest.fixture
def prosody(server: RunningServer, tmp_path: Path) -> Home:
    return household(server, tmp_path)


def household(server: Any, tmp_path: Path) -> Home:
    """The environment of each device of one person, by its name."""
    account = server.add()

    def environment(name: str) -> Environment:
        more = {"MOBILITY_DEVICE": name, "NO_COLOR": "1"}
        return variables(server, account, tmp_path / name, **more)

    return environment


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.pdf"
    path.write_bytes(load_presenter(None, 1).document)
    return path


@contextlib.asynccontextmanager
async def presenting(
    environment: Environment, *arguments: object
) -> AsyncIterator[Command]:
    async with mobility(environment, "present", *map(str, arguments)) as command:
        await command.says("end it for good")
        yield command


@contextlib.asynccontextmanager
async def client(environment: Environment, **options: Any) -> AsyncIterator[Client]:
    """A device that is no command, which has the presenter."""
    async with Client(
        environment["MOBILITY_JID"],
        environment["MOBILITY_PASSWORD"],
        device=environment["MOBILITY_DEVICE"],
        data=Path(environment["MOBILITY_DATA"]),
        host=environment["MOBILITY_HOST"],
        port=int(environment["MOBILITY_PORT"]),
        ca_file=Path(environment["MOBILITY_CA_FILE"]),
        apps=[Presenter],
        **options,
    ) as device:
        await device.devices()
        yield device


async def ends(command: Command, code: int = 0) -> str:
    assert await command.ends() == code, command.printed
    assert "Traceback" not in command.printed
    return " ".join(command.printed.split())


async def test_a_talk_goes_on_at_the_device_that_asks_and_is_saved_there(
    home: Home, talk: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    async with presenting(home("Phone"), talk, "--page", 3) as phone:
        phone.type("n")
        await phone.says("Page 4.")
        async with mobility(
            home("Laptop"), "continue", "talk", "--save", str(folder)
        ) as laptop:
            await phone.says("Laptop wants to go on with talk.pdf. Give it?")
            phone.type("y")
            await laptop.says("talk.pdf runs here now, at page 4.")
            assert GOES_ON in await ends(phone)
            await laptop.says("end it for good")
            laptop.type("n")
            await laptop.says("Page 5.")
            laptop.type("")
            assert f"{KEPT} 5" in await ends(laptop)
    assert read_all(folder) == load_presenter(talk, 1).document


async def test_what_was_kept_is_presented_again_until_it_is_ended(
    prosody: Home, talk: Path
) -> None:
    phone = prosody("Phone")
    async with presenting(phone, talk) as command:
        command.type("7")
        command.type("")
        assert f"{KEPT} 7" in await ends(command)
    async with presenting(phone) as command:
        command.type("x")
        printed = await ends(command)
        assert "talk.pdf goes on here, at page 7." in printed
        assert "nothing of it is kept here" in printed


@pytest.mark.parametrize("how", ["SIGTERM", "end"])
async def test_whoever_goes_away_keeps_it(prosody: Home, talk: Path, how: str) -> None:
    phone = prosody("Phone")
    async with presenting(phone, talk, "--page", 5) as command:
        if how == "end":
            command.process.stdin.close()  # type: ignore[union-attr]
        else:
            command.process.send_signal(getattr(signal, how))
        assert f"{KEPT} 5" in await ends(command)


async def test_what_was_killed_goes_on_and_can_be_asked_for(
    prosody: Home, talk: Path
) -> None:
    async with presenting(prosody("Phone"), talk, "--page", 5) as command:
        command.process.kill()
        await command.process.wait()
    async with presenting(prosody("Phone"), "--give", "always") as phone:
        await phone.says("talk.pdf goes on here, at page 5.")
        async with mobility(prosody("Laptop"), "continue", "1") as laptop:
            await laptop.says("runs here now, at page 5.")
            assert GOES_ON in await ends(phone)
            laptop.process.kill()
        async with presenting(prosody("Laptop")) as laptop:
            await laptop.says("talk.pdf goes on here, at page 5.")
            laptop.type("")
            assert KEPT in await ends(laptop)


async def test_who_says_no_goes_on(prosody: Home, talk: Path) -> None:
    async with presenting(prosody("Phone"), talk) as phone:
        async with mobility(prosody("Laptop"), "continue", "talk.pdf") as laptop:
            await phone.says("Give it?")
            phone.type("perhaps")
            await phone.says("Type y for yes, or n for no.")
            phone.type("n")
            assert "Phone: You said no there" in await ends(laptop, 1)
        phone.type("2")
        await phone.says("Page 2.")
        phone.type("")
        assert f"{KEPT} 2" in await ends(phone)


async def test_who_goes_away_while_asked_has_said_no(prosody: Home, talk: Path) -> None:
    async with presenting(prosody("Phone"), talk) as phone:
        async with mobility(prosody("Laptop"), "continue", "talk") as laptop:
            await phone.says("Give it?")
            phone.process.send_signal(signal.SIGINT)
            assert KEPT in await ends(phone)
            assert "Phone: " in await ends(laptop, 1)


async def test_who_stops_asking_leaves_it_where_it_is(
    prosody: Home, talk: Path
) -> None:
    async with presenting(prosody("Phone"), talk) as phone:
        async with mobility(prosody("Laptop"), "continue", "talk") as laptop:
            await phone.says("Give it?")
            laptop.process.send_signal(signal.SIGINT)
            assert "Stopped. It stays where it was" in await ends(laptop, 1)
        phone.type("n")
        phone.type("")
        assert KEPT in await ends(phone)


async def test_a_session_is_sent_to_all_and_the_first_that_takes_it_has_it(
    home: Home, talk: Path
) -> None:
    async with (
        presenting(home("Phone"), talk, "--give", "always") as phone,
        client(home("Laptop")) as laptop,
    ):
        taking = asyncio.create_task(take(laptop))
        async with mobility(home("Tool"), "send", "talk", "--to", "all") as send:
            printed = await ends(send)
            assert "Asking Phone to give talk.pdf away" in printed
            assert "It is offered to Laptop." in printed
            assert "talk.pdf goes on at Laptop." in printed
        session: Any = await soon(taking)
        assert session.app.page == 1
        assert GOES_ON in await ends(phone)


async def test_the_person_hears_what_came_of_their_yes(
    prosody: Home, talk: Path
) -> None:
    async with (
        presenting(prosody("Phone"), talk) as phone,
        client(prosody("Laptop")) as laptop,
        mobility(prosody("Tool"), "send", "talk", "--to", "laptop") as send,
    ):
        await phone.says("One of your programs wants talk.pdf to go on at Laptop.")
        phone.type("y")
        async with contextlib.aclosing(laptop.offers()) as offers:
            async with asyncio.timeout(10):
                await (await anext(offers)).refuse("Not now.")
        await phone.says("Not now. talk.pdf is here.")
        send.process.send_signal(signal.SIGINT)
        assert "A device that was offered it" in await ends(send, 130)
        phone.type("")
        assert KEPT in await ends(phone)


async def test_what_cannot_be_sent_is_refused_in_one_sentence(
    prosody: Home, talk: Path
) -> None:
    async with client(prosody("Tablet")):
        pass
    async with client(prosody("Phone")) as phone:
        await phone.list_session(load_presenter(talk, 1))
        for arguments, sentence in (
            (("send", "talk", "--to", "Tablet"), "Tablet is not online."),
            (("send", "walk", "--to", "all"), "There are: talk.pdf on Phone."),
            (("continue", "1", "--save", "/nowhere"), "There is no folder /nowhere."),
        ):
            async with mobility(prosody("Tool"), *arguments) as command:
                assert sentence in await ends(command, 1)


async def test_a_code_is_scanned_and_the_person_says_yes_where_they_scan(
    prosody: Home, talk: Path
) -> None:
    async with client(prosody("Phone"), on_ask=refused) as phone:
        session = await phone.list_session(load_presenter(talk, 2))
        code = str(phone.codes.session(session.id))
        async with mobility(prosody("Laptop"), "continue", code) as laptop:
            await laptop.says("Go on here with talk.pdf from Phone?")
            laptop.type("y")
            await laptop.says("talk.pdf runs here now, at page 2.")
            laptop.type("")
            assert KEPT in await ends(laptop)


async def refused(asked: Asked) -> bool:
    return False


async def test_two_that_continue_at_the_same_moment(prosody: Home, talk: Path) -> None:
    async with (
        presenting(prosody("Phone"), talk, "--give", "always") as phone,
        mobility(prosody("Laptop"), "continue", "talk") as laptop,
        mobility(prosody("Tablet"), "continue", "talk") as tablet,
    ):
        printed = await ends(phone)
        winner, loser = laptop, tablet
        if "goes on at Tablet" in printed:
            winner, loser = tablet, laptop
        await winner.says("runs here now")
        winner.type("")  # a no, if the other one came so late that it asked here
        winner.type("")
        assert KEPT in await ends(winner)
        assert "Traceback" not in await ends(loser, 1)


async def test_a_device_that_presents_takes_nothing_else_and_says_so(
    prosody: Home, talk: Path
) -> None:
    async with (
        presenting(prosody("Laptop")) as laptop,
        presenting(prosody("Phone"), talk, "--give", "always") as phone,
    ):
        async with mobility(prosody("Tool"), "send", "talk", "--to", "Laptop") as send:
            assert "Laptop is busy. Try again later." in await ends(send, 1)
        for each in (laptop, phone):
            each.type("")
            assert KEPT in await ends(each)


async def test_a_second_program_of_the_same_device_is_told(
    prosody: Home, talk: Path
) -> None:
    async with presenting(prosody("Phone"), talk) as phone:
        async with mobility(prosody("Phone"), "present") as second:
            assert "Another program that runs has the data" in await ends(second, 1)
        phone.type("")
        await ends(phone)


async def given_into_silence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The phone gives a talk to the laptop, which takes it and never says so."""

    async def silent(self: Incoming) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(timing, "PATIENCE", 0.2)
    monkeypatch.setattr(Incoming, "confirm", silent)
    async with client(home("Laptop")) as laptop, client(home("Phone")) as phone:
        to = [await phone.device("Laptop")]
        sending = asyncio.create_task(phone.send(load_presenter(None, 2), to=to))
        await take(laptop)
        with pytest.raises(SessionAway):
            await sending


async def test_what_was_given_goes_on_though_its_giver_has_not_let_go_yet(
    prosody: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given_into_silence(prosody, monkeypatch)
    async with presenting(prosody("Laptop")) as again:
        await again.says("goes on here, at page 2")
        again.type("")
        assert KEPT in await ends(again)


async def test_what_went_to_a_device_that_is_not_heard_of_can_be_taken_back(
    prosody: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given_into_silence(prosody, monkeypatch)
    for answer, then in (("n", "is open here"), ("y", "goes on here, at page 2")):
        async with mobility(prosody("Phone"), "present") as again:
            await again.says("Laptop has not said that it has sample.pdf.")
            again.type(answer)
            await again.says(then)
            again.type("")
            await ends(again)
