"""The phone as a command, run as a person runs it: a process, a terminal's lines."""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import qrcode

from mobility import Comparing, Inviting, PublicDisplay, Scene, Session, Stanza
from mobility.cli.presenter import load_presenter
from mobility.public.display import PublicDisplay as Display
from tests.fakes.running import RunningServer
from tests.integration.people import variables

DEADLINE = 20.0


@dataclass
class Lobby:
    """A display that presents documents, and what it shows."""

    scenes: asyncio.Queue[Scene] = field(default_factory=asyncio.Queue)
    sessions: asyncio.Queue[Session] = field(default_factory=asyncio.Queue)
    heard: asyncio.Queue[Stanza] = field(default_factory=asyncio.Queue)
    hosted: list[Session] = field(default_factory=list)

    async def scene(self, kind: type[Any]) -> Any:
        async with asyncio.timeout(DEADLINE):
            while not isinstance(scene := await self.scenes.get(), kind):
                pass
        return scene

    async def session(self) -> Session:
        async with asyncio.timeout(DEADLINE):
            return await self.sessions.get()

    async def packet(self) -> Stanza:
        async with asyncio.timeout(DEADLINE):
            return await self.heard.get()


@asynccontextmanager
async def lobby(
    server: RunningServer, tmp_path: Path, **options: Any
) -> AsyncIterator[Lobby]:
    seen = Lobby()

    class Presenter(type(load_presenter(None, 1))):  # type: ignore[misc]
        async def replay(self, stanza: Stanza) -> None:
            await super().replay(stanza)
            seen.heard.put_nowait(stanza)

    async def host(display: Display) -> None:
        async for visit in display.visits():
            async with visit:
                async for session in visit.sessions():
                    seen.hosted.append(session)
                    seen.sessions.put_nowait(session)

    jid, password = server.add()
    async with PublicDisplay(
        jid,
        password,
        name="Lobby screen",
        place="Ground floor",
        apps=[Presenter],
        show=seen.scenes.put_nowait,
        data=tmp_path / "display",
        host=server.host,
        port=server.c2s_port,
        ca_file=server.ca_file,
        **options,
    ) as display:
        hosting = asyncio.create_task(host(display))
        yield seen
        hosting.cancel()
        await asyncio.wait({hosting})


