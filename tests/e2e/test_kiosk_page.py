"""The screen's page in a real browser, without a server: what it shows and hides."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
import zxingcpp
from PIL import Image
from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    Frame,
    Page,
    async_playwright,
)

from kiosk.daemon import open_stage
from kiosk.settings.settings import AppSettings, Settings
from kiosk.stage.app import PageApp
from kiosk.stage.stage import Stage
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
from mobility.chromium import find_chromium
from tests.e2e.conftest import FLAGS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0
URI = "https://example.org/apps/counter"
CODE = "xmpp:lobby@kiosk.example/kR3xQ?mobility;v=0;t=q83vEjRWeJCrze8SNFZ4kA;k=3q2-796t"
T = TypeVar("T")


async def tick(page: Page | Frame) -> None:
    """A moment of the browser, between two looks at it."""
    with contextlib.suppress(Error):  # it goes elsewhere just now
        await page.evaluate("new Promise((done) => setTimeout(done, 20))")


async def until(page: Page | Frame, script: str) -> None:
    """Wait until a script is true on a page, which may be reloaded meanwhile."""
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(Error):
                if await page.evaluate(script):
                    return
            await tick(page)


async def soon(work: Awaitable[T]) -> T:
    async with asyncio.timeout(DEADLINE):
        return await work


def documented_page() -> Iterator[tuple[str, str]]:
    """The files of the example in docs/app-pages.md."""
    text = (ROOT / "docs" / "app-pages.md").read_text("utf-8")
    yield from re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```$', text, re.M | re.S)


def documented_flags() -> list[str]:
    """What docs/kiosk.md gives to Chromium, so far as it holds without a display."""
    text = (ROOT / "docs" / "kiosk.md").read_text("utf-8")
    command = re.search(r"^chromium .*?(?=^```$)", text, re.M | re.S)
    assert command is not None
    words = shlex.split(command[0].replace("\\\n", " "))[1:]
    ours = r"http|--kiosk|--user-data-dir"
    return [word for word in words if not re.match(ours, word)]


@dataclass
class Screen:
    """One display: the stage behind it, and the browser before it."""

    stage: Stage
    address: str
    context: BrowserContext
    page: Page
    app: AppSettings
    settings: Settings

    @property
    def port(self) -> int:
        return int(self.address.rstrip("/").rpartition(":")[2])

    async def shows(self, screen: str, page: Page | None = None) -> None:
        script = f"document.body.dataset.screen === '{screen}'"
        await until(page or self.page, script)

    async def show(self, scene: Scene, screen: str) -> None:
        self.stage.show(scene)
        await self.shows(screen)

    async def text(self) -> str:
        return await self.page.inner_text("body")

    async def scan(self) -> list[str]:
        png = await self.page.screenshot(animations="disabled")
        picture = Image.open(io.BytesIO(png)).convert("L")
        return [code.text for code in zxingcpp.read_barcodes(picture)]

    async def without(self, frame: str) -> None:
        """Wait until a frame has gone."""
        async with asyncio.timeout(DEADLINE):
            while any(frame in other.url for other in self.page.frames):
                await tick(self.page)

    async def counter(self, count: int = 3) -> Counter:
        """A visitor is here, and the counter of the documentation runs."""
        self.stage.show(Hosting("Ana"))
        counter = Counter(self, PageApp(self.app, self.stage))
        await soon(counter.app.restore(State({"count": count}, {"a": b"A"}, "Counter")))
        await counter.app.start()
        await self.shows("running")
        return counter


@dataclass
class Counter:
    """The app of the documentation, and what the SDK would do with it."""

    screen: Screen
    app: PageApp
    sent: asyncio.Queue[Stanza] = field(default_factory=asyncio.Queue)
    saved: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.app._send = self.sent.put
        self.app._checkpoint = self.saved.set

    @property
    def origin(self) -> str:
        return f"http://{self.app.frame}.localhost:{self.screen.port}"

    async def frame(self) -> Frame:
        async with asyncio.timeout(DEADLINE):
            while True:
                for frame in self.screen.page.frames:
                    if frame.url.startswith(self.origin):
                        await until(frame, "document.getElementById('count') !== null")
                        return frame
                await tick(self.screen.page)

    async def says(self, count: int) -> None:
        script = f"document.getElementById('count').textContent === '{count}'"
        await until(await self.frame(), script)

    async def more(self) -> None:
        await self.app.replay(Stanza(f"{{{URI}}}more"))

    async def hears(self) -> Stanza:
        return await soon(self.sent.get())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    assert find_chromium(), "Chromium is missing: run make setup"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=[*FLAGS, *documented_flags()]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(context: BrowserContext, settings: Settings) -> AsyncIterator[Screen]:
    async with open_stage(settings) as (stage, address):
        page = await context.new_page()
        await page.goto(address)
        await until(page, "document.title === 'Lobby screen'")
        yield Screen(stage, address, context, page, settings.apps[0], settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    await context.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "counter"
    folder.mkdir()
    for name, text in documented_page():
        (folder / name).write_text(text)
    (tmp_path / "secret.html").write_text("secret")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    return Settings(
        jid="lobby@kiosk.example",
        password="",
        name="Lobby screen",
        operator="Hotel Aurora",
        place="By the lifts",
        data=tmp_path,
        apps=(AppSettings(URI, folder, name="Counter"),),
        listen=("127.0.0.1", 0),
    )


@pytest_asyncio.fixture(loop_scope="module")
async def screen(context: BrowserContext, settings: Settings) -> AsyncIterator[Screen]:
    async with opened(context, settings) as screen:
        yield screen
        await screen.page.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keeping(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[BrowserContext]:
    """A browser that lets frames store something, which Debian's by itself does not."""
    profile = tmp_path_factory.mktemp("profile")
    (profile / "Default").mkdir()
    preferences = '{"profile": {"cookie_controls_mode": 0}}'
    (profile / "Default" / "Preferences").write_text(preferences)
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=find_chromium(), args=FLAGS
        )
        yield context
        await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def storing(keeping: BrowserContext, settings: Settings) -> AsyncIterator[Screen]:
    async with opened(keeping, settings) as screen:
        yield screen
        await screen.page.close()


