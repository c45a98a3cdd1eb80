"""`mobility demo`: a server, a kiosk and a phone on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import statistics
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from aiohttp import ClientError
from rich.console import Console
from slixmpp.exceptions import XMPPError

from mobility.cli.presenter import load_presenter, presenter_module
from mobility.cli.rounds import Place, kiosk, measure, open_place
from mobility.errors import MobilityError, SettingsError

__all__ = ["demo"]

console = Console(highlight=False)


def demo(
    doc: Annotated[
        Path | None, typer.Option(help="The PDF to present; else the sample.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="The page to begin at.")] = 1,
    headless: Annotated[
        bool, typer.Option("--headless", help="Do a whole round without a person.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --headless: print one JSON object.")
    ] = False,
) -> None:
    """Carry a document to a screen and back, all on this machine."""
    if as_json and not headless:
        raise SettingsError("--json goes with --headless.")
    with tempfile.TemporaryDirectory(prefix="mobility-demo-") as folder:
        if headless:
            raise typer.Exit(0 if _headless(Path(folder), as_json=as_json) else 1)
        asyncio.run(_demo(Path(folder), doc, page))


def _headless(folder: Path, *, as_json: bool) -> bool:
    result: dict[str, Any] = {"ok": False}
    try:
        figures = asyncio.run(measure(folder, 1))
        # Without a browser "page" says none: the display was the SDK's, without a page.
        result = {"ok": True, "page": figures.pop("page")}
        result |= {k: round(statistics.median(v), 2) for k, v in figures.items()}
    except (MobilityError, TimeoutError, XMPPError, ClientError) as exc:
        result["error"] = str(exc) or "Something took too long."
    if as_json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            console.print(f"{key:22} {value}")
    return bool(result["ok"])


async def _demo(folder: Path, doc: Path | None, page: int) -> None:
    presenter = load_presenter(doc, page)
    serve = presenter_module(".phone").serve
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, done.set)
    console.print("Starting a private XMPP server, a kiosk and a phone ...")
    async with (
        open_place(folder) as place,
        kiosk(place) as screen,
        _phone(serve, place, presenter, screen) as phone,
    ):
        console.print(f"\n  Screen  [bold]{screen}[/]\n  Phone   [bold]{phone}[/]\n")
        console.print(
            "Open both, side by side. On the phone, tap Show it on a screen, then "
            "Scan the screen beside me.\nCtrl-C ends the demo."
        )
        await done.wait()
    console.print("Everything of the demo is gone.")


@contextlib.asynccontextmanager
async def _phone(serve: Any, place: Place, presenter: Any, screen: str) -> Any:
    jid, password = place.phone
    options = {"data": place.folder / "phone", **place.address}
    async with serve(presenter, jid, password, screen=screen, **options) as address:
        yield address
