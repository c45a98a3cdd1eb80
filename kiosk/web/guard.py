"""
Who may ask for what: hosts, origins and the headers of every answer. Pure.

Two kinds of host share one listener. The shell is the screen's own page. Each app runs
on a host of its own, a random name under ``.localhost``, which browsers resolve to the
loopback address by themselves; so it has an origin, storage and a process of its own.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PRIVATE", "Guard", "same"]

PRIVATE = "This page is for the browser of the kiosk that serves it."

LABEL = re.compile(r"([0-9a-f]{24})\.localhost")

COMMON = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), "
        "serial=(), hid=(), payment=(), clipboard-read=(), clipboard-write=()"
    ),
}


@dataclass(frozen=True, slots=True)
class Guard:
    """
    The rules for one listener.

    Args:
        address, port: Where it listens.
        key: What the kiosk's own browser was told; empty where others open the page.

    """

    address: str
    port: int
    key: str = field(default="", repr=False)

    @property
    def shell(self) -> str:
        """The one origin of the screen's own page."""
        name = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{name}:{self.port}"

    def origin(self, frame: str) -> str:
        return f"http://{frame}.localhost:{self.port}"

    def is_shell(self, host: str) -> bool:
        return f"http://{host}" == self.shell

    def is_alias(self, host: str) -> bool:
        """A name that people type; they are sent to the shell's own."""
        return host in (f"localhost:{self.port}", f"127.0.0.1:{self.port}")

    def frame(self, host: str) -> str | None:
        """The frame that this host belongs to; None for every other name."""
        name, _, port = host.rpartition(":")
        match = LABEL.fullmatch(name)
        return match[1] if match and port == str(self.port) else None

    def shows(self, key: str) -> bool:
        """Whether the screen's own page, which holds the token, may be given away."""
        return not self.key or same(key, self.key)

    def admits(self, method: str, host: str, headers: Mapping[str, str]) -> bool:
        """
        Whether a request may be answered at all.

        A page of another origin can send one, even if it cannot read the answer: so
        a POST must say that it comes from the shell, and whatever says where it comes
        from must come from the host that it asks.
        """
        own = f"http://{host}"
        origin = headers.get("Origin")
        if method == "POST":
            return origin == own == self.shell
        # a page that is opened, or framed by the shell, names no origin
        return method in ("GET", "HEAD") and origin in (None, own)

    def shell_headers(self) -> dict[str, str]:
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "frame-src": f"http://*.localhost:{self.port}",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "require-trusted-types-for": "'script'",
        }
        opener = {
            "Cross-Origin-Opener-Policy": "same-origin",
            "X-Frame-Options": "DENY",
        }
        return COMMON | opener | {"Content-Security-Policy": _join(policy)}

    def app_headers(self) -> dict[str, str]:
        """For an app's page: nothing leaves it but by the shell."""
        policy = {
            "default-src": "'none'",
            "script-src": "'self' 'wasm-unsafe-eval'",
            "style-src": "'self'",
            "img-src": "'self' blob: data:",
            "font-src": "'self' blob: data:",
            "media-src": "'self' blob: data:",
            "worker-src": "'self' blob:",
            "connect-src": "'self' blob: data:",
            "frame-ancestors": self.shell,
            "base-uri": "'none'",
            "form-action": "'none'",
            "webrtc": "'block'",
        }
        return COMMON | {"Content-Security-Policy": _join(policy)}


def same(shown: str, secret: str) -> bool:
    """Whether somebody knows a secret; `shown` is as aiohttp decodes it."""
    return hmac.compare_digest(shown.encode(errors="surrogateescape"), secret.encode())


def _join(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())
