"""A real ejabberd as a private process, with the small interface of RunningServer."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mobility.server import Ports
from mobility.server.certificates import CA_FILE, ensure_certificates
from mobility.server.ports import choose_ports

__all__ = ["Ejabberd"]

_START = 90.0
_STOP = 5.0
_RATE = 10_000_000  # bytes a second; as shipped, a transfer would take minutes

# It tells when every port is open, and ends with us: standard input is a pipe of ours.
_LIFELINE = """
spawn(fun() -> io:get_line(""), erlang:halt() end),
io:format("ready~n").
"""


class Ejabberd:
    """
    ejabberd on free loopback ports, until the `with` block ends.

    It is a node without a name, so there is no epmd, and it knows no other.

    Args:
        folder: Where it keeps everything.
        hibernation: Seconds for which a cut connection may be resumed.

    """

    domain = "ejabberd.example"
    host = "127.0.0.1"

    def __init__(self, folder: Path, *, hibernation: int = 300) -> None:
        self.folder = folder
        self._hibernation = hibernation
        self._ports = Ports(0, 0, 0)
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._ports = choose_ports(self.host, self._ports)
        ensure_certificates(self.folder, [self.domain, f"upload.{self.domain}"])
        config = self.folder / "ejabberd.yml"
        config.write_text(json.dumps(self._config(), indent=1))  # JSON is YAML
        self._start(config)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def c2s_port(self) -> int:
        return self._ports.c2s

    @property
    def ca_file(self) -> Path:
        return self.folder / CA_FILE

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def add(self, name: str | None = None) -> tuple[str, str]:
        """Make an account (by default with a new name); return its JID and password."""
        name = name or f"user{next(self._numbers)}"
        password = secrets.token_urlsafe(12)
        self.call("register", user=name, host=self.domain, password=password)
        return f"{name}@{self.domain}", password

    def call(self, command: str, **arguments: Any) -> Any:
        """Run one of ejabberd's administration commands."""
        request = urllib.request.Request(
            f"http://{self.host}:{self._ports.http}/api/{command}",
            data=json.dumps(arguments).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_START) as answer:
            return json.load(answer)

    def stop(self) -> None:
        """End it; its data stays in the folder."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _start(self, config: Path) -> None:
        program = shutil.which("erl")
        assert program, "ejabberd is missing: scripts/setup test"
        database = json.dumps(str(self.folder / "database"))
        self._process = subprocess.Popen(
            [
                *(program, "-noshell", "-start_epmd", "false", "+K", "true"),
                *("-mnesia", "dir", database),
                *("-sasl", "sasl_error_logger", "false"),
                *("-s", "ejabberd", "-eval", _LIFELINE),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=os.environ
            | {
                "EJABBERD_CONFIG_PATH": str(config),
                "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
                "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
                "HOME": str(self.folder),
            },
        )
        self._expect_ready(self._process)

    def _expect_ready(self, process: subprocess.Popen[str]) -> None:
        impatience = threading.Timer(_START, process.kill)
        impatience.start()
        assert process.stdout is not None
        printed = []
        try:
            for line in process.stdout:
                if line.strip() == "ready":
                    # It goes on to log there, and waits for whoever does not read.
                    threading.Thread(target=process.stdout.read, daemon=True).start()
                    return
                printed.append(line)
        finally:
            impatience.cancel()
        self.stop()
        raise AssertionError("ejabberd did not start: " + "".join(printed))

    def _config(self) -> dict[str, Any]:
        return {
            "loglevel": "info",
            "hosts": [self.domain],
            "certfiles": [str(self.folder / f"server.{end}") for end in ("crt", "key")],
            "auth_method": "internal",
            "auth_password_format": "scram",
            "auth_scram_hash": "sha256",
            "disable_sasl_mechanisms": ["digest-md5"],
            "acl": {"loopback": {"ip": ["127.0.0.0/8"]}},
            "access_rules": {"c2s": {"allow": "all"}},
            "api_permissions": {"tests": {"who": {"ip": "127.0.0.1/8"}, "what": "*"}},
            "shaper": {"fast": _RATE},
            "listen": self._listeners(),
            "modules": self._modules(),
        }

    def _listeners(self) -> list[dict[str, Any]]:
        return [
            {
                "module": "ejabberd_c2s",
                "ip": self.host,
                "port": self._ports.c2s,
                "starttls_required": True,
                "max_stanza_size": 1_048_576,
                "shaper": "fast",
                "access": "c2s",
            },
            {
                "module": "ejabberd_http",
                "ip": self.host,
                "port": self._ports.http,
                "request_handlers": {
                    "/api": "mod_http_api",
                    "/upload": "mod_http_upload",
                },
            },
        ]

    def _modules(self) -> dict[str, Any]:
        plain = "adhoc admin_extra blocking caps carboncopy client_state disco http_api"
        more = "last offline ping privacy private roster vcard"
        modules: dict[str, Any] = {
            f"mod_{name}": {} for name in f"{plain} {more}".split()
        }
        return modules | {
            "mod_stream_mgmt": {"resume_timeout": self._hibernation},
            "mod_mam": {"default": "always"},
            "mod_http_upload": {
                "put_url": f"http://{self.host}:{self._ports.http}/upload",
                "docroot": str(self.folder / "uploads"),
                "access": "all",
                "max_size": 134_217_728,
            },
            "mod_muc": {"host": "conference.@HOST@"},
            "mod_proxy65": {
                "host": "proxy.@HOST@",
                "ip": self.host,
                "port": self._ports.proxy,
                "access": "all",
            },
            "mod_pubsub": {
                "plugins": ["flat", "pep"],
                "access_createnode": "all",
                "ignore_pep_from_offline": True,
            },
        }
