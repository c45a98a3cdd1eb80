"""The embedded default server: a private Prosody as a child process."""

from __future__ import annotations

from mobility.server.accounts import Accounts
from mobility.server.config import Guests, Ports
from mobility.server.folder import default_folder, make_private, served_domain
from mobility.server.process import Server
from mobility.server.production import write_production

__all__ = [
    "Accounts",
    "Guests",
    "Ports",
    "Server",
    "default_folder",
    "make_private",
    "served_domain",
    "write_production",
]
