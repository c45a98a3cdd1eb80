"""A document goes to a screen and comes back: real server, daemon and browser."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mobility import App, Introduction, Invitation, Stanza, TransferAborted
from mobility.cli.presenter import load_presenter
from tests.e2e.conftest import DEADLINE, Venue
from tests.e2e.traces import in_memory, on_disk, with_argument

CANARY = b"canary-7f3a91-of-a-visitor"


def approve(venue: Venue) -> Callable[[Introduction], Awaitable[str | None]]:
    async def ask(introduction: Introduction) -> str:
        return await venue.digits()

    return ask


def hears(app: App) -> asyncio.Event:
    """Set once the app on the phone has applied a packet from the display."""
    heard = asyncio.Event()
    receive = app.receive

    async def listen(stanza: Stanza) -> None:
        await receive(stanza)
        heard.set()

    app.receive = listen  # type: ignore[method-assign]
    return heard


async def test_a_document_goes_on_at_its_page_and_comes_back_at_the_displays_page(
    venue: Venue,
) -> None:
    presenter = load_presenter(None, page=3)
    async with venue.phone() as phone:
        invitation = Invitation.parse(await venue.scan())
        async with phone.visit(invitation, approve=approve(venue)) as screen:
            moved = await phone.transfer(presenter, to=screen)
            frame = await venue.slide(3)
            await presenter.turn(4)
            await venue.slide(4)
            heard = hears(presenter)
            await frame.press("body", "ArrowRight")  # somebody at the display
            async with asyncio.timeout(DEADLINE):
                await heard.wait()
            assert presenter.page == 5
            await moved.retrieve()
            assert presenter.page == 5
        assert screen.clean
        await venue.shows("idle")


async def test_the_pointer_of_the_phone_is_a_dot_on_the_slide(venue: Venue) -> None:
    presenter = load_presenter(None, page=1)
    async with venue.phone() as phone:
        invitation = Invitation.parse(await venue.scan())
        async with phone.visit(invitation, approve=approve(venue)) as screen:
            await phone.transfer(presenter, to=screen)
            frame = await venue.slide(1)
            await presenter.point(0.25, 0.75)
            dot = frame.locator("#dot")
            await dot.wait_for(state="visible")
            assert await dot.evaluate("(e) => [e.style.left, e.style.top]") == [
                "25%",
                "75%",
            ]


EDGE = """() => {
  const { width, height } = document.querySelector("#slide canvas");
  const pen = document.querySelector("#slide canvas").getContext("2d");
  const at = (x, y) => [...pen.getImageData(x, y, 1, 1).data].join();
  const [x, y] = [width >> 1, height >> 1];
  return [[width - 1, y, width - 9, y], [x, height - 1, x, height - 9]].every(
    ([a, b, c, d]) => at(a, b) === at(c, d));
}"""


async def test_a_dark_page_has_no_white_line_at_its_edge(venue: Venue) -> None:
    await venue.page.set_viewport_size({"width": 1080, "height": 1920})
    async with venue.phone() as phone:
        invitation = Invitation.parse(await venue.scan())
        async with phone.visit(invitation, approve=approve(venue)) as screen:
            await phone.transfer(load_presenter(None, page=1), to=screen)
            assert await (await venue.slide(1)).evaluate(EDGE)


async def test_a_document_that_is_damaged_is_refused_and_stays_on_the_phone(
    venue: Venue,
) -> None:
    presenter = load_presenter(None, page=2)
    presenter.document = b"%PDF-1.7 and then nothing of the kind"
    async with venue.phone() as phone:
        invitation = Invitation.parse(await venue.scan())
        async with phone.visit(invitation, approve=approve(venue)) as screen:
            with pytest.raises(TransferAborted, match="damaged"):
                await phone.transfer(presenter, to=screen)
            await venue.shows("visiting")
            assert presenter.page == 2


def with_canary(document: bytes) -> bytes:
    """A PDF may have anything behind its end; readers look for the last %%EOF."""
    return document.replace(b"%%EOF", b"% " + CANARY + b"\n%%EOF")


async def test_after_the_visit_nothing_of_the_visitor_is_left(venue: Venue) -> None:
    presenter = load_presenter(None, page=1)
    presenter.document = with_canary(presenter.document)
    assert CANARY in presenter.document
    async with venue.phone() as phone:
        invitation = Invitation.parse(await venue.scan())
        async with phone.visit(invitation, approve=approve(venue)) as screen:
            moved = await phone.transfer(presenter, to=screen)
            frame = await venue.slide(1)
            assert "page" in await frame.evaluate(PLANT, CANARY.decode())
            origin = await frame.evaluate("location.origin")
            assert list(in_memory(kiosk_pid(venue), CANARY)), "the search finds nothing"
            await moved.retrieve()
        await venue.shows("idle")
        left = [f.url for f in venue.page.frames if f.url.startswith(origin)]
        assert [url for url in left if not url.endswith("/mobility-wipe")] == []
        assert CANARY.decode() not in await venue.page.content()
        assert list(in_memory(kiosk_pid(venue), CANARY)) == []
    assert list(on_disk(venue.place.folder / "kiosk", CANARY)) == []
    assert list(on_disk(venue.place.folder / "server", CANARY)) == []
    assert b"Canary phone" not in (venue.place.folder / "kiosk.log").read_bytes()
    await venue.context.close()
    assert list(on_disk(venue.profile, CANARY)) == []


# Debian's Chromium gives a frame of another site no storage at all; where a browser
# does, tests/e2e/test_kiosk_page.py sees that it is cleared.
PLANT = """async (canary) => {
  const places = {
    page: () => { document.title = canary; window.canary = canary; },
    local: () => localStorage.setItem("canary", canary),
    session: () => sessionStorage.setItem("canary", canary),
    cookie: () => { document.cookie = `canary=${canary}`; },
    cache: async () => {
      await (await caches.open("canary")).put("/canary", new Response(canary));
    },
  };
  const planted = [];
  for (const [name, plant] of Object.entries(places)) {
    try { await plant(); planted.push(name); } catch (error) {
      if (error.name !== "SecurityError") throw error;
    }
  }
  return planted;
}"""


def kiosk_pid(venue: Venue) -> int:
    """Of the display's process; its supervisor sees nothing of a visitor."""
    toml = str(venue.place.folder / "kiosk.toml")
    (pid,) = with_argument("kiosk.daemon", toml)
    return pid
