"""The phone as a page, for whoever presents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mobility import Client

from .page import SHARED, read_code, serve_page
from .presenter import Presenter
from .remote import Remote

__all__ = ["serve"]

DECK = Path(__file__).parent / "display"  # pdf.js, and the code that draws with it


@asynccontextmanager
async def serve(
    presenter: Presenter,
    jid: str,
    password: str,
    *,
    screen: str | None = None,
    listen: int = 0,
    **options: Any,
) -> AsyncIterator[str]:
    """
    Serve the phone's page on the loopback interface, until the block ends.

    Args:
        presenter: The document.
        jid, password: The user's account.
        screen: Address of a kiosk's page beside this one, for a demo.
        listen: Port of the page; 0 is any free one.
        options: Further arguments of `mobility.Client`.

    """
    files = {"/document.pdf": lambda: presenter.document}
    scan = None if screen is None else lambda: read_code(screen)
    async with (
        Client(jid, password, **options) as client,
        serve_page((SHARED, DECK), files=files, listen=listen) as (page, address),
    ):
        remote = page.remote = Remote(client, presenter, scan=scan, show=page.changed)
        try:
            yield address
        finally:
            await remote.close()
