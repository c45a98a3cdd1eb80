"""What the kiosk's page shows, keeps apart and wipes: Chromium and the real server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Frame, expect

from examples.presenter.presenter import FILE, URI
from kiosk.daemon import open_stage
from kiosk.settings import AppSettings
from mobility import (
    Comparing,
    Hosting,
    InvalidState,
    Inviting,
    Leaving,
    Offline,
    Scene,
    Stanza,
    State,
    Wiping,
)
from tests.e2e.screen import DEADLINE, Screen, free_port, open_screen, settings, until

ROOT = Path(__file__).parents[2]
PRESENTER = AppSettings(URI, ROOT / "examples" / "presenter" / "display")
CODE = (
    "xmpp:lobby@kiosk.example/kR3xQ-7f?mobility;v=0;"
    "t=q83vEjRWeJCrze8SNFZ4kA;k=3q2-796tvu_erb7v3q2-7w"
)
CANARY = "canary-5d0c1b"
DEVICE = "<b>Juliet's</b> phone"


def document() -> bytes:
    """The sample; what stands behind the end of a PDF is read by nobody."""
    sample = (ROOT / "examples" / "presenter" / "sample.pdf").read_bytes()
    return sample + b"\n% " + CANARY.encode()


@pytest.fixture
async def screen(tmp_path: Path) -> AsyncIterator[Screen]:
    async with open_screen(tmp_path / "profile", PRESENTER) as screen:
        yield screen


async def present(screen: Screen, page: int = 3) -> Any:
    screen.stage.show(Hosting(DEVICE))
    app = screen.app()
    async with asyncio.timeout(DEADLINE):
        await app.restore(State({"page": page}, {FILE: document()}, "Talk"))
    await app.start()
    return app


# -- what is on the screen

HEADINGS: list[tuple[Scene, str, str]] = [
    (Inviting(CODE, 60), "idle", "Bring it to this screen"),
    (Comparing("47", DEVICE), "code", "Type these two digits on your phone"),
    (Hosting(DEVICE), "visiting", "Welcome"),
    (Leaving(DEVICE, 20), "countdown", "Still here?"),
    (Wiping(), "wiping", "Clearing this screen"),
    (Offline(), "lost", "This screen cannot reach its server"),
]


async def test_every_scene_has_its_heading_and_only_that(screen: Screen) -> None:
    for scene, state, heading in HEADINGS:
        screen.stage.show(scene)
        await screen.shows(state)
        visible = screen.page.locator("h1, h2").filter(visible=True)
        texts = [" ".join(text.split()) for text in await visible.all_inner_texts()]
        assert texts[-1] == heading
        assert len(texts) == 1 + (state == "countdown")  # over what it is laid on


async def test_a_device_is_named_by_text_and_not_by_markup(screen: Screen) -> None:
    screen.stage.show(Comparing("47", DEVICE, rival=True))
    page = screen.page
    await expect(page.get_by_text(f"{DEVICE} has scanned the code")).to_be_visible()
    await expect(page.get_by_role("img", name="4 7")).to_have_text("47")
    await expect(page.get_by_text("Someone else scanned this code")).to_be_visible()
    screen.stage.show(Inviting(CODE, 60))
    await screen.shows("idle")
    assert "Juliet" not in await page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(800, 480), (1080, 1920)])
async def test_a_camera_reads_the_code_from_a_picture_of_the_screen(
    tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    viewport = dict(zip(("width", "height"), size, strict=True))
    async with open_screen(
        tmp_path / "profile", PRESENTER, viewport=viewport, color_scheme=scheme
    ) as screen:
        screen.stage.show(Inviting(CODE, 60))
        assert await screen.decode() == CODE


async def test_a_code_that_was_not_renewed_in_time_is_taken_away(
    screen: Screen,
) -> None:
    screen.stage.show(Inviting(CODE, 0.05))
    await expect(screen.page.get_by_text("A new code is on its way")).to_be_visible()
    screen.stage.show(Inviting(CODE, 60))
    await expect(screen.page.get_by_text("A new code is on its way")).to_be_hidden()
    assert await screen.decode() == CODE


async def test_a_touch_during_the_countdown_reaches_the_visit(screen: Screen) -> None:
    touched = asyncio.Event()
    app = await present(screen)
    frame = await screen.slide(app, 3)
    with screen.stage.visitor(touched.set):
        await frame.locator("#slide").click(force=True)  # inside the app's own page
        async with asyncio.timeout(DEADLINE):
            await touched.wait()
        touched.clear()
        screen.stage.show(Leaving(DEVICE, 20))
        await screen.shows("countdown")
        await screen.page.locator("#countdown").click()
        async with asyncio.timeout(DEADLINE):
            await touched.wait()


# -- a session


async def test_a_document_opens_at_its_page_and_packets_flow_both_ways(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: asyncio.Queue[Stanza] = asyncio.Queue()
    app = await present(screen, page=3)
    monkeypatch.setattr(app, "send", sent.put)
    await screen.shows("running")
    await screen.slide(app, 3)
    await app.replay(Stanza(f"{{{URI}}}turn", {"page": "4"}))
    frame = await screen.slide(app, 4)
    await app.replay(Stanza(f"{{{URI}}}point", {"x": "0.25", "y": "0.75"}))
    await expect(frame.locator("#dot")).to_be_visible()
    await frame.press("body", "ArrowRight")
    async with asyncio.timeout(DEADLINE):
        assert await sent.get() == Stanza(f"{{{URI}}}turn", {"page": "5"})
    await screen.slide(app, 5)
    state = await app.snapshot()
    assert state.data["page"] == 5
    assert state.data["pointer"] == {"x": 0.25, "y": 0.75}
    assert state.files[FILE] == document()


async def test_a_damaged_document_is_refused_with_a_sentence(screen: Screen) -> None:
    screen.stage.show(Hosting(DEVICE))
    app = screen.app()
    with pytest.raises(InvalidState, match="damaged or locked"):
        await app.restore(State({"page": 1}, {FILE: b"%PDF-1.7 and no more"}))
    await screen.shows("visiting")


async def test_a_reload_in_the_middle_goes_on_at_the_page_where_it_was(
    screen: Screen,
) -> None:
    app = await present(screen)
    await app.replay(Stanza(f"{{{URI}}}turn", {"page": "4"}))
    await screen.slide(app, 4)
    before = app.frame
    await screen.page.reload()
    await screen.shows("running")
    await screen.slide(app, 4)
    assert app.frame != before


async def test_when_the_daemon_is_gone_the_page_keeps_nothing_and_comes_back(
    tmp_path: Path,
) -> None:
    chosen = settings((PRESENTER,), ("127.0.0.1", free_port()))
    async with open_screen(tmp_path / "profile", PRESENTER) as screen:
        async with AsyncExitStack() as daemon:
            screen.stage, address = await daemon.enter_async_context(open_stage(chosen))
            await screen.page.goto(address)
            await screen.shows("starting")
            app = await present(screen)
            await screen.slide(app, 3)
        await screen.shows("away")
        await until(lambda: no_frame_of(screen, app.frame))
        assert "Juliet" not in await screen.page.content()
        async with open_stage(chosen) as (stage, _):
            stage.show(Inviting(CODE, 60))
            await screen.shows("idle")
            await until(lambda: forgotten(screen, app.frame))


# -- nothing is left


async def no_frame_of(screen: Screen, frame: str) -> bool:
    return not [f for f in screen.page.frames if f"//{frame}." in f.url]


async def forgotten(screen: Screen, frame: str) -> bool:
    """Whether the page no longer has an origin among those that it must clear."""
    script = f"!localStorage.frames.includes('{frame}')"
    return bool(await screen.page.evaluate(script))


PLACES = """
const places = {
  local: {
    put: (canary) => localStorage.setItem("canary", canary),
    get: () => localStorage.getItem("canary"),
  },
  cookie: {
    put: (canary) => {
      document.cookie = `canary=${canary}; Secure; SameSite=None`;
    },
    get: () => document.cookie,
  },
  cache: {
    put: async (canary) =>
      (await caches.open("c")).put("/canary", new Response(canary)),
    get: async () => (await caches.match("/canary"))?.text(),
  },
  database: {
    put: (canary) => opened("readwrite", (store) => store.put(canary, "canary")),
    get: () => opened("readonly", (store) => store.get("canary")),
  },
};
function opened(mode, act) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("canary");
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => request.result.createObjectStore("s");
    request.onsuccess = () => {
      const answer = act(request.result.transaction("s", mode).objectStore("s"));
      answer.onsuccess = () => { request.result.close(); resolve(answer.result); };
      answer.onerror = () => reject(answer.error);
    };
  });
}
"""
PUT = f"""async (canary) => {{ {PLACES}
  for (const place of Object.values(places)) await place.put(canary);
}}"""
GET = f"""async () => {{ {PLACES}
  const found = [];
  for (const [name, place] of Object.entries(places)) {{
    const value = await place.get();
    if (String(value).includes("canary-")) found.push(name);
  }}
  return found.sort();
}}"""


async def look_again(screen: Screen, origin: str) -> list[str]:
    """What the browser still has for an origin, as a frame of the page sees it."""
    script = """(src) => new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.id = "again"; frame.onload = resolve; frame.src = src;
      document.body.append(frame);
    })"""
    await screen.page.evaluate(script, f"{origin}/mobility.js")
    element = await screen.page.query_selector("#again")
    frame = await element.content_frame() if element else None
    assert frame is not None
    found: list[str] = await frame.evaluate(GET)
    await screen.page.evaluate("document.getElementById('again').remove()")
    return found


async def test_a_wipe_leaves_nothing_in_the_browser_and_the_next_origin_is_new(
    screen: Screen,
) -> None:
    app = await present(screen)
    frame = await screen.slide(app, 3)
    used, origin = app.frame, await frame.evaluate("origin")
    await frame.evaluate(PUT, CANARY)
    everywhere = await frame.evaluate(GET)
    assert everywhere == ["cache", "cookie", "database", "local"]
    assert await look_again(screen, origin) == everywhere  # so the look finds things

    screen.stage.show(Wiping())
    async with asyncio.timeout(DEADLINE):
        await app.close()

    await until(lambda: no_frame_of(screen, used))
    assert await look_again(screen, origin) == []
    assert await forgotten(screen, used)
    assert CANARY not in await screen.page.content()
    again = await present(screen)
    assert again.frame != used
    assert await (await screen.slide(again, 3)).evaluate(GET) == []


async def test_an_origin_that_a_crash_left_is_cleared_at_the_next_start(
    screen: Screen,
) -> None:
    app = await present(screen)
    frame = await screen.slide(app, 3)
    used, origin = app.frame, await frame.evaluate("origin")
    await frame.evaluate(PUT, CANARY)
    await screen.page.goto("about:blank")  # no goodbye: as if the power went
    await screen.page.goto(screen.address)
    await until(lambda: forgotten(screen, used))
    assert await look_again(screen, origin) == []


# -- who may do what


async def test_an_app_reaches_neither_the_shell_nor_the_world(screen: Screen) -> None:
    frame = await screen.slide(await present(screen), 3)
    for script in (
        f"fetch('{screen.address}')",
        f"fetch('{screen.address}up', {{method: 'POST', mode: 'no-cors'}})",
        "fetch('https://evil.example/', {mode: 'no-cors'})",
        "Promise.resolve().then(() => parent.document.title)",
        "Promise.resolve().then(() => { top.location = 'https://evil.example/' })",
        "new Promise((_, no) => window.open('https://evil.example/') || no(Error()))",
    ):
        assert await frame.evaluate(f"{script}.then(() => 'done', () => 'denied')") == (
            "denied"
        ), script
    # one that goes elsewhere would take its address along
    await frame.evaluate("void (location.href = 'https://evil.example/?canary')")
    await until(lambda: blocked(frame))


async def blocked(frame: Frame) -> bool:
    assert "evil.example" not in frame.url
    return frame.url.startswith("chrome-error:")


REQUESTS = [
    # method, path, headers, status
    ("GET", "/", {"Host": "evil.example"}, 421),
    ("GET", "/", {"Origin": "https://evil.example"}, 403),
    ("GET", "/events", {}, 403),
    ("GET", "/events?token=x", {}, 403),
    ("POST", "/up", {}, 403),
    ("POST", "/up", {"Origin": "SHELL"}, 403),
    ("POST", "/up", {"Origin": "SHELL", "X-Token": "x"}, 403),
    ("POST", "/up", {"Origin": "https://evil.example", "X-Token": "TOKEN"}, 403),
    ("POST", "/up", {"Origin": "SHELL", "X-Token": "TOKEN"}, 400),
    ("PUT", "/up", {"Origin": "SHELL", "X-Token": "TOKEN"}, 403),
    ("HEAD", "/files/x", {}, 405),
    ("GET", "/files/x", {}, 404),
    ("GET", "/static/../../settings.py", {}, 404),
    ("GET", "/static/%2e%2e/%2e%2e/settings.py", {}, 404),
    ("GET", "/static//etc/passwd", {}, 404),
    ("GET", "/", {"Host": f"{'0' * 24}.localhost"}, 404),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), REQUESTS)
async def test_a_stranger_is_turned_away(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with (
        open_stage(settings((PRESENTER,), ("127.0.0.1", 0))) as (_, address),
        aiohttp.ClientSession() as http,
    ):
        async with http.get(address) as answer:
            (token,) = re.findall(r'name="token" content="(.+?)"', await answer.text())
        port = address.rstrip("/").rpartition(":")[2]
        filled = {"SHELL": address.rstrip("/"), "TOKEN": token}
        sent = {name: filled.get(value, value) for name, value in headers.items()}
        if "Host" in sent:
            sent["Host"] += f":{port}"
        async with http.request(
            method, f"{address.rstrip('/')}{path}", headers=sent
        ) as answer:
            assert answer.status == status


# -- the example of the documentation


async def test_the_example_in_the_documentation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "app-pages.md").read_text(encoding="utf-8")
    folder = tmp_path / "board"
    folder.mkdir()
    for name, language in (("index.html", "html"), ("board.js", "javascript")):
        (block,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.S | re.M)
        (folder / name).write_text(block, encoding="utf-8")
    uri = "https://example.org/apps/board"
    sent: asyncio.Queue[Stanza] = asyncio.Queue()
    async with open_screen(tmp_path / "profile", AppSettings(uri, folder)) as screen:
        app = screen.app()
        with pytest.raises(InvalidState, match="There are no lines in this board"):
            await app.restore(State({}))
        app = screen.app()
        monkeypatch.setattr(app, "send", sent.put)
        screen.stage.show(Hosting(DEVICE))
        await app.restore(State({"lines": ["one"]}))
        await app.start()
        await app.replay(Stanza(f"{{{uri}}}line", text="two"))
        frame = await screen.frame(app)
        await expect(frame.get_by_role("listitem")).to_have_text(["one", "two"])
        await frame.get_by_label("A line").fill("three")
        await frame.get_by_label("A line").press("Enter")
        async with asyncio.timeout(DEADLINE):
            assert (await sent.get()).text == "three"
        assert (await app.snapshot()).data == {"lines": ["one", "two", "three"]}
