"""The map of a chase on the screen of a kiosk, in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Frame, async_playwright, expect

from examples.chase.board import CITY, Map
from examples.chase.generated import generate
from examples.chase.geojson import geojson
from examples.chase.packets import city_pieces
from examples.chase.words import URI, q
from mobility import InvalidState, Stanza, State
from mobility.chromium import find_chromium
from tests.e2e.conftest import FLAGS, until
from tests.e2e.wall import Wall, wall

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all

PAGE = Path("examples/chase/display").absolute()
TOWN = generate(5)
STATIONS = list(TOWN.stations.values())
HOSTILE = [
    "<img src=x onerror=x()>",
    "</li><script src=/x.js>",
    "&lt;b&gt;",
    "${x()}{{x()}}",
    "W" * 24,
    "שלום עולם",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def screen(browser: Browser) -> AsyncIterator[Wall]:
    async with wall(browser, URI, PAGE, "map") as screen:
        complaints: list[str] = []
        screen.page.on("pageerror", lambda error: complaints.append(str(error)))
        yield screen
        assert complaints == []


def player(which: int, name: str = "Anna", /, **more: str) -> Stanza:
    id, here = f"p{which}", STATIONS[which].id
    about = {"id": id, "name": name, "role": "agent", "number": str(which)}
    return Stanza(q("player"), about | {"here": "yes", "station": here} | more)


async def game(*packets: Stanza) -> State:
    """What a phone hands over that has heard these."""
    map = Map()
    for packet in (*city_pieces(geojson(TOWN)), *packets):
        await map.replay(packet)
    return await map.snapshot()


def spot(number: int) -> dict[str, str]:
    lon, lat = STATIONS[number].at
    return {"lon": f"{lon:.6f}", "lat": f"{lat:.6f}"}


async def place(frame: Frame, name: str) -> tuple[float, float]:
    """Where a player's token is going, in pixels."""
    script = """(name) => {
      const all = [...document.querySelectorAll(".token")];
      const { e, f } = new DOMMatrix(all.find((one) => one.textContent.includes(name)).style.transform);
      return [e, f];
    }"""
    x, y = await frame.evaluate(script, name)
    return x, y


async def test_what_the_phone_knew_is_on_the_screen(screen: Wall) -> None:
    lap = {"number": "4", "of": "12", "phase": "agents", "left": "65", "shows": "6"}
    seen = {"round": "3", "station": STATIONS[9].id, "name": STATIONS[9].name}
    frame = await screen.show(
        await game(
            player(1, target=STATIONS[7].id),
            player(2, "Ben"),
            Stanza(q("round"), lap),
            Stanza(q("seen"), seen | spot(9)),
        )
    )
    await expect(frame.locator("header h1")).to_have_text("Round 4 of 12")
    await expect(frame.locator("#phase")).to_have_text("Agents choose")
    await expect(frame.locator("#left")).to_have_text("1:05")
    await expect(frame.locator("#shows")).to_have_text("Mr. X appears after round 6")
    rows = await frame.locator("#players li").all_inner_texts()
    assert rows == [
        f"1\nAnna\n→ {STATIONS[7].name}",
        f"2\nBen\n{STATIONS[2].name}",
    ]
    await expect(frame.locator(".seen span")).to_have_text("Round 3")
    names = await frame.locator("svg .name").all_text_contents()
    assert len(names) > len(STATIONS) / 2
    assert {*names} <= {station.name for station in STATIONS}


async def test_a_token_glides_to_where_its_player_is(screen: Wall) -> None:
    frame = await screen.show(await game(player(1, target=STATIONS[3].id)))
    start = await place(frame, "Anna")
    await screen.say("position", player="p1", **spot(3))
    await until(
        frame,
        "document.querySelector('.token.player').getAnimations().length === 1",
    )
    assert await place(frame, "Anna") != start
    await screen.say("position", player="nobody", **spot(3))
    await screen.say("position", player="p1", lon="east", lat="")
    await screen.say("position", player="p1", lon="1e9", lat="51")
    reached = await place(frame, "Anna")
    await screen.say("player", id="p2", name="Ben", number="2", station=STATIONS[3].id)
    await expect(frame.locator(".token.player")).to_have_count(2)
    assert (await place(frame, "Ben"))[0] == pytest.approx(reached[0], abs=1)


async def test_those_who_stand_at_one_station_do_not_cover_one_another(
    screen: Wall,
) -> None:
    same = {"station": STATIONS[5].id}
    crowd = [player(number, f"Name {number}.", **same) for number in range(1, 7)]
    frame = await screen.show(await game(*crowd))
    places = [await place(frame, f"Name {number}.") for number in range(1, 7)]
    assert len({*places}) == 6