class Command:
    """`mobility …`, with what it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    async def says(self, text: str) -> None:
        """Wait until it has printed this."""
        async with self._in_time():
            while text not in " ".join(self.printed.split()):
                more = await self._prints()
                assert more, f"it ended, and had only said: {self.printed}"

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def ends(self) -> int:
        async with self._in_time():
            while await self._prints():
                pass
            return await self.process.wait()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(DEADLINE):
                yield
        except TimeoutError:
            raise AssertionError(f"it goes on, and has said: {self.printed}") from None

    async def _prints(self) -> bool:
        """Wait for more of what it prints; false if it has ended."""
        assert self.process.stdout is not None
        piece = await self.process.stdout.read(4096)
        self.printed += self._decoder.decode(piece)
        return bool(piece)


@asynccontextmanager
async def mobility(
    environment: dict[str, str], *arguments: str
) -> AsyncIterator[Command]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mobility.cli", *arguments),
        env={**os.environ, "COLUMNS": "100", **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Command(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def account(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    name = {"MOBILITY_DEVICE": "Juliet's phone"}
    return variables(server, server.add(), tmp_path / "phone", **name)


async def test_a_visit_is_approved_controlled_and_taken_back_on_enter(
    server: RunningServer, tmp_path: Path, account: dict[str, str]
) -> None:
    async with lobby(server, tmp_path) as screen:
        uri = (await screen.scene(Inviting)).uri
        async with mobility(account, "visit", uri, "--page", "3") as phone:
            await phone.says("localhost (verified)")
            await phone.says("Lobby screen (what it says of itself)")
            await phone.says("two digits")
            shown = await screen.scene(Comparing)
            assert shown.device == "Juliet's phone"
            phone.type(shown.code)
            await phone.says("On Lobby screen now")
            presenter: Any = (await screen.session()).app
            assert presenter.page == 3
            phone.type("n")
            assert (await screen.packet()).attributes == {"page": "4"}
            phone.type("w mind the gap")
            assert (await screen.packet()).text == "mind the gap"
            assert presenter.text == "mind the gap"
            phone.type("")
            assert await phone.ends() == 0
            assert "Here again, at page 4." in phone.printed
            assert "nothing of yours is left" in phone.printed
        assert screen.hosted[0].runs is False
        assert account["MOBILITY_PASSWORD"] not in phone.printed


async def test_the_question_says_as_what_the_screen_comes_in_and_what_that_gives(
    server: RunningServer, tmp_path: Path, account: dict[str, str]
) -> None:
    async with lobby(server, tmp_path) as screen:
        uri = (await screen.scene(Inviting)).uri
        async with mobility(account, "visit", uri, "--level", "token") as phone:
            await phone.says("as you, by a pass for one login")
            await phone.says("your own devices")
            await phone.says("nobody but")
            phone.type((await screen.scene(Comparing)).code)
            await phone.says("On Lobby screen now")
            connection = (await screen.session()).account
            assert connection is not None
            assert connection.jid.startswith(f"{account['MOBILITY_JID']}/")
            phone.type("")
            assert await phone.ends() == 0
            assert "nothing of yours is left" in phone.printed


async def test_the_code_is_read_from_a_photo(
    server: RunningServer, tmp_path: Path, account: dict[str, str]
) -> None:
    async with lobby(server, tmp_path) as screen:
        uri = (await screen.scene(Inviting)).uri
        photo = tmp_path / "photo.png"
        qrcode.make(uri).save(str(photo))  # type: ignore[arg-type]
        async with mobility(account, "visit", "--image", str(photo)) as phone:
            await phone.says("two digits")
            phone.type("")
            assert await phone.ends() == 1
            assert "You did not let the screen in; nothing has moved." in phone.printed


async def test_three_wrong_codes_end_it_with_a_sentence(
    server: RunningServer, tmp_path: Path, account: dict[str, str]
) -> None:
    async with lobby(server, tmp_path) as screen:
        uri = (await screen.scene(Inviting)).uri
        async with mobility(account, "visit", uri) as phone:
            code = (await screen.scene(Comparing)).code
            for _ in range(3):
                phone.type(f"{(int(code) + 1) % 100:02d}")
            assert await phone.ends() == 1
            assert "three times" in phone.printed
        await screen.scene(Inviting)  # with a fresh code
        assert screen.hosted == []


async def test_a_phone_that_was_killed_takes_its_document_back_with_reclaim(
    server: RunningServer, tmp_path: Path, account: dict[str, str]
) -> None:
    document = tmp_path / "talk.pdf"
    document.write_bytes(load_presenter(None, 1).document)
    saved = tmp_path / "saved"
    saved.mkdir()
    async with lobby(server, tmp_path) as screen:
        uri = (await screen.scene(Inviting)).uri
        async with mobility(account, "visit", uri, "--doc", str(document)) as phone:
            phone.type((await screen.scene(Comparing)).code)
            session = await screen.session()
            phone.process.kill()
        async with mobility(account, "reclaim", "--save", str(saved)) as again:
            assert await again.ends() == 0, again.printed
            assert "is here again, at page 1" in " ".join(again.printed.split())
        async with asyncio.timeout(DEADLINE):
            await session.ended()
    [path] = saved.iterdir()
    assert path.read_bytes() == document.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["visit", "https://example.org"], {}, "This code is a web address"),
        (["visit", "xmpp:a@b.example"], {}, "not the code of a public screen"),
        (["visit", "--image", "/nowhere.png"], {}, "No such file"),
        (["visit", "--doc", "/nowhere.pdf"], {}, "cannot be read"),
        (["visit", "--guest", "--level", "token"], {}, "Without an account there is"),
        (["visit"], {"MOBILITY_JID": ""}, "No account is set up."),
        (["visit"], {"MOBILITY_PORT": "many"}, "The port must be a number"),
        (["visit"], {"MOBILITY_PASSWORD": ""}, "There is no password for"),
        (["qr", "not an address"], {}, "is not an XMPP address"),
        (["demo", "--json"], {}, "--json goes with --headless."),
    ],
)
async def test_what_cannot_be_used_is_refused_in_one_sentence(
    account: dict[str, str],
    arguments: list[str],
    environment: dict[str, str],
    sentence: str,
) -> None:
    async with mobility(account | environment, *arguments) as command:
        command.process.stdin.close()  # type: ignore[union-attr]
        assert await command.ends() == 1
        assert sentence in " ".join(command.printed.split())
        assert "Traceback" not in command.printed


async def test_qr_prints_a_code_and_the_address(account: dict[str, str]) -> None:
    async with mobility(account, "qr", "lobby@kiosk.example/r1") as command:
        assert await command.ends() == 0
        assert "xmpp:lobby@kiosk.example/r1" in command.printed
        assert "█" in command.printed
