"""The apps of this device: what is installed for it, and what its user names."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from mobility.app import App, AppFactory
from mobility.errors import SettingsError
from mobility.failures import traced

__all__ = ["Factory", "load_apps"]

log = logging.getLogger(__name__)
GROUP = "mobility.apps"
Factory: TypeAlias = type[App] | AppFactory


def load_apps(named: Iterable[str]) -> list[Factory]:
    """
    The apps that were installed as entry points, and these; of one URI, the last.

    One that was installed and does not load is left out, with a line in the log.

    Args:
        named: Each as ``module:Class``.

    Raises:
        SettingsError: If one that was named cannot be used, or there is none at all.

    """
    apps = {app.uri: app for app in _installed()}
    apps |= {app.uri: app for app in map(_named, named)}
    if not apps:
        raise SettingsError(
            "No app is installed that could run here. Name one: --app module:Class."
        )
    return list(apps.values())


def _installed() -> Iterator[Factory]:
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            yield _checked(point.load(), point.value)
        except SettingsError as exc:
            log.warning("%s", exc)
        except Exception as exc:
            log.warning("the app %s does not load: %s", point.name, traced(exc))


def _named(name: str) -> Factory:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as exc:
        raise SettingsError(
            f"There is no app {name}: {exc}. It is named as module:Class."
        ) from None
    return _checked(found, name)


def _checked(found: Any, name: str) -> Factory:
    if not (callable(found) and isinstance(getattr(found, "uri", None), str)):
        raise SettingsError(f"{name} is no app: it has no uri.")
    factory: Factory = found
    return factory
