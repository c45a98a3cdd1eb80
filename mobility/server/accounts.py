"""
Accounts of the private server, whether it runs or not.

They are written as Prosody's `internal_hashed` does: one small Lua file an account
with the salted SCRAM-SHA-256 keys. Prosody reads it at each login, so that a new
account or password counts at once, and no password ever passes through an argument
list, a pipe or a log. On deletion a running Prosody is told by SIGHUP, and our module
`mobility_accounts` closes the live sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import signal
from pathlib import Path

from mobility.errors import ServerError
from mobility.protocol.prepare import nodeprep, saslprep
from mobility.server.config import check_domain, lua
from mobility.server.folder import holder

__all__ = ["Accounts"]

_ITERATIONS = 10_000
"""Prosody's default. A display that cheats may try passwords at this price."""


class Accounts:
    """
    The accounts of one domain in a server's folder.

    Args:
        folder: The server's folder; need not exist yet.
        domain: The server's domain.

    """

    def __init__(self, folder: Path, domain: str = "localhost") -> None:
        check_domain(domain)
        self.folder = folder
        self.domain = domain
        self._host = folder / "data" / _encode(domain)

    def add(self, name: str, password: str) -> str:
        """
        Make an account and return its JID.

        Raises:
            ServerError: It exists, or the name or password cannot be used.

        """
        return self._write(name, password, new=True)

    def change(self, name: str, password: str) -> str:
        """
        Give an account another password, for logins from now on; return its JID.

        Raises:
            ServerError: There is none, or the password cannot be used.

        """
        return self._write(name, password, new=False)

    def delete(self, name: str) -> str:
        """
        Remove an account with all that is stored of it; live sessions are closed.

        Raises:
            ServerError: There is none.

        """
        user = self._known(name)
        self._path(user).unlink(missing_ok=True)
        for suffix in ("dat", "list"):
            for stored in self._host.glob(f"*/{_encode(user)}.{suffix}"):
                stored.unlink(missing_ok=True)
        self._tell_running()
        return f"{user}@{self.domain}"

    def list_display(self, name: str) -> str:
        """
        Let an account list itself among the displays, from now on; return its JID.

        Raises:
            ServerError: There is none, or that cannot be stored.

        """
        user = self._known(name)
        try:
            _replace(self._mark(user), "return { listed = true };\n")
        except OSError as exc:
            raise ServerError(
                f"The display cannot be stored in {self.folder} ({exc.strerror})"
            ) from exc
        return f"{user}@{self.domain}"

    def unlist_display(self, name: str) -> str:
        """
        Let an account list itself no more; its entry goes soon. Return its JID.

        Raises:
            ServerError: There is no such account.

        """
        user = self._known(name)
        self._mark(user).unlink(missing_ok=True)
        return f"{user}@{self.domain}"

    def displays(self) -> list[str]:
        """Return the bare JIDs of accounts that may list themselves, sorted."""
        names = (_decode(path.stem) for path in self._mark("").parent.glob("*.dat"))
        return [f"{name}@{self.domain}" for name in sorted(names)]

    def _mark(self, user: str) -> Path:
        return self._host / "mobility_displays" / f"{_encode(user)}.dat"

    def _known(self, name: str) -> str:
        user = _user(name)
        if not self._path(user).exists():
            raise ServerError(f"There is no account {user}@{self.domain}")
        return user

    def jid(self, name: str) -> str:
        """
        Return the JID that an account of this name has or would have.

        Raises:
            ServerError: The name cannot be used.

        """
        return f"{_user(name)}@{self.domain}"

    def __contains__(self, jid: object) -> bool:
        return jid in self.jids()

    def jids(self) -> list[str]:
        """Return the accounts' bare JIDs, sorted."""
        names = (_decode(path.stem) for path in self._host.glob("accounts/*.dat"))
        return [f"{name}@{self.domain}" for name in sorted(names)]

    def _path(self, user: str) -> Path:
        return self._host / "accounts" / f"{_encode(user)}.dat"

    def _write(self, name: str, password: str, *, new: bool) -> str:
        user = _user(name)
        path = self._path(user)
        if path.exists() == new:
            is_so = "exists already" if new else "does not exist"
            raise ServerError(f"The account {user}@{self.domain} {is_so}")
        content = f"return {_credentials(password)};\n"
        try:
            _replace(path, content)
        except OSError as exc:
            raise ServerError(
                f"The account cannot be stored in {self.folder} ({exc.strerror})"
            ) from exc
        return f"{user}@{self.domain}"

    def _tell_running(self) -> None:
        if not holder(self.folder)[1]:
            return
        try:
            os.kill(int((self.folder / "prosody.pid").read_text()), signal.SIGHUP)
        except (OSError, ValueError):
            return  # between stop and start: it will read the disk anyway


def _replace(path: Path, content: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}~{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    scratch.replace(path)  # Prosody sees the old file or the new, never half of it


def _user(name: str) -> str:
    try:
        return nodeprep(name)
    except ValueError:
        raise ServerError(
            f"{name!r} cannot be an account's name; "
            "use letters, digits, dots and hyphens, as in alice"
        ) from None


def _credentials(password: str) -> str:
    """Return SCRAM-SHA-256 credentials (RFC 5802, section 3) as a Lua table."""
    try:
        prepared = saslprep(password).encode()
    except ValueError:
        raise ServerError(
            "This password cannot be used: it is empty or has control characters"
        ) from None
    salt = secrets.token_hex(16)
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt.encode(), _ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return lua(
        {
            "stored_key": hashlib.sha256(client_key).hexdigest(),
            "server_key": hmac.digest(salted, b"Server Key", "sha256").hex(),
            "salt": salt,
            "iteration_count": _ITERATIONS,
        }
    )


def _encode(text: str) -> str:
    """Return the file name that Prosody's `util.datamanager` uses."""
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"%{byte:02x}"
        for byte in text.encode()
    )


def _decode(stem: str) -> str:
    plain = re.sub(rb"%(..)", lambda m: bytes([int(m[1], 16)]), stem.encode())
    return plain.decode(errors="replace")
