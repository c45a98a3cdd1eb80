"""Prosody's configuration as text: values in, text out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from mobility.errors import ServerError

__all__ = ["MODULES", "NOT_FOR_GUESTS", "Guests", "Ports", "ServerConfig", "lua"]

MODULES = [
    "mobility_resume",
    "sift",
    *("roster", "saslauth", "tls", "disco", "posix", "ping", "time", "version"),
    *("private", "blocklist", "vcard4", "vcard_legacy", "pep", "bookmarks"),
    *("carbons", "mam", "smacks", "csi", "csi_simple", "offline"),
    *("bosh", "websocket"),
]
"""What our product needs. Never `register`: a session that is logged in could change
the account's password without knowing the old one. Never `sasl2*` of Debian's
prosody-modules: every TLS login dies on 0.12. Never `bob` and `carbons_adhoc`."""

# What keeps something for an account, or tells others of it: guests have none.
NOT_FOR_GUESTS = [
    *("private", "blocklist", "vcard4", "vcard_legacy", "pep", "bookmarks"),
    *("roster", "carbons", "mam", "offline", "sift", "mobility_accounts"),
]

_PRIVATE_MODULES = ["mobility_lifeline", "mobility_accounts"]

_UPLOADS_STAY = 24 * 60 * 60  # seconds

_GUESTS_RATE = 1_000_000  # bytes a second

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)

Guests: TypeAlias = Literal["welcome", "refused"]
"""Whether visitors without an account are let in, to use displays."""

Lua = str | int | bool | Sequence["Lua"] | Mapping[str, "Lua"]


def lua(value: Lua) -> str:
    """
    Write a value as a Lua literal.

    Strings come out in ASCII: anything else is escaped byte by byte, so that no
    encoding, quote, newline or comment can end the literal early.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(map(_lua_byte, value.encode())) + '"'
    if isinstance(value, Mapping):
        pairs = (f"[{lua(key)}] = {lua(item)}" for key, item in value.items())
        return "{ " + "; ".join(pairs) + " }" if value else "{}"
    return "{ " + "; ".join(map(lua, value)) + " }" if value else "{}"


