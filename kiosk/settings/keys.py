"""Single keys of the settings file: what each may be, and the sentence if it is not."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from kiosk.page.parts import read_parts
from kiosk.settings.plan import Address, BrowserPlan
from kiosk.settings.table import Table
from mobility import Coordinates, Level, Part, SettingsError, Spot

__all__ = [
    "AppSettings",
    "Location",
    "credential",
    "read_apps",
    "read_browser",
    "read_data",
    "read_file",
    "read_id",
    "read_jid",
    "read_levels",
    "read_listen",
    "read_location",
    "read_metrics",
    "read_own_connection",
    "read_password",
    "read_secret",
]

PASSWORD_VARIABLE = "MOBILITY_KIOSK_PASSWORD"  # noqa: S105 - the name of one, not one
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd's LoadCredential= puts files there
STATE = "STATE_DIRECTORY"  # and its StateDirectory= is what may be written
NONE = "none"
LEVELS = tuple(level.value for level in Level)

APP = ("uri", "schema", "path", "name")
BROWSER = ("program", "flags", "env")
ENV = re.compile(r"[A-Z][A-Z0-9_]*")
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

# RFC 3986 without the characters that end a namespace in XML or a name in our logs
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s{}<>\"\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class AppSettings:
    """
    An app that this screen can run: its page is the folder ``path``.

    The page shows the whole app, or some of its parts if there are any.
    """

    uri: str
    path: Path
    schema: int = 1
    name: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Location:
    """Where the display is, for the list of its server."""

    spot: Spot
    in_use: Literal["hidden", "shown"] = "hidden"


def read_location(place: Table, server: Table) -> Location:
    lat, lon = place.decimal("lat", -90, 90), place.decimal("lon", -180, 180)
    if (lat is None) != (lon is None):
        raise SettingsError(f"{place.where}: lat and lon go together, or neither.")
    texts = map(place.claim, ("building", "floor", "room", "text"))
    where = None if lat is None or lon is None else Coordinates(lat, lon)
    in_use = place.get("in_use", str, "hidden")
    if in_use not in ("hidden", "shown"):
        raise SettingsError(f"{place.where}: in_use must be hidden or shown.")
    if in_use == "hidden" and read_own_connection(server) == "dropped":
        raise SettingsError(
            f'{place.where}: with own_connection = "dropped" the display leaves the '
            "list while it is logged in as a visitor, so anybody could see when. Keep "
            'the connection, or say in_use = "shown".'
        )
    return Location(Spot(where, *texts), "shown" if in_use == "shown" else "hidden")


def read_id(display: Table) -> str:
    name = display.need("id")
    if not ID.fullmatch(name):
        raise SettingsError(
            f"{display.where}: id must be small letters, digits and hyphens, such as "
            f"lobby-2, not {name!r}."
        )
    return name


def read_jid(account: Table) -> str:
    jid = account.need("jid")
    local, at, domain = jid.partition("@")
    if not (local and at and domain) or " " in jid:
        raise SettingsError(
            f"{account.where}: jid must look like lobby@kiosk.example, not {jid!r}."
        )
    return jid


def read_secret(
    account: Table, folder: Path, environ: Mapping[str, str]
) -> Path | None:
    """The password's file; under systemd the credential that was made of it."""
    if (name := account.text("password_file")) and CREDENTIALS in environ:
        given = Path(environ[CREDENTIALS]) / credential(folder / name)
        if is_file(given):
            return given
    return read_file(account, "password_file", folder)


def credential(path: Path) -> str:
    """What systemd calls a password file: its whole path, since names may be alike."""
    return quote(os.path.abspath(path).lstrip("/"), safe="")


def read_password(account: Table, path: Path | None, environ: Mapping[str, str]) -> str:
    """From its file, or from the variable."""
    password = _secret(account, path) if path else environ.get(PASSWORD_VARIABLE, "")
    if not password:
        raise SettingsError(
            f"{account.where}: there is no password. Name a password_file, or set "
            f"{PASSWORD_VARIABLE}."
        )
    return password


def _secret(account: Table, path: Path) -> str:
    """The first line of a file that not everybody can read."""
    try:
        if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise SettingsError(
                f"{account.where}: everyone on this machine can read {path}. "
                "Take that away (chmod o-rw), then start again."
            )
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            f"{account.where}: password_file: {path} is not a line of text."
        ) from None


