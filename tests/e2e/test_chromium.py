"""A Chromium of our own, whatever it does or does not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from mobility import MobilityError, chromium
from mobility.chromium import find_chromium, open_chromium


async def test_a_browser_that_opens_no_page_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = find_chromium()
    assert program, "Chromium is missing: run make setup"
    flags = ("--headless=new", "--disable-gpu", "--no-startup-window")
    with tempfile.TemporaryDirectory() as folder:  # short: it makes a socket in there
        profile = Path(folder) / "profile"
        async with open_chromium(program, flags, profile=profile) as browser:
            monkeypatch.setattr(chromium, "PAGE", 0.5)
            with pytest.raises(MobilityError, match="opens no page"):
                await browser.attach()