async def test_a_city_that_comes_later_is_drawn_and_goes_home_with_the_state(
    screen: Wall,
) -> None:
    frame = await screen.show(await Map().snapshot())
    await expect(frame.get_by_text("The map is on its way")).to_be_visible()
    for piece in city_pieces(geojson(TOWN)):
        await screen.app.replay(piece)
    await expect(frame.locator("#where")).to_have_text(TOWN.name)
    await screen.app.replay(player(1))
    await expect(frame.locator(".token.player")).to_have_count(1)
    back = Map()
    await back.restore(await screen.app.snapshot())
    assert back.city is not None
    assert back.city.name == TOWN.name
    assert back.players["p1"].name == "Anna"
    assert back.spots["p1"] == pytest.approx(STATIONS[1].at)


async def test_the_state_that_goes_home_is_what_the_phone_would_have(
    screen: Wall,
) -> None:
    packets = [
        player(1, target=STATIONS[4].id),
        player(2, "Ben"),
        player(3, "Xaver", role="x", number="0", station=""),
        Stanza(q("position"), {"player": "p1", **spot(3)}),
        Stanza(q("seen"), {"round": "3", "station": "s2", "name": "There", **spot(2)}),
        Stanza(
            q("round"),
            {"number": "4", "of": "12", "phase": "x", "left": "0", "shows": "6"},
        ),
        player(2, "Ben", here="no"),
        Stanza(q("over"), {"winner": "x", "round": "4"}, "Mr. X got away."),
    ]
    await screen.show(await game())
    for packet in packets:
        await screen.app.replay(packet)
    there = await screen.app.snapshot()
    here = await game(*packets)
    assert there.data == here.data
    assert json.loads(there.files[CITY]) == json.loads(here.files[CITY])


async def test_who_has_won_is_told_and_the_next_game_begins_anew(screen: Wall) -> None:
    frame = await screen.show(await game(player(1)))
    await screen.say("over", "Anna caught Mr. X.", winner="agents", by="p1", round="7")
    await expect(frame.locator("#winner")).to_have_text("The agents have won")
    await expect(frame.locator("#story")).to_have_text("Anna caught Mr. X.")
    for piece in city_pieces(geojson(generate(6))):
        await screen.app.replay(piece)
    await expect(frame.locator("#over")).to_be_hidden()
    await expect(frame.locator("#players li")).to_have_count(0)


async def test_hostile_names_are_text_wherever_they_stand(screen: Wall) -> None:
    players = [player(n, name) for n, name in enumerate(HOSTILE, 1)]
    state = await game(*players)
    frame = await screen.show(state)
    for name in HOSTILE:
        await screen.say("seen", round="3", station="s9", name=name, **spot(9))
        await screen.say("over", name, winner=name, name=name, round=name)
        await expect(frame.locator("#story")).to_have_text(name)
        await expect(frame.locator("#players bdi").get_by_text(name)).to_be_visible()
    assert await frame.locator("img, script:not([src])").count() == 0
    await expect(frame.locator("#over")).to_be_in_viewport(ratio=1)


NONSENSE: list[Any] = [
    {"features": [{"geometry": None, "properties": None}]},
    {"features": [None, 7, "x"]},
    {"features": {}},
    [],
    None,
]


@pytest.mark.parametrize("city", NONSENSE)
async def test_a_city_that_is_none_is_refused_with_a_sentence(
    screen: Wall, city: object
) -> None:
    state = State((await game()).data, {CITY: json.dumps(city).encode()})
    with pytest.raises(InvalidState, match="cannot be drawn"):
        await screen.app.restore(state)


async def test_another_part_is_refused(browser: Browser) -> None:
    async with wall(browser, URI, PAGE, "chat") as screen:
        with pytest.raises(InvalidState, match="the map of a chase only"):
            await screen.app.restore(State({"lines": []}))


SIZES = [(800, 480), (1920, 1080), (1080, 1920), (3840, 2160)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [6, 16, 50])
async def test_everybody_is_on_the_map_and_nothing_is_cut(
    browser: Browser, size: tuple[int, int], count: int
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    async with wall(browser, URI, PAGE, "map", viewport=viewport) as screen:
        crowd = [player(1 + n % 30, f"Name {n}", id=f"p{n}") for n in range(count)]
        frame = await screen.show(await game(*crowd))
        await expect(frame.locator(".token.player")).to_have_count(count)
        outside = await frame.evaluate(OUTSIDE)
        assert outside == []
        listed = await frame.evaluate(LISTED)
        more = await frame.locator("#more").text_content() or ""
        assert listed + int("".join(filter(str.isdigit, more)) or 0) == count


# tokens that are not wholly on the map, and lines beside it that leave their column
OUTSIDE = """[...document.querySelectorAll(".token.player b, header p, header h1")]
  .filter((one) => one.offsetParent)
  .filter((one) => {
    const room = one.closest("main, aside").getBoundingClientRect();
    const { left, right, top, bottom } = one.getBoundingClientRect();
    return left < room.left || right > room.right || top < room.top || bottom > room.bottom;
  }).map((one) => one.outerHTML)"""

LISTED = """(() => {
  const room = document.getElementById("players").getBoundingClientRect();
  return [...document.querySelectorAll("#players li")].filter((one) => {
    const { right, bottom } = one.getBoundingClientRect();
    return right <= room.right + 1 && bottom <= room.bottom + 1;
  }).length;
})()"""
