"""The presenter's sample document."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "presenter" / "sample.pdf"


def test_drawing_the_sample_again_gives_the_same_file() -> None:
    path = ROOT / "scripts" / "make_sample_pdf.py"
    spec = importlib.util.spec_from_file_location("make_sample_pdf", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.draw() == SAMPLE.read_bytes()


def test_the_sample_is_the_15_kb_that_the_benchmarks_speak_of() -> None:
    assert 13_000 <= SAMPLE.stat().st_size <= 15_000
