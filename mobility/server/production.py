"""What a production Prosody needs to serve displays and their visitors."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

from mobility.errors import ServerError
from mobility.server.config import MODULES, NOT_FOR_GUESTS, Guests, check_domain, lua

__all__ = ["write_production"]

_HERE = Path(__file__).parent
_CONFIG = "mobility.cfg.lua"


def write_production(
    folder: Path, domain: str, *, guests: Guests = "refused"
) -> list[Path]:
    """
    Write a configuration snippet, our Lua modules and a README into a folder.

    Args:
        folder: Made if it is not there.
        domain: Of displays and visitors.
        guests: "welcome" lets visitors without an account in.

    Returns:
        The files written.

    Raises:
        ServerError: The folder cannot be written to, or has a snippet already, which
            may have been edited.

    """
    check_domain(domain)
    if (folder / _CONFIG).exists():
        raise ServerError(
            f"{folder / _CONFIG} exists already, perhaps with changes of yours; "
            "move it away, or choose another folder"
        )
    try:
        return _write(folder, domain, guests)
    except OSError as exc:
        raise ServerError(
            f"Cannot write to {folder} ({exc.strerror}); choose another folder"
        ) from exc


def _write(folder: Path, domain: str, guests: Guests) -> list[Path]:
    modules = folder / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    written = []
    for name in (_CONFIG, "README.md"):
        (folder / name).write_text(_filled(f"{name}.in", domain, guests))
        written.append(folder / name)
    for module in sorted((_HERE / "lua").glob("mod_*")):
        target = modules / module.name
        if module.is_dir():
            shutil.copytree(module, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(module, target)
        written.append(target)
    return written


def _filled(name: str, domain: str, guests: Guests) -> str:
    here = _HERE / "production"
    text, welcome = (here / name).read_text(), guests == "welcome"
    if welcome and name == f"{_CONFIG}.in":
        text += (here / f"guests.{_CONFIG}.in").read_text()
    return Template(text).substitute(
        domain=domain,
        modules=_lines(MODULES),
        not_for_guests=_lines(NOT_FOR_GUESTS),
        proxy_users=f'"{domain}"' + (f'; "guests.{domain}"' if welcome else ""),
        guests_name=f", `guests.{domain}`" if welcome else "",
    )


def _lines(modules: Sequence[str]) -> str:
    return "\n".join(f"\t\t{lua(module)};" for module in modules)
