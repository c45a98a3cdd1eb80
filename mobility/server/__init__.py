"""The embedded default server: a private Prosody as a child process."""

from __future__ import annotations

from mobility.server.accounts import Accounts
from mobility.server.config import Ports
from mobility.server.folder import default_folder
from mobility.server.process import Server

__all__ = ["Accounts", "Ports", "Server", "default_folder"]
