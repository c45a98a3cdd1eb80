"""`mobility desktop`: links that begin with xmpp: are opened by this program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from platformdirs import user_config_path, user_data_path

from mobility.errors import SettingsError

__all__ = ["desktop", "entry", "with_default"]

NAME: Final = "mobility.desktop"
SCHEME: Final = "x-scheme-handler/xmpp"
_PLAIN: Final = re.compile(r"[\w./+:=@-]+", re.ASCII)
_DEFAULTS: Final = "[Default Applications]"


def desktop(
    install: Annotated[
        bool, typer.Option("--install", help="Open xmpp: links with mobility.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Do not any more.")] = False,
    default: Annotated[
        bool,
        typer.Option(
            "--default", help="With --install: also if another program does now."
        ),
    ] = False,
) -> None:
    """Have the desktop open codes with this program, or not any more."""
    if install and remove:
        raise SettingsError("Choose one of --install and --remove.")
    try:
        if install:
            _install(anyway=default)
        elif remove:
            _remove()
        else:
            print(entry(_program()), end="")
    except OSError as exc:
        raise SettingsError(
            f"{exc.filename} cannot be written: {exc.strerror}."
        ) from None


def entry(program: list[str]) -> str:
    """
    The desktop file (Desktop Entry Specification 1.5).

    Args:
        program: Path of `mobility`, and arguments before its own.

    """
    words = [*map(_quoted, program), "open", "--stay", "%u"]
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Version=1.0\n"
        "Name=Mobility\n"
        "Comment=Visit screens, and carry on at another device\n"
        f"Exec={' '.join(words)}\n"
        "Terminal=true\n"
        "NoDisplay=true\n"
        f"MimeType={SCHEME};\n"
    )


def _quoted(word: str) -> str:
    """One argument of Exec: quoted, its percent signs, and all that as a string."""
    if _PLAIN.fullmatch(word):  # xdg-mime takes a quoted program for one that is gone
        return word
    for special in '\\"`$':
        word = word.replace(special, f"\\{special}")
    return f'"{word}"'.replace("%", "%%").replace("\\", "\\\\")


def _program() -> list[str]:
    """How this program was started, wherever the desktop may start it from."""
    started = Path(sys.argv[0])
    if started.name == "mobility" and (found := shutil.which(started)):
        return [str(Path(found).absolute())]
    return [sys.executable, "-m", "mobility.cli"]


def _install(*, anyway: bool) -> None:
    path = _applications() / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(entry(_program()), "utf-8")
    _tell_desktop()
    other = _others()
    if other and not anyway:
        print(
            f"{path} is there, but {other} opens such links. Pass --default too to "
            "have mobility do it; it leaves links for chatting alone."
        )
        return
    _edit([NAME])
    print(f"Links that begin with xmpp: are opened with mobility now ({path}).")


def _remove() -> None:
    (_applications() / NAME).unlink(missing_ok=True)
    _tell_desktop()
    _edit([])
    print("Links that begin with xmpp: are not opened with mobility any more.")


def _applications() -> Path:
    return user_data_path() / "applications"


def _tell_desktop() -> None:
    """Desktops that keep an index of these files have a program for it."""
    if program := shutil.which("update-desktop-database"):
        subprocess.run([program, "-q", _applications()], check=False)


def _others() -> str:
    """Which other program opens such links now; empty if none is known to."""
    found = ""
    if program := shutil.which("xdg-mime"):
        query = [program, "query", "default", SCHEME]
        asked = subprocess.run(query, capture_output=True, text=True, check=False)
        found = asked.stdout.strip()
    return "" if found == NAME else found


def _edit(first: list[str]) -> None:
    """Put these programs before the others that the user has chosen for such links."""
    path = user_config_path() / "mimeapps.list"
    before = path.read_text("utf-8") if path.exists() else ""
    after = with_default(before, first)
    if after != before:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(after, "utf-8")


def with_default(text: str, first: list[str]) -> str:
    """
    A ``mimeapps.list`` (MIME Applications Associations 1.0.1) in which we come so.

    All other lines stay as they are.

    Args:
        text: The file as it is.
        first: What opens such links before all others: us, or nothing.

    """
    kept, others, at = [], [], None
    section = ""
    for line in text.splitlines():
        section = line.strip() if line.startswith("[") else section
        name, _, value = line.partition("=")
        if section == _DEFAULTS and name.strip() == SCHEME:
            others = [app for app in value.strip().split(";") if app not in ("", NAME)]
            continue
        kept.append(line)
        if line.strip() == _DEFAULTS:
            at = len(kept)
    if apps := [*first, *others]:
        if at is None:
            kept.append(_DEFAULTS)
            at = len(kept)
        kept.insert(at, f"{SCHEME}={';'.join(apps)};")
    return "".join(f"{line}\n" for line in kept)