def read_file(table: Table, key: str, folder: Path) -> Path | None:
    value = table.text(key)
    if not value:
        return None
    path = folder / value
    if not is_file(path):
        raise SettingsError(f"{table.where}: {key}: {path} is not a readable file.")
    return path


def is_file(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:  # a folder on the way to it is closed to us
        return False


def read_data(table: Table, folder: Path, environ: Mapping[str, str]) -> Path:
    """Under systemd a relative path is one in its state directory."""
    state = environ.get(STATE, "").partition(":")[0]
    path = Path(state or folder) / table.need("data")
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{table.where}: data: {path} is not a folder.")
    return path


def read_listen(table: Table, page: Table) -> Address:
    """Of the page, by the key in `table`, with the permission in `page`."""
    address = _address(table, "127.0.0.1:8088")
    if not _is_loopback(address) and not page.get("beyond_loopback", bool, False):
        raise SettingsError(
            f"{table.where}: {address[0]} can be reached from other machines, and the "
            "page shows what visitors bring. Listen on 127.0.0.1; or, behind a "
            "forwarder that you control, add beyond_loopback = true."
        )
    return address


def read_metrics(metrics: Table) -> Address | None:
    if not metrics.text("listen"):
        return None
    address = _address(metrics, "")
    if not _is_loopback(address):
        raise SettingsError(
            f"{metrics.where}: {address[0]} can be reached from other machines, and "
            "the figures have no login. Listen on 127.0.0.1."
        )
    return address


def _address(table: Table, default: str) -> Address:
    value = table.get("listen", str, default)
    host, _, port = value.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise SettingsError(
            f"{table.where}: listen must be an address and a port, such as "
            f"127.0.0.1:8088, not {value!r}."
        )
    return str(address), number


def _is_loopback(address: Address) -> bool:
    return ipaddress.ip_address(address[0]).is_loopback


def read_levels(limits: Table) -> tuple[str, ...]:
    levels = limits.texts("levels", LEVELS)
    if not levels or not set(levels) <= set(LEVELS):
        raise SettingsError(
            f"{limits.where}: levels must be some of {', '.join(LEVELS)}."
        )
    return levels


def read_own_connection(server: Table) -> Literal["kept", "dropped"]:
    match server.get("own_connection", str, "kept"):
        case "kept":
            return "kept"
        case "dropped":
            return "dropped"
    raise SettingsError(f"{server.where}: own_connection must be kept or dropped.")


def read_browser(browser: Table) -> BrowserPlan | None:
    """None if the table says so: somebody else opens the page."""
    program = browser.text("program")
    if program == NONE:
        return None
    env = browser.get("env", dict, {})
    if not all(
        ENV.fullmatch(key) and isinstance(value, str) and value.isprintable()
        for key, value in env.items()
    ):
        raise SettingsError(
            f'{browser.where}: env must be such as {{ DISPLAY = ":0" }}.'
        )
    return BrowserPlan(program, browser.texts("flags"), env)


def read_apps(top: Table, folder: Path) -> tuple[AppSettings, ...]:
    tables = top.tables("apps", APP)
    if not tables:
        raise SettingsError(f"{top.where}: there is no app. Add an [[apps]] table.")
    apps = tuple(_app(table, folder) for table in tables)
    uris = [app.uri for app in apps]
    for uri in uris:
        if uris.count(uri) > 1:
            raise SettingsError(f"{top.where}: two [[apps]] have the uri {uri}.")
    return apps


def _app(table: Table, folder: Path) -> AppSettings:
    path = (folder / table.need("path")).resolve()
    if not is_file(path / "index.html"):
        raise SettingsError(
            f"{table.where}: {path} is not a folder with an index.html."
        )
    uri = table.need("uri")
    if not URI.fullmatch(uri):
        raise SettingsError(
            f"{table.where}: uri must look like https://example.org/apps/board, "
            f"not {uri!r}."
        )
    return AppSettings(
        uri=uri,
        path=path,
        schema=table.number("schema", 1, 1, 1_000_000),
        name=table.text("name"),
        parts=read_parts(path, uri),
    )
