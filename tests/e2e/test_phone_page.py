"""The page of the phone beside that of the screen: what a user of the demo does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect
from yarl import URL

from examples.presenter import page as page_module
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


async def scan(venue: Venue, phone: Page) -> None:
    await venue.shows("idle")
    await phone.get_by_role("button", name="Show it on a screen").click()
    await phone.get_by_role("button", name="Scan the screen beside me").click()
    await expect(
        phone.get_by_role("heading", name="Let this screen in?")
    ).to_be_visible()


async def type_digits(phone: Page, digits: str) -> None:
    await phone.get_by_label("Type the two digits that the screen shows").fill(digits)
    await phone.get_by_role("button", name="Approve").click()


async def test_a_talk_goes_to_the_screen_is_steered_and_comes_back(
    venue: Venue, phone: Page
) -> None:
    await scan(venue, phone)
    await type_digits(phone, await venue.digits())
    await expect(phone.locator("#where")).to_have_text("On Demo screen")
    await venue.slide(3)
    await phone.get_by_role("button", name="Next page").click()
    frame = await venue.slide(4)
    await expect(phone.locator("#count")).to_have_text(re.compile("^4 / "))

    box = await phone.locator("#room").bounding_box()
    assert box is not None
    await phone.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    await phone.mouse.down()
    await expect(frame.locator("#dot")).to_be_visible()
    await phone.mouse.move(box["x"] + box["width"] / 2, box["y"], steps=40)
    await phone.mouse.up()  # must not be overtaken by the moves before it
    await expect(frame.locator("#dot")).to_be_hidden()

    await frame.press("body", "ArrowRight")  # somebody at the screen
    await expect(phone.locator("#count")).to_have_text(re.compile("^5 / "))
    await phone.get_by_role("button", name="Take it back").click()
    await expect(phone.get_by_text("nothing of yours is left there")).to_be_visible()
    await expect(phone.locator("#where")).to_have_text("On this phone")
    await expect(phone.locator("#count")).to_have_text(re.compile("^5 / "))
    await venue.shows("idle")


async def test_wrong_digits_are_said_and_after_three_nothing_has_moved(
    venue: Venue, phone: Page
) -> None:
    await scan(venue, phone)
    wrong = f"{(int(await venue.digits()) + 1) % 100:02d}"
    for said in ("2 more tries", "1 more try"):
        await type_digits(phone, wrong)
        await expect(phone.get_by_text(said)).to_be_visible()
    await type_digits(phone, wrong)
    await expect(phone.locator("#problem")).to_contain_text("three times")
    await expect(phone.locator("#where")).to_have_text("On this phone")


async def test_the_sheet_says_who_asks_and_declining_moves_nothing(
    venue: Venue, phone: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "PULSE", 0.01)
    await scan(venue, phone)
    await expect(phone.locator("#domain")).to_have_text("localhost")
    for claim, text in (("name", "Demo screen"), ("operator", "You")):
        await expect(phone.locator(f".claims #{claim}")).to_have_text(text)
    await expect(phone.locator(".claims #place")).to_have_text("This machine")
    # a view that is told again as a sign of life does not clear what is being typed
    field = phone.get_by_label("Type the two digits that the screen shows")
    await field.fill("4")
    await phone.evaluate(TEN_VIEWS)
    await expect(field).to_have_value("4")
    await phone.reload()  # the question is still there
    await expect(phone.locator("#domain")).to_have_text("localhost")
    await phone.get_by_role("button", name="Decline").click()
    await expect(phone.locator("#note")).to_contain_text("nothing has moved")
    await expect(phone.locator("#problem")).to_be_hidden()
    await venue.shows("idle")


@pytest.mark.parametrize(
    ("level", "gives"),
    [
        ("As you, by a pass for one login", "nobody but your own devices"),
        ("As you, by a login that your phone answers", "guesses of a weak password"),
    ],
)
async def test_a_screen_is_let_in_as_a_guest_unless_the_person_chooses_otherwise(
    venue: Venue, phone: Page, monkeypatch: pytest.MonkeyPatch, level: str, gives: str
) -> None:
    monkeypatch.setattr(page_module, "PULSE", 0.01)
    await scan(venue, phone)
    await expect(phone.locator("#enters")).to_have_text("As a guest")
    await expect(phone.locator("#gives")).to_contain_text("It keeps its own account")
    await phone.get_by_text("Let it in otherwise").click()
    await expect(phone.get_by_role("radio")).to_have_count(3)
    await expect(phone.get_by_role("radio", name="As a guest")).to_be_checked()
    await phone.get_by_role("radio", name=level).check()
    await expect(phone.locator("#gives")).to_contain_text(venue.place.phone[0])
    await expect(phone.locator("#gives")).to_contain_text(gives)
    await phone.evaluate(TEN_VIEWS)  # signs of life do not choose anew
    await expect(phone.get_by_role("radio", name=level)).to_be_checked()
    await phone.reload()  # and nobody is held to what they chose before
    await expect(phone.locator("#enters")).to_have_text("As a guest")
    await phone.get_by_text("Let it in otherwise").click()
    await phone.get_by_role("radio", name=level).check()
    await type_digits(phone, await venue.digits())
    await expect(phone.locator("#where")).to_have_text("On Demo screen")
    await venue.slide(3)
    await phone.get_by_role("button", name="Take it back").click()
    await expect(phone.get_by_text("nothing of yours is left there")).to_be_visible()
    await venue.shows("idle")


async def test_who_asks_and_what_is_decided_are_both_in_sight_on_a_small_phone(
    venue: Venue, phone: Page
) -> None:
    await phone.set_viewport_size({"width": 360, "height": 640})
    await scan(venue, phone)
    for seen in ("#domain", "#gives", "#pair", "#decline"):
        await expect(phone.locator(seen)).to_be_in_viewport(ratio=1)
    await phone.get_by_text("Let it in otherwise").click()
    await expect(phone.locator("#pair")).to_be_in_viewport(ratio=1)


async def test_a_photo_of_the_screen_is_as_good_as_its_code(
    venue: Venue, phone: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "PHOTO", 2**20)
    await venue.shows("idle")
    photo = await venue.page.screenshot()
    await phone.get_by_role("button", name="Show it on a screen").click()
    await choose(phone, photo)
    await expect(
        phone.get_by_role("heading", name="Let this screen in?")
    ).to_be_visible()
    await phone.get_by_role("button", name="Decline").click()
    await expect(phone.locator("#where")).to_have_text("On this phone")
    for wrong, sentence in (
        (await phone.screenshot(), "shows no QR code"),
        (b"not a picture", "is not a picture"),
        (bytes(2**20 + 1), "too large"),
    ):
        await phone.get_by_role("button", name="Show it on a screen").click()
        await choose(phone, wrong)
        await expect(phone.locator("#problem")).to_contain_text(sentence)


async def choose(phone: Page, photo: bytes) -> None:
    chosen: Any = {"name": "photo.png", "mimeType": "image/png", "buffer": photo}
    await phone.locator("#photo input").set_input_files(chosen)


async def test_a_line_is_written_on_the_screen_and_taken_away_again(
    venue: Venue, phone: Page
) -> None:
    await scan(venue, phone)
    await type_digits(phone, await venue.digits())
    frame = await venue.slide(3)
    await phone.get_by_label("Write on the screen").fill("Questions? Room 12")
    await phone.get_by_role("button", name="Write").click()
    await expect(frame.locator("#note")).to_have_text("Questions? Room 12")
    await phone.reload()  # what is away is still steered from here
    await expect(phone.locator("#where")).to_have_text("On Demo screen")
    await phone.get_by_role("button", name="Clear").click()
    await expect(frame.locator("#note")).to_be_hidden()


async def test_a_flick_turns_the_page_and_holding_points(phone: Page) -> None:
    touch = await phone.context.new_cdp_session(phone)
    box = await phone.locator("#room").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2

    async def finger(kind: str, x: float | None) -> None:
        points = [] if x is None else [{"x": box["x"] + box["width"] * x, "y": y}]
        event = {"type": kind, "touchPoints": points}
        await touch.send("Input.dispatchTouchEvent", event)

    await finger("touchStart", 0.8)
    await finger("touchMove", 0.4)
    await finger("touchEnd", None)
    await expect(phone.locator("#count")).to_have_text("4 / 6")
    await expect(phone.locator("#dot")).to_be_hidden()
    await finger("touchStart", 0.25)
    await expect(phone.locator("#dot")).to_be_visible()
    await finger("touchMove", 0.9)
    await finger("touchEnd", None)
    await expect(phone.locator("#dot")).to_be_hidden()
    await expect(phone.locator("#count")).to_have_text("4 / 6")


async def test_a_document_that_is_damaged_is_said_to_be_and_the_sentence_stays(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "PULSE", 0.01)
    presenter = load_presenter(None, page=1)
    presenter.document = b"%PDF-1.7 and then nothing of the kind"
    async with serve(presenter, *venue.place.phone, **venue.place.address) as address:
        page = await venue.context.new_page()
        await page.goto(address)
        await expect(page.locator("#problem")).to_contain_text("damaged")
        await page.evaluate(TEN_VIEWS)
        await expect(page.locator("#problem")).to_contain_text("damaged")


TEN_VIEWS = """new Promise((resolve) => {
  let views = 0;
  new MutationObserver(() => (views += 1) > 9 && resolve()).observe(
    document.getElementById("where"), { childList: true });
})"""

STRANGERS = [
    # method, path, headers, status
    ("GET", "/", {"Host": "evil.example"}, 421),
    ("GET", "/document.pdf", {}, 403),
    ("GET", "/events?token=guessed", {}, 403),
    ("POST", "/do", {}, 403),
    ("POST", "/do", {"Origin": "https://evil.example", "X-Token": "TOKEN"}, 403),
    ("POST", "/do", {"Origin": "null", "X-Token": "TOKEN"}, 403),
    ("POST", "/do", {"Origin": "OWN", "X-Token": "gü"}, 403),
    ("POST", "/do", {"Origin": "OWN", "X-Token": "TOKEN"}, 400),
    ("POST", "/photo", {"Origin": "https://evil.example", "X-Token": "TOKEN"}, 403),
    ("POST", "/photo", {"Origin": "OWN"}, 403),
    ("GET", "/..%2fpresenter.py", {}, 404),
    ("GET", "/vendor/..%2f..%2f..%2fpresenter.py", {}, 404),
    ("GET", "/%2fetc%2fpasswd", {}, 404),
]


async def test_what_is_no_code_is_a_sentence_and_no_stranger_is_answered(
    phone: Page,
) -> None:
    await phone.get_by_role("button", name="Show it on a screen").click()
    await phone.get_by_label("Or paste what its code says").fill("https://example.org/")
    await phone.get_by_role("button", name="Go on").click()
    await expect(phone.locator("#problem")).to_contain_text("not the code of a screen")
    await phone.reload()
    await expect(phone.locator("#problem")).to_contain_text("not the code of a screen")
    own = phone.url.rstrip("/")
    script = "document.querySelector('meta[name=token]').content"
    filled = {"OWN": own, "TOKEN": await phone.evaluate(script)}
    async with aiohttp.ClientSession() as http:
        for method, path, headers, status in STRANGERS:
            sent = {name: filled.get(value, value) for name, value in headers.items()}
            url = URL(f"{own}{path}", encoded=True)
            async with http.request(method, url, headers=sent) as answer:
                assert answer.status == status, (method, path, headers)
