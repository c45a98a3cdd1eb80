"""Write the sample document of the presenter: the same bytes on every machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF

PAGES = (
    ("Carry it with you", "From the phone in your hand to the screen on the wall."),
    ("1. Scan", "The screen shows a code that is good once, for a minute."),
    ("2. Compare", "Two digits that only somebody who stands here can read."),
    ("3. Present", "The screen goes on where the phone was."),
    ("4. Take it back", "The phone goes on where the screen was."),
    ("Nothing stays", "No password, no file, no trace. And the screen signs that."),
)
TARGET = Path(__file__).parents[1] / "examples" / "presenter" / "sample.pdf"


def main() -> None:
    pdf = FPDF(orientation="landscape", format=(180, 320))
    pdf.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    pdf.set_auto_page_break(auto=False)
    for title, text in PAGES:
        pdf.add_page()
        pdf.set_font("helvetica", "B", 48)
        pdf.set_xy(24, 60)
        pdf.cell(text=title)
        pdf.set_font("helvetica", "", 22)
        pdf.set_xy(24, 92)
        pdf.cell(text=text)
    pdf.output(str(TARGET))


if __name__ == "__main__":
    main()
