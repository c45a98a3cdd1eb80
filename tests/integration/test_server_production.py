"""What `--write-config` writes: a real Prosody takes it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import slixmpp
from slixmpp.exceptions import IqError

import mobility.server
from mobility import Spot
from mobility.errors import DirectoryUnavailable, ServerError
from mobility.protocol.place import Entry
from mobility.server import Accounts, Guests, Ports, write_production
from mobility.server.certificates import ensure_certificates
from mobility.server.child import Child
from mobility.server.config import Lua, lua
from mobility.server.ports import choose_ports
from mobility.xmpp import ns
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream
from tests.fakes.federation import Federation, Peer, dns, stranger
from tests.integration.test_server import FREE, login

DOMAIN = "chat.example.org"
LIFELINE = Path(mobility.server.__file__).parent / "lua" / "private"


def main_config(
    folder: Path,
    options: Mapping[str, Lua] | None = None,
    plugins: Sequence[str] = (),
    modules: Sequence[str] = (),
) -> Path:
    """Write a server's own configuration around the snippet, as Debian's does."""
    parts = ("proxy", "upload", "pubsub", "guests")
    names = [DOMAIN, *(f"{part}.{DOMAIN}" for part in parts)]
    ensure_certificates(folder / "certs", names)
    (folder / "data").mkdir(exist_ok=True)
    enabled = ["roster", "saslauth", "tls", "disco", "posix", "register", *modules]
    settings: dict[str, Lua] = {
        "run_as_root": os.geteuid() == 0,
        "data_path": str(folder / "data"),
        "pidfile": str(folder / "prosody.pid"),
        "certificates": "certs",
        "plugin_paths": [str(folder / "snippet" / "modules"), *plugins],
        "modules_enabled": enabled,
        **(options or {}),
    }
    lines = [f"{key} = {lua(value)}" for key, value in settings.items()]
    lines += ['VirtualHost "localhost"', 'Include "snippet/*.cfg.lua"']
    path = folder / "prosody.cfg.lua"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(params=["welcome", "refused"])
def guests(request: pytest.FixtureRequest) -> Guests:
    choice: Guests = request.param
    return choice


def test_luac_reads_it(tmp_path: Path, guests: Guests) -> None:
    write_production(tmp_path / "snippet", DOMAIN, guests=guests)
    program = shutil.which("luac5.4") or shutil.which("luac")
    assert program, "Prosody brings a Lua compiler"
    snippet = str(tmp_path / "snippet" / "mobility.cfg.lua")
    subprocess.run([program, "-p", snippet], check=True)


def test_prosodyctl_finds_nothing_wrong(tmp_path: Path, guests: Guests) -> None:
    write_production(tmp_path / "snippet", DOMAIN, guests=guests)
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
    write_production(tmp_path / "snippet", DOMAIN, guests="welcome")
    ports = choose_ports("127.0.0.1", FREE)
    there = There(ports.c2s, tmp_path / "certs" / "ca.crt")
    log = tmp_path / "prosody.log"
    child = await Child.start("prosody", for_a_test(tmp_path, ports, log), log)
    try:
        jid = Accounts(tmp_path, DOMAIN).add("lobby", "secret")
        async with login(there, jid, "secret") as client:
            client.register_plugin("xep_0030")
            disco = client.plugin["xep_0030"]
            info = await disco.get_info(jid=slixmpp.JID(DOMAIN))
            features = set(info["disco_info"]["features"])
            assert features >= {"urn:xmpp:carbons:2", "urn:xmpp:ping", ns.DELEGATION}
            # The whole server has `register`; this domain must not.
            assert "jabber:iq:register" not in features
            query = client.make_iq_get("jabber:iq:register", slixmpp.JID(DOMAIN))
            with pytest.raises(IqError, match="service-unavailable"):
                await query.send()
            async with Stream(
                f"guests.{DOMAIN}",
                Anonymous(),
                host=there.host,
                port=there.c2s_port,
                ca_file=there.ca_file,
            ) as guest:
                info = await disco.get_info(jid=slixmpp.JID(guest.jid))
                assert "http://jabber.org/protocol/ibb" in str(info)
    finally:
        await child.end(signal.SIGTERM)
    assert not re.findall(r"\terror\t.*", log.read_text())


async def test_users_of_other_servers_reach_it_and_it_believes_certificates_only(
    tmp_path: Path, federation: Federation
) -> None:
    write_production(tmp_path / "snippet", DOMAIN)
    federation.share_authority(tmp_path / "certs")
    ports, s2s = choose_ports("127.0.0.1", FREE), choose_ports("127.0.0.1", FREE)
    other = Peer("visitors.example", s2s.c2s)
    log = tmp_path / "prosody.log"
    more: dict[str, Lua] = {
        "s2s_ports": [s2s.http],
        "unbound": dns(other, tmp_path / "hosts"),
        "ssl": {"cafile": str(tmp_path / "certs" / "ca.crt")},
    }
    child = await Child.start("prosody", for_a_test(tmp_path, ports, log, more), log)
    here = Peer(DOMAIN, s2s.http)
    try:
        with federation.server(other.domain, other.port, here) as visitors:
            async with login(visitors, *visitors.add()) as client:
                client.register_plugin("xep_0199")
                ping = client.plugin["xep_0199"].ping
                assert await ping(slixmpp.JID(DOMAIN), timeout=5)
        with stranger(tmp_path / "other", other.domain, other.port, here) as visitors:
            async with login(visitors, *visitors.add()) as client:
                client.register_plugin("xep_0199")
                with pytest.raises(IqError, match=r"not-authorized|remote-server"):
                    await client.plugin["xep_0199"].send_ping(
                        slixmpp.JID(DOMAIN), timeout=5
                    )
    finally:
        await child.end(signal.SIGTERM)


async def test_the_accounts_that_it_names_are_listed_as_displays(
    tmp_path: Path,
) -> None:
    write_production(tmp_path / "snippet", DOMAIN)
    snippet = tmp_path / "snippet" / "mobility.cfg.lua"
    ports = choose_ports("127.0.0.1", FREE)
    log = tmp_path / "prosody.log"
    child = await Child.start("prosody", for_a_test(tmp_path, ports, log), log)
    try:
        jid = Accounts(tmp_path, DOMAIN).add("lobby", "secret")
        ca_file = tmp_path / "certs" / "ca.crt"
        where: dict[str, Any] = {"host": "127.0.0.1", "port": ports.c2s}
        entry = Entry("Lobby", "", Spot(), stamp=1_800_000_000)
        async with Stream(jid, "secret", **where, ca_file=ca_file) as lobby:
            with pytest.raises(DirectoryUnavailable, match="names the accounts"):
                await lobby.places.publish(entry)
            text, mark = snippet.read_text(), f'--[["{jid}";]]'
            assert mark in text
            snippet.write_text(text.replace(mark, f'"{jid}";'))
            os.kill(child.pid, signal.SIGHUP)
            while await lobby.places.own() is None:
                with contextlib.suppress(DirectoryUnavailable):
                    await lobby.places.publish(entry)
    finally:
        await child.end(signal.SIGTERM)
    assert not re.findall(r"\terror\t.*", log.read_text())


@dataclass
class There:
    """Where that server is."""

    c2s_port: int
    ca_file: Path
    host: str = "127.0.0.1"


def for_a_test(
    folder: Path, ports: Ports, log: Path, more: Mapping[str, Lua] | None = None
) -> Path:
    """Write a configuration that can run beside others, and ends with us."""
    options: dict[str, Lua] = {
        "log": {"info": str(log)},
        "interfaces": ["127.0.0.1"],
        "c2s_ports": [ports.c2s],
        "s2s_ports": [],
        "http_ports": [ports.http],
        "https_ports": [],
        "password_hash": "SHA-256",
        "proxy65_interfaces": ["127.0.0.1"],
        **(more or {}),
    }
    path = main_config(folder, options, [str(LIFELINE)], ["mobility_lifeline"])
    snippet = folder / "snippet" / "mobility.cfg.lua"
    snippet.write_text(snippet.read_text().replace("{ 5000 }", f"{{ {ports.proxy} }}"))
    return path


def test_it_overwrites_no_edited_snippet(tmp_path: Path) -> None:
    written = write_production(tmp_path, DOMAIN)
    assert {path.name for path in written} >= {"mobility.cfg.lua", "README.md"}
    with pytest.raises(ServerError, match="exists already"):
        write_production(tmp_path, DOMAIN)
