"""The configuration's text: Lua that means what was said, and what it must say."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobility.errors import ServerError
from mobility.server.config import Lua, Ports, ServerConfig, lua

CONFIG = ServerConfig(folder=Path("/data"), modules=Path("/modules"))
NEVER = ("register", "sasl2", "bob", "carbons_adhoc", "s2s_bidi", "admin_telnet")


def read_back(literal: str) -> str:
    """Read a quoted literal as Lua's manual (3.1) says, knowing nothing of lua()."""
    assert literal[0] == literal[-1] == '"'
    body, out = literal[1:-1], bytearray()
    while body:
        if body[0] == "\\":
            out.append(int(body[1:4]))
            body = body[4:]
        else:
            assert body[0] not in '"\n\r'
            out += body[0].encode("ascii")
            body = body[1:]
    return out.decode()


@given(st.text())
def test_any_string_comes_back_from_its_literal(text: str) -> None:
    assert read_back(lua(text)) == text


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40)))
def test_a_real_lua_reads_the_same_strings(texts: list[str]) -> None:
    program = shutil.which("lua5.4") or shutil.which("lua")
    assert program, "Prosody brings a Lua interpreter"
    script = f"for _, s in ipairs({lua(texts)}) do io.write(#s, ':', s) end"
    run = subprocess.run([program, "-"], input=script.encode(), capture_output=True)
    expected = b"".join(b"%d:%s" % (len(t.encode()), t.encode()) for t in texts)
    assert run.stdout == expected, run.stderr


def test_values_of_every_kind() -> None:
    value: Lua = {"a": True, "b": 1, "c": [], "d": ["x", "y"], "e": {}}
    assert lua(value) == (
        '{ ["a"] = true; ["b"] = 1; ["c"] = {}; ["d"] = { "x"; "y" }; ["e"] = {} }'
    )


def test_a_folder_cannot_inject_an_option() -> None:
    hostile = Path('/data"\nallow_registration = true --')
    text = replace(CONFIG, folder=hostile).text()
    assert text.count("\nallow_registration") == 1
    assert "\nallow_registration = false" in text


def test_components_are_let_in_on_this_machine_only_and_only_if_there_are_any() -> None:
    assert "component_ports = {}" in CONFIG.text()
    ports = replace(CONFIG.ports, component=5347)
    secret = 'se"cret'
    config = replace(
        CONFIG, host="192.0.2.1", ports=ports, services={"game.localhost": secret}
    )
    text = config.text()
    assert "component_ports = { 5347 }" in text
    assert 'component_interfaces = { "127.0.0.1" }' in text
    assert f'Component "game.localhost"\n\tcomponent_secret = {lua(secret)}' in text
    assert "game.localhost" in config.hosts
    assert secret not in repr(config)
    with pytest.raises(ServerError):
        replace(CONFIG, services={"a b": "secret"})


@pytest.mark.parametrize("module", NEVER)
def test_dangerous_modules_are_never_loaded(module: str) -> None:
    assert lua(module) not in CONFIG.text()


def test_on_loopback_browsers_use_plain_http_and_nothing_is_limited() -> None:
    text = CONFIG.text()
    assert "consider_websocket_secure = true" in text
    assert "http_ports = { 5280 }" in text
    assert "https_ports = {}" in text
    assert "limits" not in text
    assert CONFIG.http_url == "http://127.0.0.1:5280/"


def test_elsewhere_browsers_need_https_and_clients_are_limited() -> None:
    config = replace(CONFIG, host="0.0.0.0", domain="chat.example.org")  # noqa: S104
    text = config.text()
    assert "consider_websocket_secure = false" in text
    assert "consider_bosh_secure = false" in text
    assert "\nhttp_ports = {}" in text
    assert "https_ports = { 5280 }" in text
    assert '"limits"' in text
    assert 'limits = { ["c2s"]' in text
    assert config.http_url == "https://chat.example.org:5280/"


def test_guests_are_let_in_only_where_they_are_welcome() -> None:
    assert "anonymous" not in CONFIG.text()
    text = replace(CONFIG, guests="welcome").text()
    _, host = text.split('VirtualHost "guests.localhost"')
    assert 'authentication = "anonymous"' in host
    assert 'modules_enabled = { "mobility_guests" }' in host
    assert '"pep"' in host.split("modules_disabled")[1]
    assert 'proxy65_acl = { "localhost"; "guests.localhost" }' in text


def test_an_ipv6_address_is_bracketed_in_urls_only() -> None:
    config = replace(CONFIG, host="::1", ports=Ports(http=80))
    assert config.http_url == "http://[::1]:80/"
    assert 'interfaces = { "::1" }' in config.text()


@pytest.mark.parametrize("host", ["", "foo", "127.0.0.1:80", "localhost", "1.2.3"])
def test_only_an_address_can_be_listened_on(host: str) -> None:
    with pytest.raises(ServerError, match="is not an IP address"):
        replace(CONFIG, host=host)


VALID = ["localhost", "chat.example.org", "xn--bcher-kva.example", "a", "1.example"]
INVALID = [
    "",
    ".",
    "a..b",
    "Example.org",
    "-a",
    "a-",
    "a_b",
    "a/b",
    'a"',
    "bücher",
    "a\n",
]


@pytest.mark.parametrize("domain", VALID)
def test_a_domain(domain: str) -> None:
    assert f"VirtualHost {lua(domain)}" in replace(CONFIG, domain=domain).text()


@pytest.mark.parametrize("domain", [*INVALID, "a" * 64, "a." * 121 + "a"])
def test_no_domain(domain: str) -> None:
    with pytest.raises(ServerError, match="cannot be a server's domain"):
        replace(CONFIG, domain=domain)


def test_uploads_stay_for_a_day_and_can_be_deleted() -> None:
    upload = CONFIG.text().partition('Component "upload.localhost"')[2]
    assert "http_file_share_expires_after = 86400" in upload
    assert 'modules_enabled = { "mobility_upload" }' in upload