# -- what is on it

SHOWN: list[tuple[Scene, str, list[str]]] = [
    (Inviting(CODE, 60), "idle", ["Lobby screen", "Bring it to", "Hotel Aurora"]),
    (Comparing("47", "Ana"), "code", ["Ana has scanned", "4", "7"]),
    (Comparing("47", "Ana", rival=True), "code", ["was turned away"]),
    (Hosting("Ana"), "visiting", ["Welcome", "Ana is connected"]),
    (Leaving("Ana", 18), "countdown", ["18", "Still here?", "Touch the screen"]),
    (Wiping(), "wiping", ["Clearing this screen"]),
    (Offline(), "lost", ["cannot reach its server"]),
]


async def test_each_state_is_on_the_page_and_leaves_it_again(screen: Screen) -> None:
    assert "One moment" in await screen.text()
    for scene, name, words in SHOWN:
        await screen.show(scene, name)
        text = await screen.text()
        assert [word for word in words if word not in text] == [], name
    await screen.show(Inviting(CODE, 60), "idle")
    assert "Ana" not in await screen.page.content()
    assert await screen.page.text_content("#digits") == ""


async def test_a_camera_reads_the_code_at_any_size_in_light_and_in_dark(
    screen: Screen,
) -> None:
    await screen.show(Inviting(CODE, 60), "idle")
    for width, height in ((800, 480), (1080, 1920), (3840, 2160)):
        await screen.page.set_viewport_size({"width": width, "height": height})
        await screen.page.emulate_media(color_scheme="light")
        assert await screen.scan() == [CODE]
        await screen.page.emulate_media(color_scheme="dark")
        assert await screen.scan() == [CODE]


async def test_the_code_is_renewed_and_an_old_one_cannot_be_read(
    screen: Screen,
) -> None:
    await screen.show(Inviting(CODE, 60), "idle")
    assert await screen.scan() == [CODE]
    before = await screen.page.get_attribute("#code path", "d")
    screen.stage.show(Inviting(CODE + "9", 60))
    script = "document.querySelector('#code path').getAttribute('d')"
    await until(screen.page, f"{script} !== '{before}'")
    assert await screen.scan() == [CODE + "9"]
    screen.stage.show(Inviting(CODE + "9", 0))
    await until(screen.page, "!document.getElementById('renewing').hidden")
    assert await screen.scan() == []
    await screen.show(Hosting("Ana"), "visiting")
    assert await screen.page.get_attribute("#code path", "d") == ""


