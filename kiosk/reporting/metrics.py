"""
Figures for Prometheus (text format 0.0.4) on a loopback port.

Labels name a display of the settings, a level, or one of a few words: never a visitor,
an account or an address.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

from kiosk.reporting.tally import ENDS, LEVELS, Tally

__all__ = ["render", "serve"]

PREFIX = "mobility_kiosk_"
SLOWEST = 5.0  # seconds that a request may take
TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], float]


def render(tallies: Mapping[str, Tally], now: float) -> str:
    """All figures as text. `now` is of the clock that the tallies were given."""
    lines: list[str] = []
    for name, kind, text, read in FAMILIES:
        lines += [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
        for display, tally in tallies.items():
            for labels, value in read(tally, now):
                suffix = labels.pop("", "")
                words = _labels({"display": display, **labels})
                lines.append(f"{PREFIX}{name}{suffix}{words} {value:.10g}")
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def _one(read: Callable[[Tally], float]) -> Callable[[Tally, float], Iterable[Sample]]:
    return lambda tally, now: [({}, float(read(tally)))]


def _visits(tally: Tally, now: float) -> Iterator[Sample]:
    for level in LEVELS:
        for ended in ENDS:
            yield {"level": level, "ended": ended}, tally.visits[level, ended]


def _seconds(tally: Tally, now: float) -> Iterator[Sample]:
    yield {"": "_sum"}, tally.seconds
    yield {"": "_count"}, tally.visits.total()


def _transfers(tally: Tally, now: float) -> Iterator[Sample]:
    yield {"result": "ok"}, tally.sessions
    yield {"result": "failed"}, tally.failed


def _wipes(tally: Tally, now: float) -> Iterator[Sample]:
    yield {"result": "confirmed"}, tally.wipes[True]
    yield {"result": "unconfirmed"}, tally.wipes[False]


def _restarts(tally: Tally, now: float) -> Iterator[Sample]:
    yield {"reason": "visit"}, tally.restarts["visit"]
    yield {"reason": "crash"}, tally.restarts["crash"]
    yield {"reason": "hang"}, tally.restarts["hang"]


def _age(tally: Tally, now: float) -> Iterator[Sample]:
    if tally.heard is not None:
        yield {}, now - tally.heard


def _certificate(tally: Tally, now: float) -> Iterator[Sample]:
    if tally.beat.certificate is not None:
        yield {}, tally.beat.certificate


FAMILIES: list[tuple[str, str, str, Callable[[Tally, float], Iterable[Sample]]]] = [
    ("up", "gauge", "1 while its process lives.", _one(lambda t: t.heard is not None)),
    (
        "online",
        "gauge",
        "1 while the server is reached.",
        _one(lambda t: t.beat.online),
    ),
    ("page_open", "gauge", "1 while a page is open.", _one(lambda t: t.beat.page)),
    ("heartbeat_age_seconds", "gauge", "Since its process was last heard.", _age),
    ("certificate_days", "gauge", "Until the server's runs out.", _certificate),
    ("visited", "gauge", "1 while somebody is here.", _one(lambda t: t.visited)),
    ("visits_total", "counter", "Visits that are over.", _visits),
    ("visit_seconds", "summary", "How long they were.", _seconds),
    ("sessions_total", "counter", "Sessions shown.", _one(lambda t: t.sessions)),
    ("transfers_total", "counter", "Sessions that were to come here.", _transfers),
    ("scans_refused_total", "counter", "Turned away.", _one(lambda t: t.refused)),
    ("rivals_total", "counter", "Second scans of a code.", _one(lambda t: t.rivals)),
    ("wipes_total", "counter", "Visits whose wipe was signed for, or not.", _wipes),
    ("restarts_total", "counter", "Fresh processes, and why.", _restarts),
]


@asynccontextmanager
async def serve(sock: socket.socket, text: Callable[[], str]) -> AsyncIterator[None]:
    """Answer ``GET /metrics`` until the block ends."""
    port = sock.getsockname()[1]
    hosts = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")}

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with asyncio.timeout(SLOWEST):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(head, hosts, text))
                await writer.drain()
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or asks for nothing of ours
        finally:
            writer.close()

    async with await asyncio.start_server(answer, sock=sock):
        yield


def _answer(head: bytes, hosts: set[str], text: Callable[[], str]) -> bytes:
    request, *fields = head.decode("latin-1").split("\r\n")
    names = [field.partition(":") for field in fields]
    host = [value.strip() for name, _, value in names if name.lower() == "host"]
    # a web page could point a name of its own at this port (DNS rebinding)
    if request.split(" ")[:2] != ["GET", "/metrics"] or not hosts.issuperset(host):
        return (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    body = text().encode()
    found = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\n"
    )
    return found.encode() + b"Connection: close\r\n\r\n" + body
