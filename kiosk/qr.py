"""A code as the outline of an SVG. Pure."""

from __future__ import annotations

import qrcode
from qrcode.constants import ERROR_CORRECT_M

__all__ = ["outline"]

BORDER = 4  # less, and some readers do not find it


def outline(text: str) -> dict[str, object]:
    """
    Draw ``text`` as a QR code: the size of its square and the path of its dark parts.

    Runs in a row are drawn as one, so that no seams show between the modules.
    """
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=BORDER)
    code.add_data(text)
    code.make()
    rows = code.get_matrix()
    path = "".join(
        f"M{start} {y}h{end - start}v1h-{end - start}z"
        for y, row in enumerate(rows)
        for start, end in _runs(row)
    )
    return {"size": len(rows), "path": path}


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    edges = [x for x in range(len(row) + 1) if _at(row, x) != _at(row, x - 1)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _at(row: list[bool], x: int) -> bool:
    return 0 <= x < len(row) and bool(row[x])
