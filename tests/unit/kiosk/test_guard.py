"""Who may ask for what."""

from __future__ import annotations

import pytest

from kiosk.web.guard import Guard

GUARD = Guard("127.0.0.1", 8088)
LABEL = "0123456789abcdef01234567"
SHELL, FRAME = "127.0.0.1:8088", f"{LABEL}.localhost:8088"

# method, Host, Origin (None: it is not there) -> may it be answered
REQUESTS = [
    ("GET", SHELL, None, True),
    ("HEAD", SHELL, None, True),
    ("GET", SHELL, f"http://{SHELL}", True),
    ("GET", FRAME, None, True),
    ("GET", FRAME, f"http://{FRAME}", True),
    ("POST", SHELL, f"http://{SHELL}", True),
    ("POST", SHELL, None, False),
    ("POST", SHELL, "null", False),
    ("POST", SHELL, "", False),
    ("POST", SHELL, f"https://{SHELL}", False),
    ("POST", SHELL, f"http://{FRAME}", False),
    ("POST", SHELL, "http://127.0.0.1:8089", False),
    ("POST", SHELL, "http://127.0.0.1", False),
    ("POST", SHELL, "https://evil.example", False),
    ("POST", FRAME, f"http://{FRAME}", False),
    ("POST", FRAME, f"http://{SHELL}", False),
    ("POST", "localhost:8088", "http://localhost:8088", False),
    ("POST", "evil.example:8088", "http://evil.example:8088", False),  # rebinding
    ("GET", SHELL, "https://evil.example", False),
    ("GET", SHELL, "null", False),
    ("GET", FRAME, f"http://{SHELL}", False),
    ("GET", SHELL, f"http://{FRAME}", False),
    ("PUT", SHELL, f"http://{SHELL}", False),
    ("DELETE", SHELL, f"http://{SHELL}", False),
    ("OPTIONS", SHELL, f"http://{SHELL}", False),
    ("CONNECT", SHELL, None, False),
]


@pytest.mark.parametrize(("method", "host", "origin", "may"), REQUESTS)
def test_a_request_is_admitted_from_its_own_origin_only(
    method: str, host: str, origin: str | None, may: bool
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert GUARD.admits(method, host, headers) is may


# Host -> what it is; a name that an attacker points at us is nothing
HOSTS = {
    SHELL: "shell",
    "localhost:8088": "alias",
    FRAME: "frame",
    "": "nothing",
    "127.0.0.1": "nothing",
    "127.0.0.1:80": "nothing",
    "127.0.0.1.:8088": "nothing",
    "127.0.0.2:8088": "nothing",
    "127.0.0.1:8088.evil.example": "nothing",
    "evil.example": "nothing",
    "evil.example:8088": "nothing",
    "127.0.0.1.nip.io:8088": "nothing",
    "localhost.:8088": "nothing",
    "x.localhost:8088": "nothing",
    f"{LABEL}.localhost": "nothing",
    f"{LABEL}.localhost:80": "nothing",
    f"{LABEL}.localhost.:8088": "nothing",
    f"{LABEL}.localhost.evil.example:8088": "nothing",
    f"a.{LABEL}.localhost:8088": "nothing",
    f"{LABEL}0.localhost:8088": "nothing",
    f"{LABEL.upper()}.localhost:8088": "nothing",
    f"{LABEL}.example:8088": "nothing",
    f"\n{FRAME}": "nothing",
    f"{LABEL}.localhost\n:8088": "nothing",
}


@pytest.mark.parametrize(("host", "kind"), HOSTS.items())
def test_a_host_is_the_shell_or_a_frame_or_nothing(host: str, kind: str) -> None:
    kinds = {
        "shell": GUARD.is_shell(host),
        "alias": GUARD.is_alias(host) and not GUARD.is_shell(host),
        "frame": GUARD.frame(host) is not None,
    }
    assert [name for name, is_so in kinds.items() if is_so] == (
        [] if kind == "nothing" else [kind]
    )


def test_a_frame_is_known_by_its_label() -> None:
    assert GUARD.frame(FRAME) == LABEL
    assert GUARD.origin(LABEL) == f"http://{FRAME}"


def test_ipv6_has_brackets() -> None:
    guard = Guard("::1", 80)
    assert guard.shell == "http://[::1]:80"
    assert guard.is_shell("[::1]:80")


def directives(headers: dict[str, str]) -> dict[str, str]:
    policy = headers["Content-Security-Policy"].split("; ")
    return {name: rest for name, _, rest in (part.partition(" ") for part in policy)}


@pytest.mark.parametrize("headers", [GUARD.shell_headers(), GUARD.app_headers()])
def test_nothing_is_kept_and_nothing_runs_inline(headers: dict[str, str]) -> None:
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = directives(headers)
    assert policy["default-src"] == policy["form-action"] == "'none'"
    assert "unsafe-inline" not in str(policy)
    assert "'unsafe-eval'" not in str(policy)


def test_only_the_shell_may_frame_an_app_and_nobody_the_shell() -> None:
    assert directives(GUARD.app_headers())["frame-ancestors"] == GUARD.shell
    assert directives(GUARD.shell_headers())["frame-ancestors"] == "'none'"


def test_an_app_can_reach_nothing_but_its_own_origin() -> None:
    policy = directives(GUARD.app_headers())
    for name, sources in policy.items():
        if name.endswith("-src"):
            words = {"'none'", "'self'", "blob:", "data:", "'wasm-unsafe-eval'"}
            assert set(sources.split()) <= words, name
    assert policy["webrtc"] == "'block'"