async def test_a_name_is_text_whatever_it_says(screen: Screen) -> None:
    name = "<img src=x onerror=alert(1)>\u202e" + "x" * 100
    await screen.show(Comparing("47", name), "code")
    assert await screen.page.locator("img").count() == 0
    assert name in (await screen.page.text_content(".eyebrow") or "")
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert await screen.page.evaluate(fits)


async def test_a_countdown_is_above_the_app_and_touching_is_told(
    screen: Screen,
) -> None:
    touched = asyncio.Event()
    with screen.stage.visitor(touched.set):
        counter = await screen.counter()
        await screen.show(Leaving("Ana", 18), "countdown")
        assert "Still here?" in await screen.text()
        await counter.frame()
        await screen.page.mouse.click(640, 400)
        await soon(touched.wait())
        touched.clear()
        await screen.show(Hosting("Ana"), "running")
        await (await counter.frame()).click(
            "#count"
        )  # inside the app it counts as well
        await soon(touched.wait())


# -- the app of the documentation


async def test_the_documented_page_does_a_whole_session(screen: Screen) -> None:
    counter = await screen.counter(3)
    await counter.says(3)
    await counter.more()
    await counter.says(4)
    await (await counter.frame()).click("#count")
    assert await counter.hears() == Stanza(f"{{{URI}}}more")
    await soon(counter.saved.wait())
    snapshot = await soon(counter.app.snapshot())
    assert snapshot == State({"count": 5}, {"a": b"A"}, "Counter")
    await counter.app.stop()
    await screen.shows("visiting")
    await until(await counter.frame(), "document.getElementById('count').disabled")
    await counter.app.start()  # the transfer came to nothing
    await screen.shows("running")


async def test_a_refused_state_says_why_and_its_frame_is_gone(screen: Screen) -> None:
    screen.stage.show(Hosting("Ana"))
    app = PageApp(screen.app, screen.stage)
    with pytest.raises(InvalidState, match=r"^This is not a counter\.$"):
        await soon(app.restore(State({"text": "no counter"})))
    await screen.without(app.frame)
    await (await screen.counter(8)).says(8)


async def test_files_arrive_as_they_were_and_come_back_changed(screen: Screen) -> None:
    screen.stage.show(Hosting("Ana"))
    (screen.app.path / "counter.js").write_text(
        """import { app } from "/mobility.js";
        let kept;
        app({
          restore: ({ files }) => { kept = files; },
          snapshot: () => ({ data: Object.keys(kept), files: { copy: kept.big } }),
        });"""
    )
    await screen.page.reload()
    await until(screen.page, "document.title === 'Lobby screen'")
    app = PageApp(screen.app, screen.stage)
    big = bytes(range(256)) * 4_000
    await soon(app.restore(State(None, {"big": big, "empty": b"", "n\u00e4me": b"x"})))
    state = await soon(app.snapshot())
    assert state.data == ["big", "empty", "n\u00e4me"]
    assert state.files == {"copy": big}


# -- the page goes and comes


async def test_a_reload_in_the_middle_brings_everything_back(screen: Screen) -> None:
    counter = await screen.counter(3)
    await counter.more()
    await counter.says(4)
    before = counter.origin
    await screen.page.reload()
    await screen.shows("running")
    await counter.says(4)
    assert counter.origin != before
    await (await counter.frame()).click("#count")
    assert (await counter.hears()).local == "more"
    assert (await soon(counter.app.snapshot())).data == {"count": 5}
    await soon(counter.app.close())  # this page vouches for what the first one left


async def test_the_older_of_two_windows_says_so_and_can_be_taken_back(
    screen: Screen,
) -> None:
    counter = await screen.counter(3)
    newer = await screen.context.new_page()
    await newer.goto(screen.address)
    await screen.shows("replaced")
    assert "open in another window" in await screen.text()
    assert len(screen.page.frames) == 1
    await screen.shows("running", newer)
    await screen.page.mouse.click(640, 400)
    await screen.shows("running")
    await counter.says(3)
    await screen.shows("replaced", newer)
    await newer.close()


