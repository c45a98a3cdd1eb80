"""What a production Prosody needs to serve displays and their visitors."""

from __future__ import annotations

import shutil
from pathlib import Path
from string import Template

from mobility.errors import ServerError
from mobility.server.config import MODULES, NOT_FOR_GUESTS, check_domain, lua

__all__ = ["write_production"]

_HERE = Path(__file__).parent
_CONFIG = "mobility.cfg.lua"


def write_production(folder: Path, domain: str) -> list[Path]:
    """
    Write a configuration snippet, our Lua modules and a README into a folder.

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
        return _write(folder, domain)
    except OSError as exc:
        raise ServerError(
            f"Cannot write to {folder} ({exc.strerror}); choose another folder"
        ) from exc


def _write(folder: Path, domain: str) -> list[Path]:
    modules = folder / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    written = []
    for name in (_CONFIG, "README.md"):
        (folder / name).write_text(_filled(f"{name}.in", domain))
        written.append(folder / name)
    for module in sorted((_HERE / "lua").glob("mod_*")):
        target = modules / module.name
        if module.is_dir():
            shutil.copytree(module, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(module, target)
        written.append(target)
    return written


def _filled(name: str, domain: str) -> str:
    template = Template((_HERE / "production" / name).read_text())
    modules = "".join(f"\t\t{lua(module)};\n" for module in MODULES)
    return template.substitute(domain=domain, modules=modules.rstrip("\n"))
