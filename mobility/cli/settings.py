"""Whose phone this is: the account, from a config file and the environment."""

from __future__ import annotations

import getpass
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from platformdirs import user_config_path, user_data_path

from mobility.errors import SettingsError

__all__ = [
    "AGENT",
    "GUEST",
    "Account",
    "config_file",
    "load_account",
    "load_data",
    "load_guest",
    "load_jid",
]

# Key in the file: variable in the environment, which wins.
_KEYS: Final[Mapping[str, str]] = {
    "jid": "MOBILITY_JID",
    "device": "MOBILITY_DEVICE",
    "password_file": "MOBILITY_PASSWORD_FILE",
    "host": "MOBILITY_HOST",
    "port": "MOBILITY_PORT",
    "ca_file": "MOBILITY_CA_FILE",
    "data": "MOBILITY_DATA",
}
AGENT = "agent"  # folder of the agent's journal, in that of the phone
GUEST = "guest"  # folder of a guest's journal, in that of the phone
_PASSWORD = "MOBILITY_PASSWORD"  # noqa: S105  the variable's name


@dataclass(frozen=True, slots=True)
class Account:
    """What `mobility.Client` needs."""

    jid: str
    password: str = field(repr=False)
    device: str
    host: str | None
    port: int | None
    ca_file: Path | None
    data: Path

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `mobility.Client`."""
        return {
            "device": self.device,
            "host": self.host,
            "port": self.port,
            "ca_file": self.ca_file,
            "data": self.data,
        }


def config_file(environ: Mapping[str, str]) -> Path:
    chosen = environ.get("MOBILITY_CONFIG")
    return Path(chosen) if chosen else user_config_path("mobility") / "config.toml"


def load_account(environ: Mapping[str, str] = os.environ) -> Account:
    """
    Read the account's settings; a password that is named nowhere is asked for.

    Raises:
        SettingsError: With the file or variable that is to be mended.

    """
    values = _values(environ)[1]
    jid = load_jid(environ)
    password = _password(values.get("password_file"), environ, jid)
    return Account(jid, password, **_device(values), **_address(values))


def load_jid(environ: Mapping[str, str] = os.environ) -> str:
    """
    The JID of the account, for what needs no password.

    Raises:
        SettingsError: As `load_account`.

    """
    path, values = _values(environ)
    if not values.get("jid"):
        raise SettingsError(
            f'No account is set up. Write jid = "you@example.org" into {path}, '
            "or set MOBILITY_JID."
        )
    return values["jid"]


def load_guest(domain: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """
    Keyword arguments of `mobility.Client.guest`.

    Where the account's server is says something of the venue's only if that is the
    same. A guest has a journal of its own.

    Raises:
        SettingsError: As `load_account`.

    """
    values = _values(environ)[1]
    own = values.get("jid", "").partition("/")[0].rpartition("@")[2]
    device = _device(values)
    device["data"] /= GUEST
    known = not own or f".{domain}".endswith(f".{own}")
    return device | (_address(values) if known else {})


def load_data(environ: Mapping[str, str] = os.environ) -> Path:
    """
    The folder of this phone's journal, for what needs no account.

    Raises:
        SettingsError: As `load_account`.

    """
    return _data(_values(environ)[1])


def _values(environ: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    path = config_file(environ)
    values = _from_file(path)
    values |= {key: environ[name] for key, name in _KEYS.items() if environ.get(name)}
    return path, values


def _device(values: Mapping[str, str]) -> dict[str, Any]:
    return {"device": values.get("device") or "Phone", "data": _data(values)}


def _address(values: Mapping[str, str]) -> dict[str, Any]:
    ca_file = values.get("ca_file")
    return {
        "host": values.get("host"),
        "port": _port(values.get("port")),
        "ca_file": Path(ca_file).expanduser() if ca_file else None,
    }


def _data(values: Mapping[str, str]) -> Path:
    return Path(values.get("data") or user_data_path("mobility") / "phone").expanduser()


def _from_file(path: Path) -> dict[str, str]:
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path} cannot be read: {exc}.") from None
    for key, value in read.items():
        if key == "password":
            raise SettingsError(
                f"{path}: a password does not belong here. Put it into a file of its "
                f"own and name that as password_file, or set {_PASSWORD}."
            )
        if key not in _KEYS or not isinstance(value, str | int):
            known = ", ".join(_KEYS)
            raise SettingsError(f"{path}: {key} is no setting. Known are {known}.")
    return {key: str(value) for key, value in read.items()}


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f"The port must be a number up to 65535, not {text!r}.")
    return int(text)


def _password(path: str | None, environ: Mapping[str, str], jid: str) -> str:
    if environ.get(_PASSWORD):
        return environ[_PASSWORD]
    if path is not None:
        try:
            return Path(path).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(f"The password file {path}: {exc}.") from None
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {jid}: ")
    raise SettingsError(
        f"There is no password for {jid}. Set password_file, or {_PASSWORD}."
    )
