"""What `--write-config` writes: a real Prosody takes it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from mobility.errors import ServerError
from mobility.server import write_production
from mobility.server.certificates import ensure_certificates
from mobility.server.child import Child
from mobility.server.config import lua
from mobility.server.ports import choose_ports
from tests.integration.test_server import FREE

DOMAIN = "chat.example.org"
NEVER = ("register", "sasl2", "bob", "carbons_adhoc")


def main_config(folder: Path, extra: dict[str, object] | None = None) -> Path:
    """Write a server's own configuration around the snippet, as Debian's does."""
    names = [DOMAIN, *(f"{part}.{DOMAIN}" for part in ("proxy", "upload", "pubsub"))]
    ensure_certificates(folder / "certs", names)
    for part in ("crt", "key"):
        shutil.copy(
            folder / "certs" / f"server.{part}", folder / f"certs/{DOMAIN}.{part}"
        )
    (folder / "data").mkdir(exist_ok=True)
    path = folder / "prosody.cfg.lua"
    path.write_text(
        f"""
run_as_root = true
data_path = {lua(str(folder / "data"))}
pidfile = {lua(str(folder / "prosody.pid"))}
certificates = "certs"
plugin_paths = {lua([str(folder / "snippet" / "modules")])}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; "posix"; "register" }}
{"".join(f"{key} = {value}" + chr(10) for key, value in (extra or {}).items())}
VirtualHost "localhost"
Include "snippet/*.cfg.lua"
"""
    )
    return path


def test_luac_reads_it(tmp_path: Path) -> None:
    write_production(tmp_path / "snippet", DOMAIN)
    program = shutil.which("luac5.4") or shutil.which("luac")
    assert program, "Prosody brings a Lua compiler"
    snippet = str(tmp_path / "snippet" / "mobility.cfg.lua")
    subprocess.run([program, "-p", snippet], check=True)


def test_prosodyctl_finds_nothing_wrong(tmp_path: Path) -> None:
    write_production(tmp_path / "snippet", DOMAIN)
    config = main_config(tmp_path)
    run = subprocess.run(
        ["prosodyctl", "--root", "--config", str(config), "check", "config"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "All checks passed" in run.stdout


async def test_a_real_prosody_serves_the_domain_with_it(tmp_path: Path) -> None:
    write_production(tmp_path / "snippet", DOMAIN)
    ports = choose_ports("127.0.0.1", FREE)
    log = tmp_path / "prosody.log"
    here = Path(__file__).parents[2] / "mobility" / "server" / "lua" / "private"
    config = main_config(
        tmp_path,
        {
            "log": lua({"debug": str(log)}),
            "interfaces": '{ "127.0.0.1" }',
            "c2s_ports": f"{{ {ports.c2s} }}",
            "s2s_ports": "{}",
            "http_ports": f"{{ {ports.http} }}",
            "https_ports": "{}",
        },
    )
    text = config.read_text().replace(
        'plugin_paths = { "', f'plugin_paths = {{ {lua(str(here))}; "'
    )
    config.write_text(text.replace('"register" }', '"register"; "mobility_lifeline" }'))
    snippet = tmp_path / "snippet" / "mobility.cfg.lua"
    snippet.write_text(snippet.read_text().replace("{ 5000 }", f"{{ {ports.proxy} }}"))
    child = await Child.start("prosody", config, log)
    await child.end(signal.SIGTERM)
    started = log.read_text()
    assert not re.findall(r"\terror\t.*", started)
    said = rf"module-loaded': \[{DOMAIN}\] (\w+)"
    assert set(re.findall(said, started)) == set()


def test_it_overwrites_no_edited_snippet(tmp_path: Path) -> None:
    written = write_production(tmp_path, DOMAIN)
    assert {path.name for path in written} >= {"mobility.cfg.lua", "README.md"}
    with pytest.raises(ServerError, match="exists already"):
        write_production(tmp_path, DOMAIN)
