"""
The one settings file of a kiosk: TOML in, frozen values out.

Whatever cannot be used ends in a :exc:`mobility.SettingsError` whose text says where
the mistake is and what would be right. See docs/kiosk.md for the keys.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

from kiosk.settings.keys import (
    BROWSER,
    LEVELS,
    AppSettings,
    Location,
    read_apps,
    read_browser,
    read_data,
    read_file,
    read_id,
    read_jid,
    read_levels,
    read_listen,
    read_location,
    read_metrics,
    read_own_connection,
    read_password,
    read_secret,
)
from kiosk.settings.plan import Address, BrowserPlan, DisplayPlan, Plan
from kiosk.settings.table import Table
from mobility import SettingsError, Where

__all__ = ["AppSettings", "Kiosk", "Settings", "load"]

TOP = (
    *("account", "page", "server", "limits", "apps", "data"),
    *("visitors", "browser", "metrics", "records", "location", "displays"),
)
ACCOUNT = ("jid", "password_file", "name", "operator", "place")
PAGE = ("listen", "beyond_loopback")
SERVER = ("host", "port", "ca_file", "guests", "own_connection")
VISITORS = ("domain", "host", "port", "ca_file")
LIMITS = ("idle", "lifetime", "invitation", "scans", "levels")
METRICS = ("listen",)
RECORDS = ("days",)
LOCATION = ("lat", "lon", "building", "floor", "room", "text", "in_use")
DISPLAY = ("id", *ACCOUNT, "listen", "data", "apps", "browser", "location")
ALONE = "display"  # the id of a display that is the only one


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Everything that a display needs to know. Its repr does not name the password."""

    jid: str
    password: str
    name: str
    data: Path
    apps: tuple[AppSettings, ...]
    id: str = ALONE
    secret: Path | None = None
    operator: str = ""
    place: str = ""
    listen: Address = ("127.0.0.1", 8088)
    host: str | None = None
    port: int | None = None
    ca_file: Path | None = None
    guests: str = ""
    idle: timedelta = timedelta(minutes=15)
    lifetime: timedelta = timedelta(hours=4)
    invitation: timedelta = timedelta(seconds=60)
    scans: int = 5
    levels: tuple[str, ...] = LEVELS
    own_connection: Literal["kept", "dropped"] = "kept"
    servers: Mapping[str, Where] = field(default_factory=dict)
    browser: BrowserPlan | None = None
    location: Location | None = None

    def __repr__(self) -> str:
        return f"<Settings: {self.jid}, {len(self.apps)} apps>"


@dataclass(frozen=True, slots=True)
class Kiosk:
    """
    All that one file says.

    Args:
        displays: At least one.
        metrics: Where Prometheus may ask; None for nowhere.
        records: How long visits are remembered.

    """

    displays: tuple[Settings, ...]
    metrics: Address | None = None
    records: timedelta = timedelta(days=90)

    def plan(self) -> Plan:
        """What the supervisor needs of it, without a secret."""
        displays = (
            DisplayPlan(
                each.id,
                each.listen,
                each.data,
                each.browser,
                tuple(app.uri for app in each.apps),
            )
            for each in self.displays
        )
        return Plan(tuple(displays), self.metrics, self.records.days)

    def display(self, name: str) -> Settings:
        """
        One of them.

        Raises:
            SettingsError: There is none of that id (any more).

        """
        for each in self.displays:
            if each.id == name:
                return each
        raise SettingsError(f"There is no display {name} in the settings any more.")


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Kiosk:
    """
    Read and check a settings file; relative paths in it start at its own folder.

    Raises:
        SettingsError: With the sentence for whoever wrote the file.

    """
    top = Table.of(str(path), _keys(path), TOP)
    folder = path.resolve().parent
    shared = _Shared(top, folder, environ)
    tables = top.tables("displays", DISPLAY)
    displays = [shared.one_of_many(table) for table in tables] or [shared.alone()]
    _refuse_doubles(top, displays)
    records = top.table("records", RECORDS)
    return Kiosk(
        displays=tuple(displays),
        metrics=read_metrics(top.table("metrics", METRICS)),
        records=timedelta(days=records.number("days", 90, 1, 3_650)),
    )