async def test_a_daemon_that_is_renewed_looks_like_the_end_of_the_wiping(
    context: BrowserContext, settings: Settings
) -> None:
    async with opened(context, settings) as screen:
        await screen.show(Wiping(), "wiping")
        seen = await screen.page.evaluate_handle(
            "() => { const seen = []; new MutationObserver(() => "
            "seen.push(document.body.dataset.screen)).observe(document.body, "
            "{attributes: true}); return seen; }"
        )
        screen.stage.renew()
    await until(screen.page, "document.querySelectorAll('iframe').length === 0")
    assert "away" not in await seen.json_value()
    await screen.shows("wiping")
    await screen.page.close()


async def test_without_the_daemon_content_is_taken_away_at_once(
    context: BrowserContext, settings: Settings
) -> None:
    async with opened(context, settings) as screen:
        counter = await screen.counter(3)
        await counter.says(3)
    await screen.shows("away")
    assert "This screen is restarting" in await screen.text()
    await screen.without(counter.app.frame)
    again = dataclasses.replace(settings, listen=("127.0.0.1", screen.port))
    async with open_stage(again) as (stage, _):
        await until(screen.page, "document.title === 'Lobby screen'")
        stage.show(Inviting(CODE, 60))
        await screen.shows("idle")
        await screen.page.close()


# -- an app is kept apart


async def throws(frame: Frame, script: str) -> str:
    """Which error a script in the app ends with."""
    wrapped = f"(async () => {{ {script} }})().then(() => '', (e) => e.name)"
    return str(await soon(frame.evaluate(wrapped)))


async def violates(frame: Frame, script: str) -> str:
    """Which rule of the policy stops a script in the app."""
    listen = "document.addEventListener('securitypolicyviolation', heard)"
    wrapped = f"const heard = (e) => done(e.effectiveDirective); {listen}; {script}"
    return str(await soon(frame.evaluate(f"new Promise((done) => {{ {wrapped} }})")))


def element(name: str, **attributes: str) -> str:
    made = f"Object.assign(document.createElement('{name}'), {attributes})"
    return f"document.body.append({made})"


async def test_an_app_has_an_origin_of_its_own_and_cannot_reach_the_shell(
    screen: Screen,
) -> None:
    counter = await screen.counter(3)
    frame = await counter.frame()
    assert await frame.evaluate("location.origin") == counter.origin
    assert await throws(frame, "parent.document.body") == "SecurityError"
    assert await throws(frame, "parent.localStorage") == "SecurityError"
    assert await throws(frame, "top.location = 'about:blank'") == "SecurityError"
    inline = element("script", textContent="top.location = 'about:blank'")
    assert await violates(frame, inline) == "script-src-elem"
    assert await frame.evaluate("open('about:blank')") is None
    assert screen.page.url == screen.address
    await counter.says(3)


async def test_an_app_can_reach_no_other_server(screen: Screen) -> None:
    frame = await (await screen.counter(3)).frame()
    for address in (screen.address, "http://127.0.0.1:9/", "https://example.org/"):
        script = f"fetch('{address}').catch(() => 0)"
        assert await violates(frame, script) == "connect-src"
        script = (
            f"try {{ new WebSocket('{address}'.replace('http', 'ws')) }} catch {{}}"
        )
        assert await violates(frame, script) == "connect-src"
        assert await violates(frame, element("img", src=address)) == "img-src"
        assert await violates(frame, element("iframe", src=address)) == "frame-src"
        assert (
            await violates(frame, element("script", src=address)) == "script-src-elem"
        )
        style = element("link", rel="stylesheet", href=address)
        assert await violates(frame, style) == "style-src-elem"
    assert (
        await violates(frame, element("style", textContent="a{}")) == "style-src-elem"
    )


