"""The example app, which the commands carry: from a checkout or from the wheel."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from mobility.errors import SettingsError

__all__ = ["load_presenter", "presenter_module"]

LARGEST = 1024 * 1024  # bytes of a document, in this version


def presenter_module(name: str = "") -> ModuleType:
    """The example's package, or a module of it."""
    for package in ("mobility_examples", "examples"):
        if importlib.util.find_spec(package) is not None:
            return importlib.import_module(f"{package}.presenter{name}")
    raise SettingsError("The example app is not installed with this copy of mobility.")


def load_presenter(document: Path | None, page: int) -> Any:
    """
    The presenter with a document at a page; the sample if there is none.

    Raises:
        SettingsError: If the document cannot be presented.

    """
    path = document or Path(presenter_module().__path__[0]) / "sample.pdf"
    try:
        body = path.read_bytes()
    except OSError as exc:
        raise SettingsError(f"{path} cannot be read: {exc.strerror}.") from None
    if not body.startswith(b"%PDF-"):
        raise SettingsError(f"{path} is not a PDF.")
    if len(body) > LARGEST:
        raise SettingsError(
            f"{path} has {len(body) // 1024} KiB; in this version a document may have "
            f"{LARGEST // 1024} KiB."
        )
    return presenter_module(".presenter").Presenter(body, page=page, title=path.name)
