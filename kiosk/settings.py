"""
The one settings file of a kiosk: TOML in, a frozen value out.

Whatever cannot be used ends in a :exc:`mobility.SettingsError` whose text says where
the mistake is and what would be right. See docs/kiosk.md for the keys.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kiosk.table import KINDS, Table
from mobility import SettingsError

__all__ = ["AppSettings", "Settings", "load"]

PASSWORD_VARIABLE = "MOBILITY_KIOSK_PASSWORD"  # noqa: S105 - the name of one, not one

TOP = ("account", "page", "server", "limits", "apps", "data")
ACCOUNT = ("jid", "password_file", "name", "operator", "place")
PAGE = ("listen", "beyond_loopback")
SERVER = ("host", "port", "ca_file", "guests")
LIMITS = ("idle", "lifetime", "invitation", "scans")
APP = ("uri", "schema", "path", "name")

# RFC 3986 without the characters that end a namespace in XML or a name in our logs
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s{}<>\"\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class AppSettings:
    """An app that this screen can run: its page is the folder ``path``."""

    uri: str
    path: Path
    schema: int = 1
    name: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Everything that a kiosk needs to know. Its repr does not name the password."""

    jid: str
    password: str
    name: str
    data: Path
    apps: tuple[AppSettings, ...]
    operator: str = ""
    place: str = ""
    listen: tuple[str, int] = ("127.0.0.1", 8088)
    host: str | None = None
    port: int | None = None
    ca_file: Path | None = None
    guests: str = ""
    idle: timedelta = timedelta(minutes=15)
    lifetime: timedelta = timedelta(hours=4)
    invitation: timedelta = timedelta(seconds=60)
    scans: int = 5

    def __repr__(self) -> str:
        return f"<Settings: {self.jid}, {len(self.apps)} apps>"


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """
    Read and check a settings file; relative paths in it start at its own folder.

    Raises:
        SettingsError: With the sentence for whoever wrote the file.

    """
    try:
        keys = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is not TOML: {error}.") from None
    top = Table.of(str(path), keys, TOP)
    folder = path.resolve().parent
    account = top.table("account", ACCOUNT)
    server = top.table("server", SERVER)
    limits = top.table("limits", LIMITS)
    return Settings(
        jid=_jid(account),
        password=_password(account, folder, environ),
        name=account.need("name") and account.claim("name"),
        operator=account.claim("operator"),
        place=account.claim("place"),
        listen=_listen(top.table("page", PAGE)),
        host=server.text("host") or None,
        port=server.number("port", 5222, 1, 65535) if "port" in server.keys else None,
        ca_file=_file(server, "ca_file", folder),
        guests=server.text("guests"),
        idle=timedelta(seconds=limits.number("idle", 900, 20, 86_400)),
        lifetime=timedelta(seconds=limits.number("lifetime", 14_400, 60, 604_800)),
        invitation=timedelta(seconds=limits.number("invitation", 60, 15, 600)),
        scans=limits.number("scans", 5, 1, 600),
        data=_folder(top, folder),
        apps=_apps(top, folder),
    )


def _jid(account: Table) -> str:
    jid = account.need("jid")
    local, at, domain = jid.partition("@")
    if not (local and at and domain) or " " in jid:
        raise SettingsError(
            f"{account.where}: jid must look like lobby@kiosk.example, not {jid!r}."
        )
    return jid


def _password(account: Table, folder: Path, environ: Mapping[str, str]) -> str:
    path = _file(account, "password_file", folder)
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


def _file(table: Table, key: str, folder: Path) -> Path | None:
    value = table.text(key)
    if not value:
        return None
    path = folder / value
    if not _is_file(path):
        raise SettingsError(f"{table.where}: {key}: {path} is not a readable file.")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:  # a folder on the way to it is closed to us
        return False


def _folder(top: Table, folder: Path) -> Path:
    path = folder / top.need("data")
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{top.where}: data: {path} is not a folder.")
    return path


def _listen(page: Table) -> tuple[str, int]:
    value = page.get("listen", str, "127.0.0.1:8088")
    host, _, port = value.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise SettingsError(
            f"{page.where}: listen must be an address and a port, such as "
            f"127.0.0.1:8088, not {value!r}."
        )
    if not address.is_loopback and not page.get("beyond_loopback", bool, False):
        raise SettingsError(
            f"{page.where}: {address} can be reached from other machines, and the "
            "page shows what visitors bring. Listen on 127.0.0.1; or, behind a "
            "forwarder that you control, add beyond_loopback = true."
        )
    return str(address), number


def _apps(top: Table, folder: Path) -> tuple[AppSettings, ...]:
    entries = top.get("apps", list, [])
    if not entries:
        raise SettingsError(f"{top.where}: there is no app. Add an [[apps]] table.")
    apps = tuple(_app(top, index, entry, folder) for index, entry in enumerate(entries))
    uris = [app.uri for app in apps]
    for uri in uris:
        if uris.count(uri) > 1:
            raise SettingsError(f"{top.where}: two [[apps]] have the uri {uri}.")
    return apps


def _app(top: Table, index: int, entry: object, folder: Path) -> AppSettings:
    where = f"{top.where}, [[apps]] number {index + 1}"
    if not isinstance(entry, dict):
        raise SettingsError(f"{where}: must be {KINDS[dict]}.")
    table = Table.of(where, entry, APP)
    path = (folder / table.need("path")).resolve()
    if not _is_file(path / "index.html"):
        raise SettingsError(f"{where}: {path} is not a folder with an index.html.")
    uri = table.need("uri")
    if not URI.fullmatch(uri):
        raise SettingsError(
            f"{where}: uri must look like https://example.org/apps/board, not {uri!r}."
        )
    return AppSettings(
        uri=uri,
        path=path,
        schema=table.number("schema", 1, 1, 1_000_000),
        name=table.text("name"),
    )