async def test_an_app_cannot_leave_for_another_server(screen: Screen) -> None:
    counter = await screen.counter(3)
    asked: list[str] = []
    async with await _listening(asked) as server:
        port = server.sockets[0].getsockname()[1]
        elsewhere = f"http://127.0.0.1:{port}/?canary"
        stopped = violates_in_shell(screen)
        with contextlib.suppress(Error):  # the frame may be gone before it answers
            await (await counter.frame()).evaluate(f"location.href = '{elsewhere}'")
        assert await stopped == "frame-src"
    assert asked == []
    await soon(counter.app.close())


def violates_in_shell(screen: Screen) -> asyncio.Future[str]:
    script = (
        "new Promise((done) => document.addEventListener('securitypolicyviolation', "
        "(e) => done(e.effectiveDirective)))"
    )
    return asyncio.ensure_future(soon(screen.page.evaluate(script)))


async def _listening(asked: list[str]) -> asyncio.Server:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked.append((await reader.readline()).decode())
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def test_only_its_own_frame_and_only_the_shell_are_heard(screen: Screen) -> None:
    counter = await screen.counter(3)
    frame = await counter.frame()
    packet = "{mobility: 'packet', packet: {name: 'forged'}}"
    # from the shell's window itself, and from a frame that the stage does not know
    await screen.page.evaluate(f"postMessage({packet}, '*')")
    await screen.page.evaluate(
        "document.body.append(Object.assign(document.createElement('iframe'),"
        f"{{src: 'http://{'e' * 24}.localhost:{screen.port}/mobility-wipe'}}))"
    )
    async with asyncio.timeout(DEADLINE):
        while not (strange := [f for f in screen.page.frames if "e" * 24 in f.url]):
            await tick(screen.page)
    await strange[0].evaluate(f"parent.postMessage({packet}, '*')")
    # to the app, from itself and from that frame
    await frame.evaluate("postMessage({mobility: 'packet', packet: {name: 'more'}})")
    await strange[0].evaluate(
        "for (let n = 0; n < parent.length; n += 1) "
        "parent[n].postMessage({mobility: 'packet', packet: {name: 'more'}}, '*')"
    )
    await frame.click("#count")
    assert (await counter.hears()).local == "more"
    assert counter.sent.empty()
    await counter.says(4)


NONSENSE = """(() => {
  const say = (mobility, rest) => parent.postMessage({ mobility, ...rest }, "*");
  const packet = (packet) => say("packet", { packet });
  const circle = { name: "a" };
  circle.children = [circle];
  let deep = { name: "a" };
  for (let n = 0; n < 500; n += 1) deep = { name: "a", children: [deep] };
  const all = [circle, deep, 1n, null, 5, [], "x", new Map(), { name: 1n }];
  for (const value of all) packet(value);
  packet({ name: "a", text: "\\ud800" });
  packet({ name: "a", text: "x".repeat(6e6) });
  say("snapshot", { id: 1, state: { data: "x".repeat(6e6) } });
  say("snapshot", { id: "1", state: { files: { a: { b: 1 } } } });
  say("snapshot", { id: 1, state: { files: { a: new ArrayBuffer(2e7) } } });
  say("refused", { text: { not: "text" } });
  for (const word of ["wiped", "hello", "constructor", "__proto__", 7, null]) say(word);
  parent.postMessage(null, "*");
  parent.postMessage("text", "*");
  setTimeout(() => { throw new Error("an app's own"); });
  Promise.reject(new Error("another"));
})()"""


async def test_nonsense_and_floods_of_an_app_are_its_own_loss(screen: Screen) -> None:
    counter = await screen.counter(3)
    frame, origin = await counter.frame(), counter.origin
    posts: list[str] = []
    screen.page.on("request", lambda request: posts.append(request.post_data or ""))
    packet = "parent.postMessage({mobility: 'packet', packet: {name: '%s'}}, '*')"
    async with screen.page.expect_response(lambda answer: answer.status >= 400) as bad:
        await frame.evaluate(f"{NONSENSE}; {packet % 'kept'}")
        assert (await counter.hears()).local == "kept"  # in one POST with nonsense
    assert (await bad.value).status == 400  # and not 413
    await frame.evaluate(f"for (let n = 0; n < 5_000; n += 1) {packet % 'flood'}")
    # a second later there is room again
    async with asyncio.timeout(DEADLINE):
        while not any(stanza.local == "fine" for stanza in drained(counter.sent)):
            await frame.evaluate(packet % "fine")
    assert sum(post.count('"flood"') for post in posts) < 1_000
    assert (await soon(counter.app.snapshot())).data == {"count": 3}
    assert counter.origin == origin, "the page never had to be loaded again"
    await screen.show(Leaving("Ana", 18), "countdown")