def _lua_byte(byte: int) -> str:
    plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
    return chr(byte) if plain else f"\\{byte:03d}"  # three digits: none can follow on


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports; 0 asks for a free one."""

    c2s: int = 5222
    http: int = 5280
    proxy: int = 5000
    component: int = 0
    """On loopback, whatever address the others are on: XEP-0114 has no encryption."""


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """
    One private Prosody.

    Raises:
        ServerError: The domain or the address cannot be used.

    """

    folder: Path
    """Absolute. Holds data, certificates and the log."""
    modules: Path
    """Folder of our Lua modules."""
    domain: str = "localhost"
    host: str = "127.0.0.1"
    """IP address to listen on; 0.0.0.0 or :: is every interface."""
    ports: Ports = Ports()
    hibernation: int = 300
    """Seconds for which a cut connection may be resumed (XEP-0198)."""
    upload_limit: int = 128 * 1024 * 1024
    """Bytes of one uploaded file."""
    guests: Guests = "refused"
    services: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Domains of what may connect as a component (XEP-0114), and their secrets."""
    as_root: bool = False
    """Prosody refuses to run as root unless it is told to."""

    def __post_init__(self) -> None:
        check_domain(self.domain)
        for name in self.services:
            check_domain(name)
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            raise ServerError(
                f"{self.host!r} is not an IP address to listen on; "
                "use 127.0.0.1 for this machine only, or 0.0.0.0 for every interface"
            ) from None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def components(self) -> dict[str, str]:
        """Domain of each component to the Prosody module behind it."""
        return {
            f"proxy.{self.domain}": "proxy65",
            f"upload.{self.domain}": "http_file_share",
            f"pubsub.{self.domain}": "pubsub",
            f"conference.{self.domain}": "muc",
        }

    @property
    def guests_domain(self) -> str:
        """Where a visitor without an account logs in."""
        return f"guests.{self.domain}"

    @property
    def hosts(self) -> list[str]:
        """All domains that are served, for its certificate."""
        return [self.domain, *self.components, *self.services, *self._guests_too]

    @property
    def address(self) -> str:
        """What a client on this machine, or one that knows the domain, connects to."""
        if self.loopback:
            return self.host
        unspecified = ipaddress.ip_address(self.host).is_unspecified
        return self.domain if unspecified else self.host

    @property
    def http_url(self) -> str:
        """
        Where WebSocket, BOSH and uploads are, with a slash at the end.

        Plain HTTP on loopback, which browsers treat as secure; HTTPS elsewhere.
        """
        scheme = "http" if self.loopback else "https"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{scheme}://{host}:{self.ports.http}/"

    def text(self) -> str:
        """Return the whole prosody.cfg.lua."""
        lines = ["-- Written by `mobility server` at each start: edits here are lost."]
        lines += [f"{key} = {lua(value)}" for key, value in self._options().items()]
        lines += ["", f"VirtualHost {lua(self.domain)}"]
        for name, module in self.components.items():
            lines += ["", f"Component {lua(name)} {lua(module)}"]
            options = self._component(module)
            lines += [f"\t{key} = {lua(value)}" for key, value in options.items()]
        for name, secret in self.services.items():
            lines += ["", f"Component {lua(name)}"]
            lines += [f"\tcomponent_secret = {lua(secret)}"]
        if self.guests == "welcome":
            lines += ["", f"VirtualHost {lua(self.guests_domain)}"]
            options = self._guests()
            lines += [f"\t{key} = {lua(value)}" for key, value in options.items()]
        return "\n".join(lines) + "\n"

    def _options(self) -> dict[str, Lua]:
        return {
            "run_as_root": self.as_root,
            "daemonize": False,
            "pidfile": str(self.folder / "prosody.pid"),
            "data_path": str(self.folder / "data"),
            "plugin_paths": [str(self.modules), str(self.modules / "private")],
            "log": {"info": str(self.folder / "prosody.log")},
            "storage": "internal",
            "authentication": "mobility",
            "password_hash": "SHA-256",
            "allow_registration": False,
            "modules_enabled": MODULES + _PRIVATE_MODULES + self._limiting,
            "modules_disabled": ["s2s", "s2s_auth_certs"],
            "smacks_hibernation_time": self.hibernation,
            "smacks_max_queue_size": 5000,  # some seconds of a busy feed
            **self._network(),
            **self._http(),
        }

    def _guests(self) -> dict[str, Lua]:
        return {
            "authentication": "anonymous",
            "modules_enabled": ["mobility_guests"],
            "modules_disabled": NOT_FOR_GUESTS,
            "mobility_guests_of": self.domain,
            "disco_items": [[f"proxy.{self.domain}"], [f"pubsub.{self.domain}"]],
            "mobility_guests_rate": 0 if self.loopback else _GUESTS_RATE,
        }

    @property
    def _limiting(self) -> list[str]:
        # On loopback a limit would only slow transfers down.
        return [] if self.loopback else ["limits"]

    def _network(self) -> dict[str, Lua]:
        certificates = self.folder / "certificates"
        options: dict[str, Lua] = {
            "interfaces": [self.host],
            "c2s_ports": [self.ports.c2s],
            "c2s_direct_tls_ports": [],
            "s2s_ports": [],
            "c2s_require_encryption": True,
            "certificates": str(certificates),
            "ssl": {
                "certificate": str(certificates / "server.crt"),
                "key": str(certificates / "server.key"),
                "protocol": "tlsv1_2+",
            },
            # With Nagle's algorithm each in-band block waits 40 ms for an ACK.
            "network_settings": {"nagle": False},
            "proxy65_ports": [self.ports.proxy],  # these two are read globally only
            "proxy65_interfaces": [self.host],
            "component_ports": [self.ports.component] if self.services else [],
            "component_interfaces": ["127.0.0.1"],
        }
        if not self.loopback:
            options["limits"] = {"c2s": {"rate": "10mb/s", "burst": "2s"}}
        return options

    def _http(self) -> dict[str, Lua]:
        port: Lua = [self.ports.http]
        return {
            "http_ports": port if self.loopback else [],
            "https_ports": [] if self.loopback else port,
            "http_interfaces": [self.host],
            "https_interfaces": [self.host],
            # Whatever name a browser used, it means the one domain that there is.
            "http_default_host": self.domain,
            "http_external_url": self.http_url,
            "consider_websocket_secure": self.loopback,
            "consider_bosh_secure": self.loopback,
        }

    @property
    def _guests_too(self) -> list[str]:
        return [self.guests_domain] if self.guests == "welcome" else []

    def _component(self, module: str) -> dict[str, Lua]:
        if module == "proxy65":
            return {
                "proxy65_address": self.address,
                "proxy65_acl": [self.domain, *self._guests_too],
            }
        if module == "http_file_share":
            return {
                "http_host": self.domain,
                "http_external_url": self.http_url,
                "http_file_share_size_limit": self.upload_limit,
                "http_file_share_daily_quota": 16 * self.upload_limit,
                "http_file_share_access": [self.domain],
                "http_file_share_expires_after": _UPLOADS_STAY,
                "modules_enabled": ["mobility_upload"],
            }
        if module == "pubsub":
            return {
                "modules_enabled": ["mobility_nodes", "mobility_displays"],
                "mobility_nodes_access": [self.domain],
                "pubsub_max_items": 10_000,
            }
        if module == "muc":
            return {
                "restrict_room_creation": "local",
                "muc_room_locking": False,  # or nobody else gets in at first
                "muc_room_default_history_length": 200,
            }
        return {}


def check_domain(domain: str) -> None:
    """
    Accept what DNS and certificates can carry.

    Raises:
        ServerError: It cannot be the domain of a server.

    """
    labels = domain.split(".")
    if len(domain) <= 240 and all(map(_LABEL.fullmatch, labels)):
        return
    raise ServerError(
        f"{domain!r} cannot be a server's domain; "
        "use lower-case letters, digits, hyphens and dots, as in chat.example.org"
    )
