"""The file beside a page says which parts of its app it can show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiosk.page.parts import PageParts, read_parts
from kiosk.settings.settings import AppSettings
from kiosk.stage.app import PageApp, PageAppFactory
from kiosk.stage.screen import Venue
from kiosk.stage.stage import Stage
from mobility import Part, SettingsError
from mobility.refusal import made

URI = "https://example.org/apps/chase"


def read(folder: Path, text: str) -> tuple[Part, ...]:
    (folder / "parts.json").write_text(text)
    return read_parts(folder, URI)


def test_without_the_file_the_page_shows_the_whole_app(tmp_path: Path) -> None:
    assert read_parts(tmp_path, URI) == ()


def test_names_of_packets_are_in_the_namespace_of_the_app(tmp_path: Path) -> None:
    parts = read(tmp_path, '{"map": ["round", "{urn:other}seen"], "chat": []}')
    map, chat = parts
    assert (map.name, map.allow) == ("map", (f"{{{URI}}}round", "{urn:other}seen"))
    assert (chat.name, chat.allow) == ("chat", ())


WRONG = [
    "",
    "[]",
    '{"map": "round"}',
    '{"map": ["two words"]}',
    '{"map": [1]}',
    '{"a.b": []}',
    '{"a|b": []}',
    '{"": ["round"]}',
    json.dumps({"map": ["x"] * 257}),
    "[" * 10_000,
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_not_understood_is_said_with_the_name_of_the_file(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(SettingsError, match=r"parts\.json must be like"):
        read(tmp_path, text)


def test_a_page_of_parts_takes_the_whole_if_the_file_says_so(tmp_path: Path) -> None:
    for text, takes in (('{"map": []}', False), ('{"map": [], "": []}', True)):
        app = AppSettings(URI, tmp_path, parts=read(tmp_path, text))
        factory = PageAppFactory(app, stage(app))
        assert [part.name for part in factory.parts] == ["map"]
        assert made(factory, "map")._shown.uri == URI
        assert isinstance(made(factory, ""), PageApp) is takes


def stage(app: AppSettings) -> Stage:
    return Stage(Venue("Lobby"), [app], origin="http://{}".format, clock=lambda: 0.0)


def test_what_runs_a_part_knows_which_and_lets_in_what_the_file_names(
    tmp_path: Path,
) -> None:
    parts = read(tmp_path, '{"map": ["round"]}')
    app = AppSettings(URI, tmp_path, parts=parts)
    factory = PageAppFactory(app, stage(app))
    [part] = factory.parts
    assert part.name == "map"
    whole = factory()
    assert isinstance(whole, PageParts)
    piece = whole.piece("map")
    assert piece.allow == {f"{{{URI}}}round"}
    assert whole.part("map").uri == URI
    with pytest.raises(LookupError):
        whole.piece("chat")
