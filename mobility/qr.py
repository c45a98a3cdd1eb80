"""A code as a picture: an SVG, a PNG, or lines for a terminal. Pure."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Final

import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M

__all__ = ["NARROW", "lines", "outline", "png", "svg"]

BORDER = 4  # less, and some readers do not find it
NARROW = (2, 1)  # of a terminal: readers manage, if there is no room for more
_SCALE = 10  # pixels of a PNG for each module
_MILLIMETRES = 1  # of an SVG, likewise
_BLOCKS: Final = {  # upper and lower module
    (False, False): " ",
    (True, False): "▀",
    (False, True): "▄",
    (True, True): "█",
}


def _rows(text: str, correction: int, border: int) -> list[list[bool]]:
    code = qrcode.QRCode(error_correction=correction, border=border)
    code.add_data(text)
    code.make()
    rows: list[list[bool]] = code.get_matrix()
    return rows


def outline(text: str) -> dict[str, object]:
    """
    Draw ``text`` as a QR code: the size of its square and the path of its dark parts.

    Runs in a row are drawn as one, so that no seams show between the modules.
    """
    rows = _rows(text, ERROR_CORRECT_M, BORDER)
    path = "".join(
        f"M{start} {y}h{end - start}v1h-{end - start}z"
        for y, row in enumerate(rows)
        for start, end in _runs(row)
    )
    return {"size": len(rows), "path": path}


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    edges = [x for x, (a, b) in enumerate(pairwise([False, *row, False])) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))


def svg(text: str) -> str:
    """A drawing of its own, dark on light, for printing at any size."""
    drawn = outline(text)
    size = drawn["size"]
    assert isinstance(size, int)
    side = f"{size * _MILLIMETRES}mm"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
        f'width="{side}" height="{side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}h-{size}z"/>'
        f'<path d="{drawn["path"]}"/></svg>\n'
    )


def png(text: str) -> bytes:
    """A picture of it, black on white."""
    rows = _rows(text, ERROR_CORRECT_M, BORDER)
    image = Image.new("1", (len(rows), len(rows)), 1)
    image.putdata([not dark for row in rows for dark in row])
    side = len(rows) * _SCALE
    drawn = io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(drawn, "PNG")
    return drawn.getvalue()


def lines(text: str, *, border: int = NARROW[0]) -> list[str]:
    """
    It in half blocks, as few as there can be: a character shows the *light* modules.

    So it is right where text is light on dark; a reader takes the other for inverted.
    """
    rows = _rows(text, ERROR_CORRECT_L, border)
    light = [[not dark for dark in row] for row in rows]
    if len(light) % 2:
        light.append([False] * len(light))
    return [
        "".join(_BLOCKS[above, below] for above, below in zip(*pair, strict=True))
        for pair in zip(light[::2], light[1::2], strict=True)
    ]
