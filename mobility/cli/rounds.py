"""Whole rounds without a person: scan, compare, approve, move, retrieve, leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from slixmpp import JID

from mobility.app import App
from mobility.chromium import find_chromium
from mobility.cli.browser import open_browser
from mobility.cli.presenter import load_presenter, presenter_module
from mobility.client import Client
from mobility.errors import MobilityError
from mobility.protocol.delegation import Level
from mobility.protocol.invitation import Invitation
from mobility.public.display import PublicDisplay
from mobility.public.scene import Comparing, Inviting, Scene
from mobility.server import Ports, Server
from mobility.visit.introduction import Introduction

__all__ = [
    "Place",
    "Screen",
    "Shown",
    "go_round",
    "kiosk",
    "measure",
    "open_place",
    "open_screen",
]

NAME = "Demo screen"


class Screen(Protocol):
    """What a person does with a display: look at it."""

    async def scan(self) -> str: ...

    async def digits(self) -> str: ...

    async def until(self, screen: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """
    A private server with an account for a display and one for a phone.

    Args:
        server: Runs already.
        folder: For what the display and the phone write.
        port: Of the loopback interface, where both find the server.
        display, phone: Address and password.

    """

    server: Server
    folder: Path
    port: int
    display: tuple[str, str]
    phone: tuple[str, str]

    @property
    def address(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "ca_file": self.server.ca_file,
        }


@asynccontextmanager
async def open_place(folder: Path) -> AsyncIterator[Place]:
    """Start a server on free ports of the loopback interface, with two accounts."""
    async with Server(folder / "server", ports=Ports(0, 0, 0)) as server:
        accounts = []
        for name in ("display", "phone"):
            password = secrets.token_urlsafe(24)
            accounts.append((server.accounts.add(name, password), password))
        yield Place(server, folder, server.c2s_port, *accounts)


@dataclass(frozen=True, slots=True)
class Shown:
    """
    What a screen can show.

    Args:
        app: The SDK's side of it, where there is no browser.
        name: What visitors read.
        page: The folder of its page.

    """

    app: type[App]
    name: str
    page: Path

    @classmethod
    def presenter(cls) -> Shown:
        app = type(load_presenter(None, 1))
        return cls(app, "Presenter", Path(presenter_module().__path__[0]) / "display")


def _settings(place: Place, shown: Shown, name: str) -> str:
    """The kiosk's TOML file, on a free port."""
    return f"""\
data = "kiosk"

[account]
jid = "{place.display[0]}"
name = "{name}"
operator = "You"
place = "This machine"

[server]
host = "127.0.0.1"
port = {place.port}
ca_file = "{place.server.ca_file}"

[limits]
scans = 600

[page]
listen = "127.0.0.1:0"

[[apps]]
uri = "{shown.app.uri}"
name = "{shown.name}"
path = "{shown.page}"
"""


