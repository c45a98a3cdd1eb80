"""A real browser as the display, for a demo without a person: it shows, and is read."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import zxingcpp
from PIL import Image

from mobility.errors import MobilityError

__all__ = ["Browser", "find_chromium", "open_browser"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,800",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
_UNTIL = """new Promise((done) => {
    const look = () => document.body.dataset.screen === "SCREEN" && done(true);
    new MutationObserver(look).observe(document.body, {attributes: true});
    look();
})"""
DEADLINE = 20.0  # seconds for anything that the page is waited for


def find_chromium() -> str | None:
    """Path of a Chromium, if this machine has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page, over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask, and skip what else it says until the answer comes."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(DEADLINE):
            while True:
                answer = await self._socket.receive_json()
                if answer.get("id") == number and "error" in answer:
                    raise MobilityError(f"{method}: {answer['error']['message']}")
                if answer.get("id") == number:
                    result: dict[str, Any] = answer.get("result", {})
                    return result

    async def evaluate(self, script: str) -> Any:
        """The value of a script; of a promise, what it comes to."""
        options = {"awaitPromise": True, "returnByValue": True}
        result = await self.call("Runtime.evaluate", expression=script, **options)
        return result.get("result", {}).get("value")

    async def screenshot(self) -> bytes:
        """PNG of what a person sees."""
        result = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(result["data"])

    async def scan(self) -> str:
        """Read the QR code from a picture of the screen, as a camera would."""
        await self.until("idle")
        async with asyncio.timeout(DEADLINE):
            while True:
                picture = Image.open(io.BytesIO(await self.screenshot()))
                if found := zxingcpp.read_barcodes(picture):
                    return found[0].text

    async def until(self, screen: str) -> None:
        """Wait until the page says that it shows this screen."""
        async with asyncio.timeout(DEADLINE):
            # The page loads itself again when the daemon was replaced: ask once more.
            while not await self._saw(screen):  # noqa: ASYNC110  in another process
                await asyncio.sleep(0.01)

    async def _saw(self, screen: str) -> bool:
        try:
            return await self.evaluate(_UNTIL.replace("SCREEN", screen)) is True
        except MobilityError:
            return False

    async def digits(self) -> str:
        await self.until("code")
        text = await self.evaluate("document.getElementById('digits').textContent")
        return str(text).strip()


@asynccontextmanager
async def open_browser(address: str) -> AsyncIterator[Browser]:
    """
    Show a page in a headless Chromium with an empty profile, until the block ends.

    Raises:
        MobilityError: If there is none, or it does not start.

    """
    program = find_chromium()
    if program is None:
        raise MobilityError(
            "There is no Chromium here. Install it: apt install chromium"
        )
    profile = tempfile.mkdtemp()
    try:
        # A container's root has no user namespace for the sandbox; the page is ours.
        flags = (*FLAGS, "--no-sandbox") if os.geteuid() == 0 else FLAGS
        process = await asyncio.create_subprocess_exec(
            program,
            *flags,
            f"--user-data-dir={profile}",
            address,
            env={**os.environ, "TMPDIR": profile},  # it leaves things behind there
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with _connected(Path(profile), address) as browser:
                yield browser
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
    finally:
        await _remove(Path(profile))


async def _remove(profile: Path) -> None:
    """Helpers of the browser outlive it for a moment, and still write."""
    for _ in range(50):
        try:
            shutil.rmtree(profile)
            return
        except OSError:
            pass
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _connected(profile: Path, address: str) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as http:
        async with asyncio.timeout(DEADLINE):
            url = await _target(http, profile, address)
        async with http.ws_connect(url, max_msg_size=64 * 2**20) as socket:
            yield Browser(socket)


async def _target(http: aiohttp.ClientSession, profile: Path, address: str) -> str:
    """The debugging address of our page, once the browser has written its port."""
    while True:
        with contextlib.suppress(
            OSError, aiohttp.ClientError, StopIteration, IndexError
        ):
            port = (profile / "DevToolsActivePort").read_text().splitlines()[0]
            async with http.get(f"http://127.0.0.1:{port}/json") as answer:
                pages = await answer.json()
            page = next(p for p in pages if p.get("url", "").startswith(address))
            return str(page["webSocketDebuggerUrl"])
        await asyncio.sleep(0.05)  # the browser has no other way to say that it is up