def drained(queue: asyncio.Queue[Stanza]) -> Iterator[Stanza]:
    while not queue.empty():
        yield queue.get_nowait()


async def test_an_app_that_hangs_is_taken_away_all_the_same(screen: Screen) -> None:
    counter = await screen.counter(3)
    frame = await counter.frame()
    await frame.evaluate("setTimeout(() => { for (;;); })")
    await screen.show(Leaving("Ana", 18), "countdown")
    assert "Still here?" in await screen.text()
    await screen.show(Wiping(), "wiping")
    await soon(counter.app.close())
    await screen.without(counter.app.frame)
    await screen.show(Inviting(CODE, 60), "idle")
    await (await screen.counter(9)).says(9)


# -- nothing stays

PLANT = """async (canary) => {
  localStorage.setItem("canary", canary);
  sessionStorage.setItem("canary", canary);
  document.cookie = `a=${canary}; SameSite=None; Secure; Partitioned`;
  document.cookie = `b=${canary}`;
  document.cookie = `c=${canary}; domain=localhost`;
  await (await caches.open(canary)).put("/canary", new Response(canary));
  await new Promise((done) => {
    const opened = indexedDB.open(canary);
    opened.onsuccess = () => { opened.result.close(); done(); };
  });
}"""
FIND = """async () => [
  ...(localStorage.canary ? ["localStorage"] : []),
  ...(sessionStorage.canary ? ["sessionStorage"] : []),
  ...(document.cookie ? ["cookies"] : []),
  ...((await caches.keys()).length ? ["caches"] : []),
  ...((await indexedDB.databases()).length ? ["indexedDB"] : []),
]"""


async def look(screen: Screen, origin: str) -> list[str]:
    """What an origin has stored, seen from a frame on the same page."""
    await screen.page.evaluate(
        "(src) => document.body.append(Object.assign("
        "document.createElement('iframe'), {src, id: 'look'}))",
        f"{origin}/mobility.js?look",
    )
    async with asyncio.timeout(DEADLINE):
        while not (
            frames := [f for f in screen.page.frames if f.url.endswith("?look")]
        ):
            await tick(screen.page)
    found: list[str] = await frames[0].evaluate(FIND)
    await screen.page.evaluate("document.getElementById('look').remove()")
    return found


async def test_after_a_visit_nothing_of_it_is_in_the_browser(storing: Screen) -> None:
    counter = await storing.counter(3)
    frame, origin = await counter.frame(), counter.origin
    await frame.evaluate(PLANT, "canary-of-a-visitor")
    planted = await look(storing, origin)
    assert {"localStorage", "sessionStorage", "caches", "indexedDB"} <= {*planted}
    storing.stage.show(Wiping())
    await soon(counter.app.close())
    await storing.without(counter.app.frame)
    assert await look(storing, origin) == []
    cookies = await storing.context.cookies()
    assert "canary" not in str(cookies)
    next_one = await storing.counter(4)
    assert next_one.origin != origin
    assert await (await next_one.frame()).evaluate(FIND) == []


REGISTER = """async () => {
  const worker = navigator.serviceWorker.register("/mobility.js", { type: "module" });
  return worker.then(() => "registered", ({ name }) => name);
}"""


async def test_an_app_cannot_answer_in_the_place_of_the_wipe(storing: Screen) -> None:
    counter = await storing.counter(3)
    assert await (await counter.frame()).evaluate(REGISTER) == "TypeError"
    await soon(counter.app.close())


async def test_what_a_crash_left_is_cleared_when_the_page_opens_again(
    storing: Screen,
) -> None:
    counter = await storing.counter(3)
    origin = counter.origin
    await (await counter.frame()).evaluate(PLANT, "canary-of-a-visitor")
    await storing.page.reload()  # nobody wiped
    await storing.shows("running")
    gone = f"!(localStorage.frames ?? '').includes('{origin}')"
    await until(storing.page, gone)
    assert await look(storing, origin) == []


