"""The code is drawn as it should be, and read by another library."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import zxingcpp
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mobility.qr import NARROW, lines, outline, png, svg

URI = "xmpp:lobby@kiosk.example/r1?mobility;v=0;t=q83vEjRWeJCrze8SNFZ4kA;k=3q2-796tvu"


def drawn(code: dict[str, Any], scale: int = 6) -> Image.Image:
    size = code["size"] * scale
    picture = Image.new("L", (size, size), 255)
    pen = ImageDraw.Draw(picture)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", code["path"]):
        left, top = int(x) * scale, int(y) * scale
        right, bottom = left + int(width) * scale - 1, top + scale - 1
        pen.rectangle((left, top, right, bottom), fill=0)
    return picture


def test_a_reader_reads_what_was_drawn() -> None:
    (found,) = zxingcpp.read_barcodes(drawn(outline(URI)))
    assert found.text == URI


def test_the_quiet_zone_is_four_modules_wide() -> None:
    code: dict[str, Any] = outline(URI)
    spans = re.findall(r"M(\d+) (\d+)h(\d+)", code["path"])
    left = min(int(x) for x, _, _ in spans)
    right = max(int(x) + int(width) for x, _, width in spans)
    top, bottom = min(int(y) for _, y, _ in spans), max(int(y) for _, y, _ in spans)
    assert (left, top) == (4, 4)
    assert (right, bottom + 1) == (code["size"] - 4, code["size"] - 4)


def test_a_reader_reads_the_picture() -> None:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png(URI))).convert("RGB"))
    assert found.text == URI


def test_the_drawing_is_that_outline_on_white() -> None:
    drawing = fromstring(svg(URI))
    white, dark = drawing
    size = outline(URI)["size"]
    assert drawing.get("viewBox") == f"0 0 {size} {size}"
    assert (white.get("fill"), white.get("d")) == (
        "#fff",
        f"M0 0h{size}v{size}h-{size}z",
    )
    assert dark.get("d") == outline(URI)["path"]


def shown(code: list[str], light: int, dark: int) -> Image.Image:
    """A terminal with that code; a module is as wide as high."""
    scale, margin = 4, 3
    size = (len(code[0]) + 2 * margin) * scale, (len(code) + 2) * 2 * scale
    picture = Image.new("L", size, dark)
    pen = ImageDraw.Draw(picture)
    for y, line in enumerate(code):
        for x, character in enumerate(line):
            for half, lit in enumerate((character in "▀█", character in "▄█")):
                left, top = (x + margin) * scale, (2 * y + 2 + half) * scale
                if lit:
                    square = (left, top, left + scale - 1, top + scale - 1)
                    pen.rectangle(square, fill=light)
    return picture


@pytest.mark.parametrize("border", NARROW)
@pytest.mark.parametrize(
    ("light", "dark"),
    [(255, 0), (0, 255), (200, 40), (60, 220)],
    ids=["as we colour it", "inverted", "a dark theme", "a light theme"],
)
def test_a_reader_reads_it_from_a_terminal(border: int, light: int, dark: int) -> None:
    code = lines(URI, border=border)
    assert {len(line) for line in code} == {len(code[0])}
    (found,) = zxingcpp.read_barcodes(shown(code, light, dark))
    assert found.text == URI


@given(
    st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=250)
)
@settings(max_examples=25)
def test_whatever_a_code_says_is_read_from_the_picture(text: str) -> None:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png(text))).convert("RGB"))
    assert found.text == text
