"""The code is drawn as it should be, and read by another library."""

from __future__ import annotations

import re
from typing import Any

import zxingcpp
from PIL import Image, ImageDraw

from mobility.qr import outline

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
