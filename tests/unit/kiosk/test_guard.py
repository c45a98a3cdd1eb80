"""Which request is answered at all, and what every answer says."""

from __future__ import annotations

import pytest

from kiosk.guard import Guard

GUARD = Guard("127.0.0.1", 8088)
SHELL = "http://127.0.0.1:8088"
FRAME = "0123456789abcdef01234567"
APP = f"{FRAME}.localhost:8088"

HOSTS = {
    "127.0.0.1:8088": "shell",
    "localhost:8088": "alias",
    APP: "frame",
    "127.0.0.1": None,
    "127.0.0.1:80": None,
    "kiosk.example:8088": None,  # a name that an attacker lets point to us
    "127.0.0.1.kiosk.example:8088": None,
    f"{FRAME}.localhost": None,
    f"{FRAME}.localhost:80": None,
    f"{FRAME}.localhost.kiosk.example:8088": None,
    f"x.{FRAME}.localhost:8088": None,
    f"{FRAME[:-1]}.localhost:8088": None,
    f"{FRAME[:-1]}g.localhost:8088": None,
    "": None,
}


@pytest.mark.parametrize(("host", "kind"), HOSTS.items())
def test_a_host_is_one_of_ours_or_none(host: str, kind: str | None) -> None:
    assert GUARD.is_shell(host) is (kind == "shell")
    assert (GUARD.frame(host) == FRAME) is (kind == "frame")
    assert GUARD.is_alias(host) is (kind in ("alias", "shell"))


# method, host, origin of the request, whether it is admitted
REQUESTS = [
    ("GET", "127.0.0.1:8088", None, True),
    ("GET", "127.0.0.1:8088", SHELL, True),
    ("GET", APP, None, True),
    ("GET", APP, f"http://{APP}", True),
    ("GET", APP, SHELL, False),
    ("GET", "127.0.0.1:8088", "https://evil.example", False),
    ("GET", "127.0.0.1:8088", "null", False),
    ("GET", "127.0.0.1:8088", f"http://{APP}", False),
    ("POST", "127.0.0.1:8088", SHELL, True),
    ("POST", "127.0.0.1:8088", None, False),
    ("POST", "127.0.0.1:8088", "null", False),
    ("POST", "127.0.0.1:8088", "https://evil.example", False),
    ("POST", "127.0.0.1:8088", f"http://{APP}", False),
    ("POST", APP, f"http://{APP}", False),
    ("POST", "evil.example:8088", "http://evil.example:8088", False),
    ("PUT", "127.0.0.1:8088", SHELL, False),
    ("OPTIONS", "127.0.0.1:8088", SHELL, False),
]


@pytest.mark.parametrize(("method", "host", "origin", "admitted"), REQUESTS)
def test_a_request_comes_from_where_it_may(
    method: str, host: str, origin: str | None, admitted: bool
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert GUARD.admits(method, host, headers) is admitted


def test_nothing_is_stored_and_nobody_else_is_told() -> None:
    for headers in (GUARD.shell_headers(), GUARD.app_headers()):
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "'unsafe-eval'" not in policy
        assert "*" not in policy.replace("http://*.localhost:8088", "")


def test_only_the_shell_frames_an_app_and_nobody_the_shell() -> None:
    app = GUARD.app_headers()["Content-Security-Policy"]
    shell = GUARD.shell_headers()["Content-Security-Policy"]
    assert f"frame-ancestors {SHELL};" in app
    assert "frame-ancestors 'none'" in shell


def test_an_ipv6_listener_has_its_address_in_brackets() -> None:
    assert Guard("::1", 8088).shell == "http://[::1]:8088"
    assert Guard("::1", 8088).is_shell("[::1]:8088")
