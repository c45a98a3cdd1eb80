"""The phone as a page, for one user on one machine: it listens on loopback only."""

from __future__ import annotations

import asyncio
import hmac
import io
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import zxingcpp
from aiohttp import web
from PIL import Image, UnidentifiedImageError

from mobility import Client

from .presenter import Presenter
from .remote import Remote

__all__ = ["serve"]

HERE = Path(__file__).parent
PHOTO = 8 * 1024 * 1024
PULSE = 10.0
FILES = {
    "/phone.js": HERE / "phone" / "phone.js",
    "/scan.js": HERE / "phone" / "scan.js",
    "/phone.css": HERE / "phone" / "phone.css",
    "/deck.js": HERE / "display" / "deck.js",
}
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' blob: data:; font-src 'self' blob: data:; connect-src 'self'; "
        "worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"
    ),
}


@asynccontextmanager
async def serve(
    presenter: Presenter,
    jid: str,
    password: str,
    *,
    screen: str = "",
    device: str = "Your phone",
    port: int | None = None,
    **options: Any,
) -> AsyncIterator[str]:
    """
    Be a phone with a document; gives the address of its page.

    Args:
        presenter: The document.
        jid, password: The user's account.
        screen: Address of a screen's page, which ours then has a link to.
        device: How screens shall call the phone.
        port: Of the XMPP server; with the other options for `mobility.Client`.
        options: The rest of them.

    """
    async with (
        Client(jid, password, device=device, port=port, **options) as phone,
        asyncio.TaskGroup() as tasks,
    ):
        site = Site(Remote(phone, presenter), presenter, screen, tasks)
        runner = web.AppRunner(site.application(), access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            await web.SockSite(runner, site.listener).start()
            yield f"{site.origin}/"
        finally:
            site.close()
            await runner.cleanup()


class Site:
    """The page, its events and what it asks for."""

    def __init__(
        self,
        remote: Remote,
        presenter: Presenter,
        screen: str,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._remote = remote
        self._presenter = presenter
        self._screen = screen
        self._tasks = tasks
        self._visit: asyncio.Task[None] | None = None
        self._token = secrets.token_urlsafe(24)
        self._closed = False
        self._wakes: set[asyncio.Event] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self._host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.origin = f"http://{self._host}"

    def application(self) -> web.Application:
        app = web.Application(client_max_size=PHOTO, middlewares=[self._guarded])
        app.router.add_get("/", self._index)
        app.router.add_get("/events", self._events)
        app.router.add_get("/document", self._document)
        app.router.add_post("/do", self._do)
        app.router.add_post("/photo", self._photo)
        for path in FILES:
            app.router.add_get(path, self._file)
        app.router.add_get("/vendor/{name:.+}", self._vendored)
        return app

    def close(self) -> None:
        """End the streams and a visit; leaving it takes back what is away."""
        self._closed = True
        for wake in self._wakes:
            wake.set()
        if self._visit is not None:
            self._visit.cancel()

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        """Only our own page may ask, by our own name (no other page, no other host)."""
        origin = request.headers.get("Origin")
        if request.headers.get("Host") != self._host:
            raise web.HTTPMisdirectedRequest
        if origin != self.origin and (origin is not None or request.method == "POST"):
            raise web.HTTPForbidden
        if request.path in ("/events", "/document", "/do", "/photo"):
            token = request.headers.get("X-Token") or request.query.get("token", "")
            if not hmac.compare_digest(token.encode(), self._token.encode()):
                raise web.HTTPForbidden
        response: web.StreamResponse = await handler(request)
        return response

    # -- what is served

    async def _index(self, request: web.Request) -> web.Response:
        text = (HERE / "phone" / "index.html").read_text(encoding="utf-8")
        text = text.replace("$token", self._token).replace("$screen", self._screen)
        return web.Response(text=text, content_type="text/html", headers=HEADERS)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return _static(FILES[request.path])

    async def _vendored(self, request: web.Request) -> web.StreamResponse:
        root = (HERE / "display" / "vendor").resolve()
        path = (root / request.match_info["name"]).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise web.HTTPNotFound
        return _static(path)

    async def _document(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._presenter.document,
            content_type="application/pdf",
            headers=HEADERS,
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers=HEADERS | {"Content-Type": "text/event-stream"}
        )
        await response.prepare(request)
        wake = asyncio.Event()
        self._wakes.add(wake)
        wake.set()
        forget = self._remote.listen(wake.set)
        try:
            while not self._closed:
                await _rung(wake)
                view = json.dumps(self._remote.view())
                await response.write(f"data: {view}\n\n".encode())
        except ConnectionError:
            pass  # the page was closed
        finally:
            forget()
            self._wakes.discard(wake)
        return response

    # -- what the page asks for

    async def _do(self, request: web.Request) -> web.Response:
        try:
            await self._obey(await request.json())
        except (KeyError, TypeError, ValueError):
            raise web.HTTPBadRequest from None
        return web.Response(status=204)

    async def _obey(self, wish: dict[str, Any]) -> None:
        remote = self._remote
        match wish["do"]:
            case "turn":
                await remote.turn(int(wish["page"]))
            case "point" if wish.get("x") is None:
                await remote.stop_pointing()
            case "point":
                await remote.point(float(wish["x"]), float(wish["y"]))
            case "show" if self._visit is None or self._visit.done():
                visit = remote.show(str(wish["code"]))
                self._visit = self._tasks.create_task(visit)
            case "answer":
                digits = wish["digits"]
                remote.answer(None if digits is None else str(digits))
            case "take back":
                remote.take_back()
            case "reclaim":
                remote.reclaim()

    async def _photo(self, request: web.Request) -> web.Response:
        """Read the code in a picture; what it says, or a sentence."""
        body = await request.read()
        answer = await asyncio.to_thread(_code_in, body)
        return web.json_response(answer, headers=HEADERS)


def _static(path: Path) -> web.FileResponse:
    kind = TYPES.get(path.suffix, "application/octet-stream")
    return web.FileResponse(path, headers=HEADERS | {"Content-Type": kind})


async def _rung(wake: asyncio.Event) -> None:
    """Wait for a change; no longer than a pulse, which finds pages that have gone."""
    try:
        async with asyncio.timeout(PULSE):
            await wake.wait()
    except TimeoutError:
        return
    wake.clear()


def _code_in(picture: bytes) -> dict[str, str]:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            found = zxingcpp.read_barcodes(image)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return {"error": "This is not a picture that can be read."}
    codes = {code.text for code in found}
    if len(codes) != 1:
        return {"error": "There is no code in this picture. Go nearer to the screen."}
    return {"code": codes.pop()}
