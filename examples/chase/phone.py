"""The phone as a page, for whoever plays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from examples.chase.chase import Chase
from examples.chase.geojson import geojson
from examples.chase.remote import Remote
from examples.presenter.page import SHARED, read_code, serve_page
from mobility import Client, MobilityError

__all__ = ["serve"]

HERE = Path(__file__).parent
FOLDERS = (HERE / "phone", SHARED, HERE / "display")  # the last has what draws a map


@asynccontextmanager
async def serve(
    client: Client, chase: Chase, *, screens: Sequence[str] = (), listen: int = 0
) -> AsyncIterator[tuple[Remote, str]]:
    """
    Serve a player's page on the loopback interface, until the block ends.

    Args:
        client: The player's phone.
        chase: The game, which a `Seat` keeps going.
        screens: Addresses of kiosks' pages beside this one, for a demo.
        listen: Port of the page; 0 is any free one.

    """

    def city() -> bytes:
        city = chase.map.city
        return geojson(city).encode() if city else b"null"

    async def scan() -> str:
        """The first of them that shows a code: one that is visited shows none."""
        for screen in screens:
            try:
                return await read_code(screen)
            except MobilityError:
                continue
        raise MobilityError("No screen shows a code now. Open their pages first.")

    files = {"/city.geojson": city}
    async with serve_page(FOLDERS, files=files, listen=listen) as (page, address):
        look = scan if screens else None
        remote = page.remote = Remote(client, chase, scan=look, show=page.changed)
        try:
            yield remote, address
        finally:
            await remote.close()
