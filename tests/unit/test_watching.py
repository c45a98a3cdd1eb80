"""A list that is watched is seen at once, whatever the terminal can do."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from mobility.cli.watching import watched


@pytest.mark.parametrize("term", ["dumb", "xterm", ""])
def test_each_list_is_there_as_soon_as_it_is_known(term: str) -> None:
    out = StringIO()
    environment = {"TERM": term, "COLUMNS": "40"}
    console = Console(file=out, force_terminal=bool(term), _environ=environment)
    with watched(console) as show:
        show("a phone")
        assert "a phone" in out.getvalue()
        show("a laptop")
        assert "a laptop" in out.getvalue()
