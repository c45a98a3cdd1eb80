"""The HTTP edge: the shell and its events, and the files of the apps."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from kiosk.page import wire
from kiosk.stage.stage import Stage
from kiosk.web.guard import PRIVATE, Guard, same

__all__ = ["Site", "listen"]

STATIC = Path(str(files("kiosk") / "static"))
DEMO = "MOBILITY_KIOSK_DEMO"  # set: programs beside may read the page and its code
STUCK = 20.0  # seconds in which a page that lives takes an event
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}


class Site:
    """Everything that is served, by the host that is asked."""

    def __init__(self, stage: Stage, guard: Guard) -> None:
        self._stage = stage
        self._guard = guard
        self._token = secrets.token_urlsafe(24)  # a run of the daemon

    def application(self) -> web.Application:
        app = web.Application(client_max_size=wire.BODY)
        app.router.add_route("*", "/{path:.*}", self._dispatch)
        app.on_shutdown.append(self._shut)
        app.on_response_prepare.append(_unnamed)
        return app

    async def _shut(self, app: web.Application) -> None:
        """An open stream would hold the shutdown up."""
        self._stage.close()

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        guard, host = self._guard, request.headers.get("Host", "").lower()
        if not guard.admits(request.method, host, request.headers):
            raise web.HTTPForbidden
        if frame := guard.frame(host):
            return await self._app(request, frame)
        if guard.is_shell(host):
            return await self._shell(request)
        if guard.is_alias(host) and request.method == "GET":
            raise web.HTTPTemporaryRedirect(f"{guard.shell}/")
        raise web.HTTPMisdirectedRequest

    # -- the shell

    async def _shell(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if request.method == "POST":
            if path == "/up" and self._knows(request.headers.get("X-Token", "")):
                return await self._up(request)
            raise web.HTTPForbidden
        if path == "/":
            if DEMO in os.environ or self._guard.shows(request.query.get("key", "")):
                return self._index()
            raise web.HTTPForbidden(text=PRIVATE)
        if path == "/events" and request.method == "GET":
            if self._knows(request.query.get("token", "")):
                return await self._events(request)
            raise web.HTTPForbidden
        if path == "/code" and DEMO in os.environ:
            return self._code(request.query.get("token", ""))
        if path.startswith("/files/"):
            return self._file(path.removeprefix("/files/"))
        headers = self._guard.shell_headers()
        return _static(STATIC / "shell", path.removeprefix("/static/"), headers)

    def _knows(self, token: str) -> bool:
        return same(token, self._token)

    def _index(self) -> web.Response:
        page = (STATIC / "shell" / "index.html").read_text(encoding="utf-8")
        return web.Response(
            text=page.replace("$token", self._token),
            content_type="text/html",
            headers=self._guard.shell_headers(),
        )

    def _code(self, token: str) -> web.Response:
        """What the code on the screen says, for a demo's phone without a camera."""
        if not self._knows(token):
            raise web.HTTPForbidden
        if (uri := self._stage.invitation) is None:
            raise web.HTTPNotFound
        return web.Response(text=uri, headers=self._guard.shell_headers())

    def _file(self, token: str) -> web.Response:
        body = self._stage.take(token)
        if body is None:
            raise web.HTTPNotFound
        return web.Response(body=body, headers=self._guard.shell_headers())

    async def _up(self, request: web.Request) -> web.Response:
        try:
            upload = wire.decode(await request.read())
        except wire.InvalidMessage as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        if not await self._stage.heard(upload):
            raise web.HTTPConflict
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        headers = self._guard.shell_headers() | {"Content-Type": "text/event-stream"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        with self._stage.open() as page:
            try:
                async for event in page.events():
                    async with asyncio.timeout(STUCK):
                        await response.write(event)
            except (ConnectionError, TimeoutError):
                pass  # the page was closed, which is how it usually ends
        return response

    # -- the apps

    async def _app(self, request: web.Request, frame: str) -> web.StreamResponse:
        headers = self._guard.app_headers()
        path = request.path
        if "Service-Worker" in request.headers:
            raise web.HTTPForbidden  # one could answer in the place of the wipe below
        if path in ("/mobility-wipe", "/mobility-wipe.js"):
            # asked of a frame that is gone: whatever its origin stored goes as well
            name = "wipe.html" if path == "/mobility-wipe" else "wipe.js"
            return self._filled(name, headers | {"Clear-Site-Data": '"*"'})
        if path == "/mobility.js":
            return self._filled("mobility.js", headers)
        app = self._stage.folder(frame)
        if app is None:
            raise web.HTTPNotFound
        return _static(app.path, path.lstrip("/") or "index.html", headers)

    def _filled(self, name: str, headers: dict[str, str]) -> web.Response:
        """A page's half of the API, which has to know who its shell is."""
        text = (STATIC / "frame" / name).read_text(encoding="utf-8")
        kind = {"Content-Type": TYPES[Path(name).suffix]}
        text = text.replace("$shell", self._guard.shell)
        return web.Response(text=text, headers=headers | kind)


async def _unnamed(request: web.Request, response: web.StreamResponse) -> None:
    """Nobody has to know which library of which version answers."""
    response.headers.popall("Server", None)


def _static(folder: Path, name: str, headers: dict[str, str]) -> web.StreamResponse:
    root = folder.resolve()
    try:
        path = (root / name).resolve()
        found = path.is_relative_to(root) and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        found = False
    if not found:
        raise web.HTTPNotFound
    kind = TYPES.get(path.suffix)
    return web.FileResponse(
        path, headers=headers | ({"Content-Type": kind} if kind else {})
    )


@asynccontextmanager
async def listen(stage: Stage, guard: Guard, sock: socket.socket) -> AsyncIterator[str]:
    """Serve until the block ends; gives the address of the page."""
    site = Site(stage, guard)
    # no access log: an address names a visit
    runner = web.AppRunner(site.application(), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        yield f"{guard.shell}/"
    finally:
        await runner.cleanup()
