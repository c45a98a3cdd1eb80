"""Documents of sessions, saved as files."""

from __future__ import annotations

from pathlib import Path

from mobility.app import App

__all__ = ["saved"]


async def saved(app: App, folder: Path) -> Path:
    """Save what the app shows into a folder; files that are there are left alone."""
    state = await app.snapshot()
    for name, body in state.files.items():
        path = folder / name
        number = 2
        while path.exists() and path.read_bytes() != body:
            path = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
            number += 1
        path.write_bytes(body)
    return path