async def test_a_frame_that_was_used_has_nothing_to_load(screen: Screen) -> None:
    counter = await screen.counter(3)
    host = counter.origin.removeprefix("http://")
    assert (await ask(screen, "/", host=host))[0] == 200
    await soon(counter.app.close())
    assert (await ask(screen, "/", host=host))[0] == 404


# -- who may ask


async def ask(
    screen: Screen,
    path: str,
    *,
    method: str = "GET",
    host: str = "",
    body: bytes = b"",
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """A request as it stands, without a client that tidies it up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", screen.port)
    lines = {"Host": host or f"127.0.0.1:{screen.port}", "Connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    answer = await soon(reader.read())
    writer.close()
    top, _, rest = answer.partition(b"\r\n\r\n")
    first, *more = top.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in more)
    return int(first.split()[1]), {k.lower(): v for k, v in pairs}, rest


async def test_a_post_needs_token_origin_and_host(screen: Screen) -> None:
    token = await screen.page.evaluate(
        "document.querySelector('meta[name=token]').content"
    )
    own = screen.address.rstrip("/")
    right = {"method": "POST", "Origin": own, "X_Token": token}
    body = b'{"page": "' + b"a" * 24 + b'", "messages": []}'

    async def status(path: str = "/up", **changed: Any) -> int:
        return (await ask(screen, path, **({**right, "body": body} | changed)))[0]

    assert await status() == 409, "from a page that is not the open one"
    assert await status(body=b"no JSON") == 400
    assert await status(body=b" " * 5_000_000) == 413
    assert await status("/other") == 403
    assert await status(X_Token="") == 403
    assert await status(X_Token="guessed") == 403
    assert await status(X_Token="gü") == 403
    for origin in (
        "null",
        "https://evil.example",
        own + "0",
        own.replace("p", "ps", 1),
    ):
        assert await status(Origin=origin) == 403
    for host in ("evil.example", f"localhost:{screen.port}", "127.0.0.1"):
        assert await status(host=host) in (403, 421)
    del right["Origin"]
    assert await status() == 403


async def test_a_strange_host_is_told_nothing(screen: Screen) -> None:
    for host in ("evil.example", f"evil.example:{screen.port}", "127.0.0.1:1"):
        assert (await ask(screen, "/", host=host))[0] == 421
    status, headers, _ = await ask(screen, "/x", host=f"localhost:{screen.port}")
    assert (status, headers["location"]) == (307, screen.address)
    for path in ("/events", "/events?token=guessed", "/files/guessed"):
        assert (await ask(screen, path))[0] in (403, 404)


OUTSIDE = [
    "/../secret.html",
    "/%2e%2e/secret.html",
    "/..%2fsecret.html",
    "//secret.html",
    "/link.html",
    "/.",
    "/%00",
    "/" + "a" * 5_000,
    "/..%5csecret.html",
    "/static/../../../daemon.py",
    "/static/%2e%2e/%2e%2e/daemon.py",
    "//etc/passwd",
    "/%2fetc/passwd",
]


async def test_no_path_leads_out_of_a_folder(screen: Screen) -> None:
    counter = await screen.counter(3)
    for host in ("", counter.origin.removeprefix("http://")):
        for path in OUTSIDE:
            status, _, body = await ask(screen, path, host=host)
            assert status in (400, 403, 404), path
            assert b"secret" not in body
            assert b"root:" not in body


async def test_no_answer_may_be_kept_and_each_has_a_policy(screen: Screen) -> None:
    counter = await screen.counter(3)
    frame = counter.origin.removeprefix("http://")
    paths = [("", "/"), ("", "/static/shell.js"), ("", "/static/shell.css")]
    paths += [(frame, "/"), (frame, "/counter.js"), (frame, "/mobility.js")]
    paths += [(frame, "/mobility-wipe"), (frame, "/mobility-wipe.js")]
    for host, path in paths:
        status, headers, _ = await ask(screen, path, host=host)
        assert status == 200, path
        assert headers["cache-control"] == "no-store", path
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert "charset=utf-8" in headers["content-type"]
        assert ("clear-site-data" in headers) == ("wipe" in path)
        assert "server" not in headers, path
