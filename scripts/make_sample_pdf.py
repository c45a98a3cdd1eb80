"""
Draw the sample document of the presenter: the same bytes on every machine.

It is about 15 kB, which is the state that the benchmarks move; so nothing in it is
compressed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fpdf import FPDF

TARGET = Path(__file__).parents[1] / "examples" / "presenter" / "sample.pdf"
WIDTH, HEIGHT = 320, 180  # millimetres: the shape of a screen
LEFT = 24

NIGHT, INK, SOFT = (13, 16, 19), (21, 23, 28), (91, 95, 105)
PAPER, WHITE, LINE = (245, 242, 236), (255, 255, 255), (217, 212, 201)
GREEN, MINT, DEEP = (11, 93, 84), (111, 211, 193), (6, 56, 50)
RED, AMBER = (255, 69, 58), (255, 159, 64)


class Sheet(FPDF):
    """A page with what the drawings are made of."""

    def __init__(self) -> None:
        super().__init__(orientation="landscape", format=(HEIGHT, WIDTH))
        self.set_compression(False)
        self.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
        self.set_producer("mobility")
        self.set_title("Carry it with you")
        self.set_auto_page_break(auto=False)
        self.ink, self.soft, self.mark, self.track = INK, SOFT, GREEN, LINE

    def begin(self, *, ground: tuple[int, int, int]) -> None:
        self.add_page()
        self._out("1 J 1 j")  # round pens
        dark = ground in (NIGHT, GREEN)
        self.ink = WHITE if dark else INK
        self.soft = (196, 214, 210) if dark else SOFT
        self.mark = MINT if dark else GREEN
        self.track = (64, 84, 82) if dark else LINE
        self.box(0, 0, WIDTH, HEIGHT, ground)

    def box(
        self, x: float, y: float, w: float, h: float, fill: Any, *, round: float = 0
    ) -> None:
        """A filled box; its round corners are those of a thick pen: no curves."""
        if not round:
            self.set_fill_color(*fill)
            self.rect(x, y, w, h, style="F")
            return
        self.set_draw_color(*fill)
        self.set_line_width(2 * round)
        if h == 2 * round:
            self.line(x + round, y + round, x + w - round, y + round)
        else:
            self.set_fill_color(*fill)
            inner = (x + round, y + round, w - 2 * round, h - 2 * round)
            self.rect(*inner, style="DF")

    def dot(self, x: float, y: float, size: float, fill: Any) -> None:
        self.set_draw_color(*fill)
        self.set_line_width(size)
        self.line(x, y, x + 0.05, y)  # none at all is not drawn

    def words(
        self, x: float, y: float, text: str, size: float, colour: Any, *, style: str
    ) -> None:
        """Put one line there; `y` is where its letters stand."""
        self.set_font("helvetica", style, size)
        self.set_text_color(*colour)
        self.text(x, y, text)

    def say(self, *title: str, text: tuple[str, ...]) -> None:
        """A headline and what it means, on the left half."""
        y = 92 - 9 * len(title)
        for line in title:
            self.words(LEFT, y, line, 46, self.ink, style="B")
            y += 18
        for number, line in enumerate(text):
            self.words(LEFT, y + 2 + 10.5 * number, line, 19, self.soft, style="")

    def chapter(self, text: str) -> None:
        self.dot(LEFT + 2.5, 25.1, 5, self.mark)
        self.words(LEFT + 9, 27, text, 14, self.ink, style="B")

    def number(self, page: int, pages: int) -> None:
        for share, colour in ((1.0, self.track), (page / pages, self.mark)):
            self.set_draw_color(*colour)
            self.set_line_width(2)
            self.line(LEFT + 1, 161.5, LEFT + 1 + 60 * share, 161.5)
        self.words(WIDTH - 34, 163, f"{page} / {pages}", 13, self.soft, style="")

    # --- the cast --------------------------------------------------------------

    def screen(self, x: float, y: float, w: float, fill: Any = WHITE) -> None:
        h = w * 0.58
        self.box(x, y, w, h, INK if self.ink == INK else DEEP, round=4)
        self.box(x + 3, y + 3, w - 6, h - 6, fill, round=2)
        self.box(x + w * 0.46, y + h, w * 0.08, 9, self.ink)
        self.box(x + w * 0.34, y + h + 8, w * 0.32, 3, self.ink, round=1.5)

    def phone(self, x: float, y: float, h: float, fill: Any = WHITE) -> None:
        w = h * 0.5
        self.box(x, y, w, h, INK if self.ink == INK else DEEP, round=5)
        self.box(x + 2, y + 2, w - 4, h - 4, fill, round=3.4)
        self.box(x + w * 0.38, y + 4.4, w * 0.24, 1.6, LINE, round=0.8)

    def arrow(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """A throw from here to there: a bow of dots that grow, and a tip."""
        bow = 24.0
        for step in range(8):
            t = step / 9
            at_y = y + (to_y - y) * t - bow * 4 * t * (1 - t)
            self.dot(x + (to_x - x) * t, at_y, 1.4 + 2.4 * t, AMBER)
        angle = math.atan2(to_y - y + bow * 4, to_x - x)
        self.set_fill_color(*AMBER)
        tip = [
            (to_x + r * math.cos(angle + a), to_y + r * math.sin(angle + a))
            for r, a in ((2.0, 0.0), (9.0, 2.65), (9.0, -2.65))
        ]
        self.polygon(tip, style="F")

    def slide(self, x: float, y: float, w: float) -> None:
        """What is being presented: a chart on a page."""
        self.box(x, y, w, w * 0.5, PAPER, round=1)
        self.box(x + w * 0.08, y + w * 0.07, w * 0.4, w * 0.05, INK, round=w * 0.025)
        for bar, height in enumerate((0.1, 0.17, 0.13, 0.23, 0.28)):
            left = x + w * (0.1 + 0.17 * bar)
            top = y + w * (0.45 - height)
            self.box(left, top, w * 0.11, w * height, GREEN if bar % 2 else MINT)

    def code(self, x: float, y: float, size: float) -> None:
        """A drawing of a code, which is none."""
        unit = size / 11
        for cx, cy in ((0, 0), (8, 0), (0, 8)):
            self.box(x + cx * unit, y + cy * unit, 3 * unit, 3 * unit, INK, round=1)
            inner = (x + (cx + 0.6) * unit, y + (cy + 0.6) * unit)
            self.box(*inner, 1.8 * unit, 1.8 * unit, WHITE)
            core = (x + (cx + 1.1) * unit, y + (cy + 1.1) * unit)
            self.box(*core, 0.8 * unit, 0.8 * unit, GREEN)
        for cell in range(121):
            cx, cy = cell % 11, cell // 11
            corner = (cx < 4 and (cy < 4 or cy > 6)) or (cx > 6 and cy < 4)
            if not corner and (cx * 7 + cy * 5 + cx * cy) % 3 == 0:
                self.box(x + cx * unit, y + cy * unit, unit, unit, INK)

    def sight(self, x: float, y: float, size: float) -> None:
        """The corners between which a phone looks for a code."""
        self.set_draw_color(*GREEN)
        self.set_line_width(2)
        for left, top in ((0, 0), (1, 0), (0, 1), (1, 1)):
            cx, cy = x + left * size, y + top * size
            dx, dy = (0.3 - 0.6 * left) * size, (0.3 - 0.6 * top) * size
            self.polyline([(cx + dx, cy), (cx, cy), (cx, cy + dy)])
        self.box(x + 4, y + 4, size - 8, size - 8, MINT, round=2)

    def digits(self, x: float, y: float, h: float) -> None:
        for number, digit in enumerate("47"):
            left = x + number * h * 0.9
            self.box(left, y, h * 0.8, h, PAPER, round=h * 0.12)
            self.words(left + h * 0.2, y + h * 0.76, digit, h * 2.05, GREEN, style="B")

    def check(self, x: float, y: float, size: float) -> None:
        self.dot(x + size / 2, y + size / 2, size, GREEN)
        self.set_draw_color(*WHITE)
        self.set_line_width(size * 0.1)
        points = ((0.26, 0.53), (0.43, 0.7), (0.75, 0.34))
        at = [(x + size * px, y + size * py) for px, py in points]
        self.polyline(at)


def cover(sheet: Sheet) -> None:
    sheet.begin(ground=NIGHT)
    sheet.chapter("mobility")
    sheet.say(
        "Carry it",
        "with you.",
        text=("From the phone in your hand", "to the screen on the wall, and back."),
    )
    sheet.screen(196, 42, 104, MINT)
    sheet.slide(208, 50, 80)
    sheet.phone(162, 88, 60, MINT)
    sheet.slide(166, 109, 22)
    sheet.arrow(177, 82, 232, 66)


def scan(sheet: Sheet) -> None:
    sheet.begin(ground=PAPER)
    sheet.chapter("First")
    sheet.say("Scan.", text=("The code on the screen is", "good once, for one minute."))
    sheet.screen(160, 38, 136)
    sheet.code(199, 48, 58)
    sheet.phone(262, 84, 66)
    sheet.sight(266, 104, 25)


def compare(sheet: Sheet) -> None:
    sheet.begin(ground=PAPER)
    sheet.chapter("Then")
    sheet.say(
        "Compare.", text=("Two digits that only you can", "read, because you are here.")
    )
    sheet.screen(160, 38, 136)
    sheet.digits(197, 58, 36)
    sheet.phone(262, 84, 66)
    sheet.digits(267.5, 106, 13)
    sheet.box(268, 130, 21, 8, GREEN, round=4)


def present(sheet: Sheet) -> None:
    sheet.begin(ground=GREEN)
    sheet.chapter("Now")
    sheet.say(
        "Present.",
        text=("The screen goes on where the", "phone was. The phone points."),
    )
    sheet.screen(160, 38, 136)
    sheet.slide(166, 44, 124)
    sheet.dot(255, 66, 7, RED)
    sheet.phone(262, 84, 66)
    sheet.slide(266, 98, 25)
    sheet.dot(285, 102.6, 2, RED)
    sheet.box(266, 118, 11, 22, LINE, round=2)
    sheet.box(279, 118, 12, 22, GREEN, round=2)


def take_back(sheet: Sheet) -> None:
    sheet.begin(ground=PAPER)
    sheet.chapter("And when you go")
    sheet.say(
        "Take it",
        "back.",
        text=("One tap, and the phone goes", "on where the screen was."),
    )
    sheet.screen(160, 38, 104, PAPER)
    sheet.phone(248, 74, 78)
    sheet.slide(252, 96, 31)
    sheet.arrow(196, 82, 263, 91)
    sheet.box(255, 126, 25, 9, GREEN, round=4.5)


def clean(sheet: Sheet) -> None:
    sheet.begin(ground=PAPER)
    sheet.chapter("Afterwards")
    sheet.say(
        "Nothing",
        "stays.",
        text=("No password, no file, no trace.", "And the screen signs for it."),
    )
    sheet.screen(160, 38, 136)
    sheet.check(210, 59, 36)


PAGES: tuple[Callable[[Sheet], None], ...] = (
    cover,
    scan,
    compare,
    present,
    take_back,
    clean,
)


def draw() -> bytes:
    """The whole document."""
    sheet = Sheet()
    for number, page in enumerate(PAGES, 1):
        page(sheet)
        sheet.number(number, len(PAGES))
    return bytes(sheet.output())


if __name__ == "__main__":
    TARGET.write_bytes(draw())