def _keys(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is not TOML: {error}.") from None


class _Shared:
    """The sections that hold for every display of the file."""

    def __init__(self, top: Table, folder: Path, environ: Mapping[str, str]) -> None:
        self._top = top
        self._folder = folder
        self._environ = environ
        self._account = top.table("account", ACCOUNT)
        self._page = top.table("page", PAGE)
        self._browser = top.table("browser", BROWSER)
        self._location = top.table("location", LOCATION)
        self._server = top.table("server", SERVER)
        self._limits = top.table("limits", LIMITS)

    def alone(self) -> Settings:
        settings = self._settings(self._account, self._page, self._top)
        settings = replace(settings, location=self._located(self._top))
        if "browser" in self._top.keys:
            return replace(settings, browser=read_browser(self._browser))
        return settings

    def one_of_many(self, display: Table) -> Settings:
        """A display's own table says it; the shared sections say the rest."""
        settings = self._settings(
            display.over(self._account, ACCOUNT),
            display.over(self._page, PAGE),
            display.over(self._top, ("data",)),
        )
        name = read_id(display)
        own = display.table("browser", BROWSER)
        browser = None
        if "browser" in self._top.keys or "browser" in display.keys:
            browser = read_browser(own.over(self._browser, BROWSER))
        return replace(
            settings,
            id=name,
            data=settings.data if "data" in display.keys else settings.data / name,
            apps=_chosen(display, settings.apps),
            browser=browser,
            location=self._located(display),
        )

    def _located(self, display: Table) -> Location | None:
        """Where a display is; None if neither it nor the file says so."""
        if "location" not in {*self._top.keys, *display.keys}:
            return None
        own = display.table("location", LOCATION)
        return read_location(own.over(self._location, LOCATION), self._server)

    def _settings(self, account: Table, page: Table, data: Table) -> Settings:
        server, limits = self._server, self._limits
        secret = read_secret(account, self._folder, self._environ)
        here = _where(server, self._folder)
        return Settings(
            jid=read_jid(account),
            password=read_password(account, secret, self._environ),
            secret=secret and secret.absolute(),
            name=account.need("name") and account.claim("name"),
            operator=account.claim("operator"),
            place=account.claim("place"),
            listen=read_listen(page, self._page),
            host=here.host,
            port=here.port,
            ca_file=here.ca_file,
            guests=server.text("guests"),
            own_connection=read_own_connection(server),
            servers={
                each.need("domain"): _where(each, self._folder)
                for each in self._top.tables("visitors", VISITORS)
            },
            idle=timedelta(seconds=limits.number("idle", 900, 20, 86_400)),
            lifetime=timedelta(seconds=limits.number("lifetime", 14_400, 60, 604_800)),
            invitation=timedelta(seconds=limits.number("invitation", 60, 15, 600)),
            scans=limits.number("scans", 5, 1, 600),
            levels=read_levels(limits),
            data=read_data(data, self._folder, self._environ),
            apps=read_apps(self._top, self._folder),
        )


def _where(table: Table, folder: Path) -> Where:
    """How a server is reached, so far as DNS does not say it."""
    port = table.number("port", 5222, 1, 65535)
    return Where(
        table.text("host") or None,
        port if "port" in table.keys else None,
        read_file(table, "ca_file", folder),
    )


def _chosen(display: Table, apps: tuple[AppSettings, ...]) -> tuple[AppSettings, ...]:
    """The apps that a display names by their URIs; all of them if it names none."""
    known = {app.uri: app for app in apps}
    for uri in display.texts("apps"):
        if uri not in known:
            raise SettingsError(
                f"{display.where}: apps: no [[apps]] table has the uri {uri}."
            )
    return tuple(known[uri] for uri in display.texts("apps")) or apps


def _refuse_doubles(top: Table, displays: list[Settings]) -> None:
    """What two displays cannot share."""
    unique: dict[str, Callable[[Settings], object]] = {
        "id": lambda each: each.id,
        "jid": lambda each: each.jid.lower(),
        "listen": lambda each: each.listen if each.listen[1] else each.id,
        "data": lambda each: each.data,
    }
    for key, read in unique.items():
        if len({read(each) for each in displays}) < len(displays):
            raise SettingsError(
                f"{top.where}: two [[displays]] have the same {key}; each needs its "
                "own."
            )
