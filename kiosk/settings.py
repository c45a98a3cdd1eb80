"""
The one settings file of a kiosk: TOML in, a frozen value out.

Whatever cannot be used ends in a :exc:`mobility.SettingsError` whose text says where
the mistake is and what would be right. See docs/kiosk.md for the keys.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from mobility import SettingsError

__all__ = ["AppSettings", "Settings", "load"]

PASSWORD_VARIABLE = "MOBILITY_KIOSK_PASSWORD"  # noqa: S105 - the name of one, not one

# How a wrong type is called in a sentence; also the list of types a key may have.
KINDS: Mapping[type, str] = {
    str: "text in quotes",
    int: "a whole number",
    bool: "true or false",
    dict: "a table",
    list: "a list of tables, each headed [[apps]]",
}

TOP = ("account", "page", "server", "limits", "apps", "data")
ACCOUNT = ("jid", "password_file", "name", "operator", "place")
PAGE = ("listen", "beyond_loopback")
SERVER = ("host", "port", "ca_file")
LIMITS = ("idle", "lifetime", "invitation")
APP = ("uri", "schema", "path", "name")

T = TypeVar("T")


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
    idle: timedelta = timedelta(minutes=15)
    lifetime: timedelta = timedelta(hours=4)
    invitation: timedelta = timedelta(seconds=60)

    def __repr__(self) -> str:
        return f"<Settings: {self.jid}, {len(self.apps)} apps>"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file, with what is needed to speak of it."""

    where: str
    keys: Mapping[str, Any]

    @classmethod
    def of(cls, where: str, keys: Mapping[str, Any], known: Sequence[str]) -> Table:
        for key in keys:
            if key == "password":
                raise SettingsError(
                    f"{where}: a password does not belong in this file. Put it into a "
                    "file of its own that only the kiosk can read, and name that file "
                    f"as password_file; or set {PASSWORD_VARIABLE}."
                )
            if key not in known:
                raise SettingsError(
                    f"{where}: there is no setting {key!r}. Known are "
                    f"{', '.join(known)}."
                )
        return cls(where, keys)

    def get(self, key: str, kind: type[T], default: T) -> T:
        value = self.keys.get(key, default)
        # bool is a subclass of int, and `port = true` is a mistake
        if type(value) is not kind:
            raise SettingsError(f"{self.where}: {key} must be {KINDS[kind]}.")
        return value

    def need(self, key: str) -> str:
        value = self.get(key, str, "").strip()
        if not value:
            raise SettingsError(f"{self.where}: {key} is missing.")
        return value

    def number(self, key: str, default: int, low: int, high: int) -> int:
        value = self.get(key, int, default)
        if not low <= value <= high:
            raise SettingsError(
                f"{self.where}: {key} must be from {low} to {high}, not {value}."
            )
        return value


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
    account = _table(top, "account", ACCOUNT)
    server = _table(top, "server", SERVER)
    limits = _table(top, "limits", LIMITS)
    return Settings(
        jid=_jid(account),
        password=_password(account, folder, environ),
        name=account.need("name"),
        operator=account.get("operator", str, ""),
        place=account.get("place", str, ""),
        listen=_listen(_table(top, "page", PAGE)),
        host=server.get("host", str, "") or None,
        port=server.number("port", 5222, 1, 65535) if "port" in server.keys else None,
        ca_file=_file(server, "ca_file", folder),
        idle=timedelta(seconds=limits.number("idle", 900, 20, 86_400)),
        lifetime=timedelta(seconds=limits.number("lifetime", 14_400, 60, 604_800)),
        invitation=timedelta(seconds=limits.number("invitation", 60, 15, 600)),
        data=folder / top.need("data"),
        apps=_apps(top, folder),
    )


def _table(top: Table, name: str, known: Sequence[str]) -> Table:
    return Table.of(f"{top.where}, [{name}]", top.get(name, dict, {}), known)


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
    if path is None:
        password = environ.get(PASSWORD_VARIABLE, "")
    else:
        if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise SettingsError(
                f"{account.where}: everyone on this machine can read {path}. "
                "Take that away (chmod o-rw), then start again."
            )
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    if not password:
        raise SettingsError(
            f"{account.where}: there is no password. Name a password_file, or set "
            f"{PASSWORD_VARIABLE}."
        )
    return password


def _file(table: Table, key: str, folder: Path) -> Path | None:
    value = table.get(key, str, "")
    if not value:
        return None
    path = folder / value
    if not path.is_file() or not os.access(path, os.R_OK):
        raise SettingsError(f"{table.where}: {key}: {path} is not a readable file.")
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
    if not (path / "index.html").is_file():
        raise SettingsError(f"{where}: {path} is not a folder with an index.html.")
    return AppSettings(
        uri=table.need("uri"),
        path=path,
        schema=table.number("schema", 1, 1, 1_000_000),
        name=table.get("name", str, ""),
    )
