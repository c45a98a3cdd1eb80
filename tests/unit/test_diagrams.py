"""The tables and diagrams in the docs are those of the code."""

from __future__ import annotations

import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/diagrams.py"


def test_the_docs_show_the_machines_as_they_are() -> None:
    pages: dict[Path, str] = runpy.run_path(str(SCRIPT))["pages"]()
    assert len(pages) == 6
    for path, text in pages.items():
        assert path.read_text("utf-8") == text, "run scripts/diagrams.py"
