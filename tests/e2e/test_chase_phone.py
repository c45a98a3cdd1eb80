"""The page of a player's phone, in a real browser; the phone itself has no server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from examples.chase.chase import Chase
from examples.chase.generated import generate
from examples.chase.geojson import geojson
from examples.chase.packets import city_pieces
from examples.chase.phone import serve
from examples.chase.remote import Remote
from examples.chase.words import q
from mobility import Stanza
from mobility.chromium import find_chromium
from tests.e2e.conftest import FLAGS
from tests.e2e.test_chase_map import HOSTILE, STATIONS, TOWN, player, spot

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all


class NoServer:
    """A client that is connected to nobody."""

    jid = "juliet@localhost/phone"

    async def watch_devices(self) -> AsyncIterator[list[Any]]:
        yield []


@dataclass
class Phone:
    """A game as far as this player has it, and the page that shows it."""

    chase: Chase
    remote: Remote
    page: Page
    said: list[Stanza]

    async def hear(self, *packets: Stanza) -> None:
        for packet in packets:
            await self.chase.say(packet)

    async def see(self, part: str) -> None:
        await self.page.get_by_role("tab", name=part).click()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser) -> AsyncIterator[Phone]:
    chase = Chase("chase.localhost")
    said: list[Stanza] = []
    complaints: list[str] = []
    chase.speak = said.append
    client: Any = NoServer()
    async with serve(client, chase) as (remote, address):
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(address)
        yield Phone(chase, remote, page, said)
        assert complaints == []
        await page.close()


def turn(*rides: tuple[int, str]) -> Stanza:
    here = {"station": STATIONS[1].id, "name": STATIONS[1].name, "target": ""}
    go = (
        Stanza(
            q("go"),
            {"to": STATIONS[n].id, "name": STATIONS[n].name, "by": by, "left": "8"},
        )
        for n, by in rides
    )
    return Stanza(q("turn"), here, children=tuple(go))


def line(text: str, number: str = "2", name: str = "Ben") -> Stanza:
    who = {"player": f"p{number}", "name": name, "number": number}
    return Stanza(q("message"), {**who, "at": "1789000000", "round": "4"}, text)


BEGIN = (
    Stanza(q("welcome"), {"you": "p1", "city": TOWN.name, "rounds": "12"}),
    *city_pieces(geojson(TOWN)),
    player(1, "Juliet"),
    player(2, "Ben"),
    Stanza(
        q("round"),
        {"number": "4", "of": "12", "phase": "agents", "left": "65", "shows": "6"},
    ),
)


async def test_somebody_who_has_not_joined_is_asked_for_a_name(phone: Phone) -> None:
    await phone.page.get_by_label("Who is playing?").fill("Juliet")
    await phone.page.get_by_role("button", name="Join").click()
    await expect(phone.page.locator("#phase")).to_have_text("Not joined")
    await phone.hear(*BEGIN)
    await expect(phone.page.locator("#join")).to_be_hidden()
    assert [(one.local, one.attributes) for one in phone.said] == [
        ("join", {"name": "Juliet"})
    ]
    await expect(phone.page.locator("#round")).to_have_text("Round 4 of 12")


async def test_a_ride_is_taken_by_its_button_and_a_refusal_is_told(
    phone: Phone,
) -> None:
    await phone.hear(*BEGIN, turn((2, "tram"), (1, "foot")))
    await expect(phone.page.locator("#phase")).to_contain_text("Your turn")
    ride = phone.page.get_by_role("button", name=STATIONS[2].name)
    await expect(ride).to_contain_text("Tram · 8 left")
    await phone.hear(Stanza(q("no"), text="It is not your turn yet."))  # draws anew
    await expect(phone.page.locator("#no")).to_have_text("It is not your turn yet.")
    await ride.click()
    await phone.hear(turn())
    await expect(phone.page.locator("#rides button")).to_have_count(0)
    [moved] = phone.said
    assert (moved.local, moved.attributes) == (
        "move",
        {"to": STATIONS[2].id, "by": "tram"},
    )


async def test_whose_turn_it_is_is_told_in_each_part_as_long_as_the_phone_knows(
    phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = phone.page.locator("#phase")
    await phone.hear(*BEGIN, player(1, "Juliet", role="x"), turn((2, "tram")))
    await expect(phase).to_have_text("Your turn: choose a ride")
    at = f"You are Mr. X, at {STATIONS[1].name}"
    await expect(phone.page.locator("#at")).to_have_text(at)
    await phone.see("Chat")
    await expect(phase).to_have_text("Your turn: choose a ride under Players")
    there = {"id": "lobby", "name": "Lobby", "here": False}
    places = {"map": [there], "members": [there], "chat": [{**there, "here": True}]}
    monkeypatch.setattr(phone.remote, "_places", lambda: places)
    phone.chase.map.on_change()
    await expect(phase).to_have_text("")
    await expect(phone.page.locator("#round")).to_have_text("Chase")


async def test_lines_are_counted_until_they_are_read_and_said_with_enter(
    phone: Phone,
) -> None:
    await phone.hear(*BEGIN, line("Hello"), line("Who is north?"))
    await expect(phone.page.locator("#unread")).to_have_text("2")
    await phone.see("Chat")
    await expect(phone.page.locator("#unread")).to_be_hidden()
    await phone.page.get_by_label("Say something").fill("I am")
    await phone.page.keyboard.press("Enter")
    await phone.hear(line("I am", "1", "Juliet"))
    await expect(phone.page.locator("#lines .mine")).to_have_text("JulietI am")
    [said] = phone.said
    assert (said.local, said.text) == ("say", "I am")


async def test_the_last_line_is_in_sight_unless_somebody_reads_older_ones(
    phone: Phone,
) -> None:
    await phone.hear(*BEGIN, *[line(f"Line {number}") for number in range(40)])
    await phone.see("Chat")
    await expect(phone.page.get_by_text("Line 39")).to_be_in_viewport(ratio=1)
    await phone.hear(line("The next one"))
    await expect(phone.page.get_by_text("The next one")).to_be_in_viewport(ratio=1)
    await phone.page.get_by_text("Line 3", exact=True).scroll_into_view_if_needed()
    await phone.hear(line("One more"))
    await expect(phone.page.locator("#lines li")).to_have_count(42)
    await expect(phone.page.get_by_text("Line 3", exact=True)).to_be_in_viewport()


async def test_the_map_is_on_the_phone_while_it_is_nowhere_else(phone: Phone) -> None:
    await phone.hear(*BEGIN)
    await phone.see("Map")
    await expect(phone.page.locator(".token.player")).to_have_count(2)
    await expect(phone.page.locator(".token.own i")).to_be_hidden()
    await phone.hear(player(1, "Juliet", role="x", number="0", station=""), turn())
    await expect(phone.page.locator(".token.player")).to_have_count(1)
    await expect(phone.page.locator(".token.own i")).to_be_visible()
    another = generate(1)  # and another game
    await phone.hear(*city_pieces(geojson(another)), player(3))
    names = phone.page.locator("svg .name")
    await expect(names.first).to_have_text(next(iter(another.stations.values())).name)
    await expect(phone.page.locator(".token.player")).to_have_count(1)


async def test_what_strangers_say_is_text(phone: Phone) -> None:
    names = [player(n, name) for n, name in enumerate(HOSTILE, 1)]
    lines = [line(text, str(n), text) for n, text in enumerate(HOSTILE, 1)]
    rides = Stanza(
        q("turn"),
        {"station": "s1", "name": HOSTILE[0], "target": ""},
        children=tuple(
            Stanza(q("go"), {"to": "s1", "name": name, "by": name, "left": "1"})
            for name in HOSTILE
        ),
    )
    seen = {"round": "1", "station": "s1", "name": HOSTILE[0], **spot(1)}
    await phone.hear(
        *BEGIN,
        *names,
        *lines,
        rides,
        Stanza(q("seen"), seen),
        Stanza(q("no"), text=HOSTILE[1]),
    )
    await expect(phone.page.locator("#players bdi")).to_have_text(HOSTILE)
    await expect(phone.page.locator("#rides bdi")).to_have_text(HOSTILE)
    await expect(phone.page.locator("#no")).to_have_text(HOSTILE[1])
    await phone.see("Chat")
    await expect(phone.page.locator("#lines span")).to_have_text(HOSTILE)
    await phone.see("Map")
    await expect(phone.page.locator(".token.player")).to_have_count(len(HOSTILE))
    over = {"winner": "x", "by": "", "name": "", "round": "4"}
    await phone.hear(Stanza(q("over"), over, HOSTILE[0]))
    await expect(phone.page.locator("#phase")).to_have_text(HOSTILE[0])
    assert await phone.page.locator("img, script:not([src])").count() == 0


@pytest.mark.parametrize("size", [(320, 568), (360, 640), (390, 844), (844, 390)])
async def test_what_is_to_be_done_is_in_sight_on_every_phone(
    phone: Phone, size: tuple[int, int]
) -> None:
    await phone.page.set_viewport_size({"width": size[0], "height": size[1]})
    await phone.hear(*BEGIN, turn((2, "tram")), *[line("x" * 280) for _ in range(50)])
    ride = phone.page.get_by_role("button", name=STATIONS[2].name)
    await expect(ride).to_be_in_viewport(ratio=1)
    for part, seen in (("Chat", "#say"), ("Map", "#room"), ("Players", "#where")):
        await phone.see(part)
        await expect(phone.page.locator(seen)).to_be_in_viewport(ratio=0.99)
    wide = "document.documentElement.scrollWidth <= innerWidth"
    assert await phone.page.evaluate(wide)
