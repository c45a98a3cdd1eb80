"""The page of the phone beside that of the screen: what a user of the demo does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from playwright.async_api import Page, expect
from yarl import URL

from examples.presenter.phone import serve
from mobility.cli.presenter import load_presenter
from tests.e2e.conftest import Venue


@pytest.fixture
async def phone(venue: Venue) -> AsyncIterator[Page]:
    options = {"data": venue.place.folder / "phone", **venue.place.address}
    presenter = load_presenter(None, page=3)
    async with serve(
        presenter, *venue.place.phone, screen=venue.address, **options
    ) as address:
        page = await venue.context.new_page()
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(address)
        await expect(page.locator("#count")).to_have_text(re.compile("^3 / "))
        yield page
        await page.close()


async def let_in(venue: Venue, phone: Page) -> None:
    """Scan by a picture of the screen, compare, approve."""
    await venue.shows("idle")
    await phone.get_by_role("button", name="Show on a screen").click()
    picture = await venue.page.screenshot()
    await phone.locator("#picture").set_input_files(
        {"name": "screen.png", "mimeType": "image/png", "buffer": picture}
    )
    await expect(
        phone.get_by_role("heading", name="Let this screen in?")
    ).to_be_visible()
    await phone.get_by_label("The two digits on the screen").fill(await venue.digits())
    await phone.get_by_role("button", name="Let it in").click()
    await expect(phone.locator("#where")).to_have_text("On Demo screen")


async def test_a_talk_goes_to_the_screen_is_steered_and_comes_back(
    venue: Venue, phone: Page
) -> None:
    await let_in(venue, phone)
    await venue.slide(3)
    await phone.get_by_role("button", name="Next page").click()
    frame = await venue.slide(4)
    await expect(phone.locator("#count")).to_have_text(re.compile("^4 / "))

    box = await phone.locator("#slide").bounding_box()
    assert box is not None
    await phone.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    await phone.mouse.down()
    await expect(frame.locator("#dot")).to_be_visible()
    await phone.mouse.up()
    await expect(frame.locator("#dot")).to_be_hidden()

    await frame.press("body", "ArrowRight")  # somebody at the screen
    await expect(phone.locator("#count")).to_have_text(re.compile("^5 / "))
    await phone.get_by_role("button", name="Take it back").click()
    await expect(phone.get_by_text("Back at page 5. Nothing of yours")).to_be_visible()
    await expect(phone.locator("#where")).to_have_text("On this phone")
    await venue.shows("idle")


async def test_wrong_digits_are_said_and_after_three_nothing_has_moved(
    venue: Venue, phone: Page
) -> None:
    await phone.get_by_role("button", name="Show on a screen").click()
    await phone.get_by_label("Or paste what it says").fill(await venue.scan())
    await phone.get_by_role("button", name="Continue").click()
    right = await venue.digits()
    wrong = f"{(int(right) + 1) % 100:02d}"
    for said in ("2 more tries", "one more try"):
        await phone.get_by_label("The two digits on the screen").fill(wrong)
        await phone.get_by_role("button", name="Let it in").click()
        await expect(phone.get_by_text(said)).to_be_visible()
    await phone.get_by_label("The two digits on the screen").fill(wrong)
    await phone.get_by_role("button", name="Let it in").click()
    await expect(phone.get_by_role("alert").filter(visible=True)).to_contain_text(
        "three times"
    )
    await expect(phone.locator("#where")).to_have_text("On this phone")


async def test_a_refusal_and_a_wrong_code_are_sentences(
    venue: Venue, phone: Page
) -> None:
    await phone.get_by_role("button", name="Show on a screen").click()
    await phone.get_by_label("Or paste what it says").fill("https://example.org/")
    await phone.get_by_role("button", name="Continue").click()
    await expect(phone.locator("#error")).to_be_visible()
    await phone.get_by_role("button", name="Show on a screen").click()
    await phone.get_by_label("Or paste what it says").fill(await venue.scan())
    await phone.get_by_role("button", name="Continue").click()
    await expect(phone.locator("#domain")).not_to_be_empty()
    await expect(phone.locator("#name")).to_have_text("Demo screen")
    await phone.get_by_role("button", name="No").click()
    await expect(phone.locator("#error")).to_contain_text("nothing has moved")
    await venue.shows("idle")


STRANGERS = [
    # method, path, headers, status
    ("GET", "/", {"Host": "evil.example"}, 421),
    ("GET", "/", {"Origin": "https://evil.example"}, 403),
    ("GET", "/document", {}, 403),
    ("GET", "/events?token=guessed", {}, 403),
    ("POST", "/do", {}, 403),
    ("POST", "/do", {"Origin": "https://evil.example", "X-Token": "TOKEN"}, 403),
    ("POST", "/do", {"Origin": "OWN", "X-Token": "gü"}, 403),
    ("POST", "/do", {"Origin": "OWN", "X-Token": "TOKEN"}, 400),
    ("POST", "/photo", {"Origin": "OWN", "X-Token": "TOKEN"}, 200),
    ("GET", "/vendor/..%2f..%2fpresenter.py", {}, 404),
]


async def test_nobody_but_the_page_is_answered(phone: Page) -> None:
    own = phone.url.rstrip("/")
    script = "document.querySelector('meta[name=token]').content"
    filled = {"OWN": own, "TOKEN": await phone.evaluate(script)}
    async with aiohttp.ClientSession() as http:
        for method, path, headers, status in STRANGERS:
            sent = {name: filled.get(value, value) for name, value in headers.items()}
            url = URL(f"{own}{path}", encoded=True)
            async with http.request(method, url, headers=sent) as answer:
                assert answer.status == status, (method, path, headers)
