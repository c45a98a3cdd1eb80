"""A page for the phone's owner: a small web server on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import re
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from mobility import MobilityError
from mobility.scan import read_photo

__all__ = ["SHARED", "Page", "read_code", "serve_page"]

SHARED = Path(__file__).parent / "phone"  # channel.js, sheets.js and look.css
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self';"
    " style-src 'self'; img-src 'self' data: blob:;"
    " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}
PHOTO = 16 * 1024 * 1024  # bytes of the largest
PULSE = 10.0  # seconds between signs of life


class Remote(Protocol):
    """What a page shows, and what a person does with it."""

    def view(self) -> dict[str, Any]:
        """All that the page has to show, as JSON can say it."""

    async def do(self, action: Any, value: Any = None) -> None:
        """One action of the page; ValueError if it is none, or not now."""

    async def begin(self, read: Callable[[], Awaitable[str]]) -> None:
        """Visit the screen whose code `read` gives."""


class Page:
    """
    Serves one remote to one person's browser.

    Args:
        port: Where it listens.
        folders: With the page's files; the first that has one gives it.
        files: Paths of what the page loads beside, and where the bytes come from.

    """

    def __init__(
        self,
        port: int,
        folders: Sequence[Path],
        files: Mapping[str, Callable[[], bytes]],
    ) -> None:
        self.remote: Remote | None = None
        self._folders = folders
        self._files = files
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._token = secrets.token_urlsafe(24)
        self._watchers: set[asyncio.Event] = set()

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=64 * 1024)
        app.router.add_get("/", self._index)
        app.router.add_get("/events", self._events)
        app.router.add_post("/do", self._do)
        app.router.add_post("/photo", self._photo)
        for path in self._files:
            app.router.add_get(path, self._file)
        app.router.add_get("/{path:.+}", self._static)
        return app

    def changed(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Only this person's browser, at this address: no other page may ask."""
        if request.headers.get("Host", "") not in self._hosts:
            raise web.HTTPMisdirectedRequest
        if request.method == "POST":
            origin = request.headers.get("Origin", "").removeprefix("http://")
            if origin != request.headers["Host"] or not self._knows(request):
                raise web.HTTPForbidden
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _knows(self, request: web.Request) -> bool:
        shown = request.headers.get("X-Token") or request.query.get("token", "")
        given = shown.encode(errors="surrogateescape")  # as aiohttp decodes headers
        return hmac.compare_digest(given, self._token.encode())

    async def _index(self, request: web.Request) -> web.Response:
        page = (self._folders[0] / "index.html").read_text(encoding="utf-8")
        sheets = (SHARED / "sheets.html").read_text(encoding="utf-8")
        page = page.replace("$sheets", sheets).replace("$token", self._token)
        return web.Response(text=page, content_type="text/html")

    async def _file(self, request: web.Request) -> web.Response:
        if self.remote is None or not self._knows(request):
            raise web.HTTPForbidden
        return web.Response(body=self._files[request.path]())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if not self._knows(request):
            raise web.HTTPForbidden
        assert self.remote is not None
        response = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream"}
        )
        await response.prepare(request)
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                view = json.dumps(self.remote.view())
                await response.write(f"data: {view}\n\n".encode())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PULSE):
                        await changed.wait()
        except ConnectionError:
            return response  # the page was closed
        finally:
            self._watchers.discard(changed)

    async def _do(self, request: web.Request) -> web.Response:
        assert self.remote is not None
        try:
            wish = json.loads(await request.read())
            await self.remote.do(wish["action"], wish.get("value"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise web.HTTPBadRequest from None
        return web.Response(status=204)

    async def _photo(self, request: web.Request) -> web.Response:
        """Visit the screen whose code is in the photo."""
        assert self.remote is not None
        body = await request.clone(client_max_size=PHOTO).read()
        try:
            await self.remote.begin(
                lambda: asyncio.to_thread(read_photo, BytesIO(body))
            )
        except ValueError:
            raise web.HTTPBadRequest from None
        return web.Response(status=204)

    async def _static(self, request: web.Request) -> web.StreamResponse:
        wanted = request.match_info["path"]
        for folder in self._folders:
            path = (folder / wanted).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                kind = TYPES.get(path.suffix)
                headers = {"Content-Type": kind} if kind else {}
                return web.FileResponse(path, headers=HEADERS | headers)
        raise web.HTTPNotFound


@asynccontextmanager
async def serve_page(
    folders: Sequence[Path],
    *,
    files: Mapping[str, Callable[[], bytes]],
    listen: int = 0,
) -> AsyncIterator[tuple[Page, str]]:
    """
    Serve a page on the loopback interface, until the block ends.

    Args:
        folders, files: As `Page` has them.
        listen: The port; 0 is any free one.

    Returns:
        The page, whose `remote` is to be set before a browser asks, and its address.

    """
    sock = socket.create_server(("127.0.0.1", listen))
    port = sock.getsockname()[1]
    page = Page(port, folders, files)
    runner = web.AppRunner(page.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        yield page, f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


async def read_code(screen: str) -> str:
    """
    What the code says on the page of a kiosk on this machine.

    Raises:
        MobilityError: If it shows none now.

    """
    try:
        async with aiohttp.ClientSession() as http:
            async with http.get(screen) as answer:
                page = await answer.text()
            found = re.search(r'name="token" content="([\w-]+)"', page)
            token = found[1] if found else ""
            async with http.get(f"{screen}code", params={"token": token}) as answer:
                if answer.status == 200:
                    return await answer.text()
    except aiohttp.ClientError:
        pass
    raise MobilityError("The screen shows no code now. Open its page, and try again.")
