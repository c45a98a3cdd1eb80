"""The screen: its port, the pages of its apps, and the browser before it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

from kiosk.chromium.browser import HEADLESS, memory_folder
from kiosk.chromium.profiles import new_profile
from kiosk.doctor.finding import Finding, failed, ok, warning
from kiosk.settings.plan import Address, BrowserPlan
from kiosk.settings.settings import AppSettings, Settings
from kiosk.web.guard import PRIVATE
from kiosk.web.sockets import bind, guard
from mobility import MobilityError, SettingsError
from mobility.chromium import find_chromium, open_chromium

__all__ = ["look_at_apps", "look_at_browser", "look_at_figures", "look_at_page"]

CODE = {".html", ".js", ".mjs", ".css"}
# What a page asks for by a name of its own folder.
REFERENCE = re.compile(
    r"""(?:\b(?:src|href)\s*=\s*|\bfrom\s*|\bimport\s*\(?\s*)["']([^"':?#]+)["']"""
)
NOT_HTTP = (OSError, ValueError, http.client.HTTPException)
OURS = "/mobility.js"  # which the kiosk serves itself


def look_at_page(display: Settings) -> Finding:
    """Whether the port is free, or has a kiosk on it."""
    try:
        sock = bind(display.listen, "The page")
    except OSError as error:
        if _answers(display.listen, "/", b'name="token"', PRIVATE.encode()):
            return ok("page", f"a kiosk is served at {_url(display.listen)}.")
        return failed("page", str(error), "")
    with sock:
        return ok("page", f"{guard(sock).shell}/ is free.")


def look_at_figures(address: Address) -> Finding:
    """The same of the port of `[metrics]`."""
    try:
        with bind(address, "The page of figures"):
            return ok("figures", f"{_url(address)}metrics is free.")
    except OSError as error:
        if _answers(address, "/metrics", b"mobility_kiosk_up"):
            return ok("figures", f"a kiosk gives them at {_url(address)}metrics.")
        return failed("figures", str(error), "")


def _url(address: Address) -> str:
    host, port = address
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _answers(address: Address, path: str, *marks: bytes) -> bool:
    connection = http.client.HTTPConnection(*address, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(*NOT_HTTP):
        connection.request("GET", path)
        answer = connection.getresponse().read(65_536)
        return any(mark in answer for mark in marks)
    return False


def look_at_apps(display: Settings) -> Iterator[Finding]:
    for app in display.apps:
        missing = sorted(set(_missing(app)))
        if missing:
            yield failed(
                "app",
                f"{app.uri} asks for {', '.join(missing[:3])}, not in {app.path}.",
                "Put it there; what an app is built with comes from its own build.",
            )
        else:
            yield ok("app", f"{app.uri} has the files that it names.")


def _missing(app: AppSettings) -> Iterator[str]:
    for path in app.path.rglob("*"):
        if path.suffix not in CODE or "vendor" in path.relative_to(app.path).parts:
            continue
        base = "/" + path.relative_to(app.path).as_posix()
        for name in REFERENCE.findall(path.read_text("utf-8", "replace")):
            found = urljoin(base, name)
            bare = path.suffix != ".html" and name[0] not in "./"  # of an import map
            if not bare and found != OURS and not (app.path / found[1:]).exists():
                yield name


async def look_at_browser(display: Settings) -> list[Finding]:
    """Whether it starts, which says nothing of the seat that it is to open on."""
    plan = display.browser
    if plan is None:
        return []
    program = shutil.which(plan.program) if plan.program else find_chromium()
    if program is None:
        text = f"there is no {plan.program or 'Chromium'} here."
        return [failed("browser", text, "Install it: apt install chromium.")]
    with tempfile.TemporaryDirectory() as on_disk:
        return await _try(program, plan, Path(on_disk) / "profiles")


async def _try(program: str, plan: BrowserPlan, on_disk: Path) -> list[Finding]:
    try:
        folder = memory_folder(str(on_disk), on_disk)  # not that of the display itself
    except SettingsError as error:
        return [failed("memory", str(error), "")]
    return [_memory(folder, on_disk), await _start(program, folder), _seat(plan)]


def _memory(folder: Path, on_disk: Path) -> Finding:
    if folder == on_disk:
        text = "there is no memory file system for the browser's profiles."
        return warning("memory", text, "Mount a tmpfs, or set XDG_RUNTIME_DIR.")
    return ok("memory", f"profiles are held in {folder.parent}.")


async def _start(program: str, folder: Path) -> Finding:
    try:
        async with open_chromium(program, HEADLESS, profile=new_profile(folder)):
            return ok("browser", f"{program} starts.")
    except MobilityError as error:
        return failed("browser", str(error), "")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _seat(plan: BrowserPlan) -> Finding:
    where = {**os.environ, **plan.env}
    if "WAYLAND_DISPLAY" in where or "DISPLAY" in where or _is_headless(plan):
        return ok("seat", "the browser is told where to open.")
    return warning(
        "seat",
        "neither DISPLAY nor WAYLAND_DISPLAY is set here.",
        "Run it in the screen's session, or set env of [browser].",
    )


def _is_headless(plan: BrowserPlan) -> bool:
    return any(flag.startswith("--headless") for flag in plan.flags)