@asynccontextmanager
async def kiosk(
    place: Place, shown: Shown | None = None, *, name: str = NAME
) -> AsyncIterator[str]:
    """
    Run the kiosk daemon as a process of its own; gives the address of its page.

    Args:
        place: With the display's account, and the folder for all that it writes.
        shown: The presenter, unless it is something else.
        name: What it calls itself.

    """
    _, password = place.display
    folder = place.folder
    settings = _settings(place, shown or Shown.presenter(), name)
    (folder / "kiosk.toml").write_text(settings)
    with (folder / "kiosk.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kiosk", str(folder / "kiosk.toml")),
            env={
                **os.environ,
                "MOBILITY_KIOSK_PASSWORD": password,
                "MOBILITY_KIOSK_DEMO": "1",  # the demo's phone has no camera
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        words = [word for word in line.split() if word.startswith("http")]
        if not words:
            why = (folder / "kiosk.log").read_text().strip()
            raise MobilityError(f"The kiosk did not start: {why}")
        yield words[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


class Pageless:
    """A display without a page: where there is no browser, the SDK shows itself."""

    def __init__(self) -> None:
        self._scenes: asyncio.Queue[Scene] = asyncio.Queue()

    @classmethod
    @asynccontextmanager
    async def open(cls, place: Place, shown: Shown, name: str) -> AsyncIterator[Self]:
        screen = cls()
        async with PublicDisplay(
            *place.display,
            name=name,
            operator="You",
            place="This machine",
            apps=[shown.app],
            show=screen._scenes.put_nowait,
            data=place.folder / "display",
            scans=600,
            **place.address,
        ) as display:
            hosting = asyncio.create_task(screen._host(display))
            yield screen
            hosting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hosting

    async def _host(self, display: PublicDisplay) -> None:
        async for visit in display.visits():
            async with visit:
                async for session in visit.sessions():
                    await session.ended()

    async def _scene(self, kind: type[Scene]) -> Scene:
        async with asyncio.timeout(20):
            while not isinstance(scene := await self._scenes.get(), kind):
                pass
        return scene

    async def scan(self) -> str:
        scene = await self._scene(Inviting)
        assert isinstance(scene, Inviting)
        return scene.uri

    async def digits(self) -> str:
        scene = await self._scene(Comparing)
        assert isinstance(scene, Comparing)
        return scene.code

    async def until(self, screen: str) -> None:
        """There is no page that could be late."""


@asynccontextmanager
async def open_screen(
    place: Place, shown: Shown | None = None, *, name: str = NAME
) -> AsyncIterator[tuple[Screen, str]]:
    """
    A kiosk with a browser, or where there is none the SDK's own display.

    Args:
        place, shown, name: As for `kiosk`.

    Returns:
        The screen, and what shows its page: ``chromium`` or ``none``.

    """
    shown = shown or Shown.presenter()
    async with AsyncExitStack() as stack:
        if find_chromium() is None:
            pageless = Pageless.open(place, shown, name)
            yield await stack.enter_async_context(pageless), "none"
            return
        address = await stack.enter_async_context(kiosk(place, shown, name=name))
        browser = await stack.enter_async_context(open_browser(address))
        yield browser, "chromium"


async def measure(
    folder: Path,
    rounds: int,
    *,
    report: Callable[[int], None] = lambda number: None,
) -> dict[str, Any]:
    """
    Go round so many times.

    Returns:
        Lists of figures, in milliseconds, under the names that the benchmarks use.

    Raises:
        MobilityError: If anything did not hold.

    """
    figures: dict[str, Any] = {}
    async with (
        open_place(folder) as place,
        open_screen(place) as (screen, page),
        Client(*place.phone, data=folder / "phone", **place.address) as phone,
    ):
        for number in range(rounds):
            for key, value in (await go_round(phone, screen)).items():
                figures.setdefault(key, []).append(value)
            report(number + 1)
        figures["page"] = page
    return figures


async def go_round(
    phone: Client, screen: Screen, *, level: Level = Level.GUEST, typing: float = 0.0
) -> dict[str, float]:
    """
    Scan, compare, approve, move, retrieve, leave.

    Args:
        phone, screen: Of the visitor, and the one that is visited.
        level: What the screen is let in as.
        typing: Seconds that the visitor needs for the digits.

    Returns:
        Figures in milliseconds; live is when the page on the screen says that it runs.

    Raises:
        MobilityError: If anything did not hold.

    """
    presenter = load_presenter(None, page=3)
    invitation = Invitation.parse(await screen.scan())
    clock = _Stopwatch()

    async def approve(introduction: Introduction) -> str:
        clock.lap("scan_to_prompt_ms")
        digits = await screen.digits()
        await asyncio.sleep(typing)
        clock.start()
        return digits

    clock.start()
    async with phone.visit(invitation, approve=approve, level=level) as display:
        started = time.perf_counter()
        moved = await phone.transfer(presenter, to=display)
        clock.figures["transfer_ms"] = (time.perf_counter() - started) * 1000
        await screen.until("running")
        clock.lap("approve_to_live_ms")
        clock.figures["round_trips"] = moved.round_trips
        await presenter.turn(4)
        clock.figures["iq_ping_ms"] = await _ping(phone, invitation.jid)
        clock.start()
        await moved.retrieve()
        clock.lap("retrieve_ms")
        _hold(presenter.page == 4, "the page that was turned to did not come back")
        clock.start()
        await display.leave()
        clock.lap("receipt_ms")
    _hold(display.clean is True, "the display did not confirm that it is clean")
    return clock.figures


async def _ping(phone: Client, jid: str) -> float:
    """One raw IQ to the display's own account and back (XEP-0199)."""
    plugin: Any = phone.stream.xmpp.plugin["xep_0199"]
    started = time.perf_counter()
    await plugin.send_ping(JID(jid))
    return (time.perf_counter() - started) * 1000


def _hold(condition: bool, sentence: str) -> None:
    if not condition:
        raise MobilityError(f"The round failed: {sentence}.")


class _Stopwatch:
    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._started = 0.0

    def start(self) -> None:
        self._started = time.perf_counter()

    def lap(self, name: str) -> None:
        self.figures[name] = (time.perf_counter() - self._started) * 1000
