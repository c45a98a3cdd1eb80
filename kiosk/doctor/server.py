"""The server: whether it is found, trusted, lets us in, and knows what we need."""

from __future__ import annotations

import asyncio
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slixmpp.exceptions import XMPPError
from slixmpp.xmlstream.resolver import default_resolver, resolve

from kiosk.doctor.finding import Finding, failed, ok, warning
from kiosk.doctor.starttls import NoTLS, NotServed, days_left
from kiosk.settings.settings import Settings
from mobility import Client, ConnectionFailed, PublicDisplay

__all__ = ["look_at_server"]

PATIENCE = 10.0  # seconds for each step
SOON = 14  # days before a certificate runs out
DRIFT = 30.0  # seconds that a clock may be off
DELEGATION = "urn:xmpp:tmp:mobility:delegation:0"
HOURS = "If its dates are right, this machine's clock is not: timedatectl."
# OpenSSL's codes of what is wrong with a certificate: what to do about it.
ADVICE = {
    9: HOURS,
    10: f"Renew it on the server. {HOURS}",
    62: "The certificate must name the domain of the account's address.",
}

UNKNOWN = (18, 19, 20)  # nobody whom we trust has signed it


async def look_at_server(display: Settings) -> list[Finding]:
    domain = display.jid.partition("@")[2].partition("/")[0]
    try:
        places = await _places(display, domain)
    except TimeoutError:
        places = []
    if not places:
        text = f"no name server knows {display.host or domain}."
        return [failed("dns", text, "Check the address, the network and its resolver.")]
    findings = [_found(display, domain, places)]
    for direct, address, port in places:
        reached = await _tls(display, domain, address, port, direct=direct)
        if reached is not None:
            findings += reached
            break
    else:
        text = f"nothing answers at {_list(places)}."
        return [
            *findings,
            failed("tcp", text, "Is the server up, and a firewall open?"),
        ]
    if findings[-1].result == "failed":
        return findings
    return findings + [finding async for finding in _login(display, domain)]


async def _places(display: Settings, domain: str) -> list[tuple[bool, str, int]]:
    """Whether TLS comes first, address and port, in the order to try."""
    loop = asyncio.get_running_loop()
    services = None if display.host else ["xmpps-client", "xmpp-client"]
    async with asyncio.timeout(PATIENCE):
        found = await resolve(
            display.host or domain,
            display.port or 5222,
            loop=loop,
            services=services,
            resolver=default_resolver(loop=loop),
        )
    return [(each[0] == "xmpps-client", each[2], each[3]) for each in found]


def _found(
    display: Settings, domain: str, places: list[tuple[bool, str, int]]
) -> Finding:
    how = "the settings" if display.host else "DNS"
    return ok("dns", f"{domain} is at {_list(places)}, say {how}.")


def _list(places: list[tuple[bool, str, int]]) -> str:
    return ", ".join(f"{address} port {port}" for _, address, port in places[:4])


async def _tls(
    display: Settings, domain: str, address: str, port: int, *, direct: bool
) -> list[Finding] | None:
    """None if nothing answers there."""
    try:
        context = ssl.create_default_context(cafile=display.ca_file)
    except OSError:
        text = f"{display.ca_file} is not a PEM file."
        return [failed("certificate", text, "Name another as ca_file of [server].")]
    try:
        async with asyncio.timeout(PATIENCE):
            days = await days_left(address, port, domain, context, direct=direct)
    except ssl.SSLCertVerificationError as error:
        return [_distrusted(display, error)]
    except NotServed:
        text = f"the server at {address} port {port} is not that of {domain}."
        return [failed("certificate", text, "Look at jid, and at host of [server].")]
    except (NoTLS, ssl.SSLError):
        text = f"what answers at {address} port {port} offers no TLS."
        return [failed("certificate", text, "Is that the XMPP server's port?")]
    except (OSError, TimeoutError):
        return None
    reached = ok("tcp", f"{address} port {port} answers.")
    text = f"trusted, and good for {days:.0f} days."
    if days < SOON:
        return [reached, warning("certificate", text, "Renew it on the server.")]
    return [reached, ok("certificate", text)]


def _distrusted(display: Settings, error: ssl.SSLCertVerificationError) -> Finding:
    if error.verify_code not in UNKNOWN:
        advice = ADVICE.get(error.verify_code, "")
        return failed("certificate", f"{error.verify_message}.", advice)
    if display.ca_file is None:
        advice = "If the server is yours, name its CA file as ca_file of [server]."
        return failed("certificate", "no authority of this system signed it.", advice)
    text = f"another authority than that of {display.ca_file} signed it."
    advice = (
        "Take the CA file that the server has now. If the server is not yours, leave "
        "ca_file out."
    )
    return failed("certificate", text, advice)


async def _login(display: Settings, domain: str) -> AsyncIterator[Finding]:
    try:
        async with _entered(display) as xmpp:
            yield ok("login", f"{display.jid} is let in.")
            async for finding in _features(xmpp, domain):
                yield finding
            yield _resumption(xmpp)
            yield await _clock(xmpp, domain)
    except ConnectionFailed as error:
        yield failed("login", str(error), "")
        return
    if display.guests:
        yield await _guests(display)


async def _guests(display: Settings) -> Finding:
    """As a visitor without an account would."""
    with tempfile.TemporaryDirectory() as journal:
        guest = Client.guest(
            display.guests,
            data=Path(journal),
            host=display.host,
            port=display.port,
            ca_file=display.ca_file,
        )
        try:
            async with guest:
                return ok("guests", f"{display.guests} lets visitors in.")
        except ConnectionFailed as error:
            advice = "Let guests in there, or leave guests out of [server]."
            return failed("guests", str(error), advice)


@asynccontextmanager
async def _entered(display: Settings) -> AsyncIterator[Any]:
    """As a device of its own, so that a display that is running is not pushed out."""
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    async with PublicDisplay(
        display.jid.partition("/")[0],
        display.password,
        name=display.name,
        host=display.host,
        port=display.port,
        ca_file=display.ca_file,
    ) as device:
        yield device.stream.xmpp


def _resumption(xmpp: Any) -> Finding:
    if xmpp.plugin["xep_0198"].sm_id:
        return ok("stream management", "a cut connection is resumed (XEP-0198).")
    return warning(
        "stream management",
        "a short cut of the network may lose what was said in it.",
        "Switch XEP-0198 on at the server (Prosody: smacks).",
    )


async def _features(xmpp: Any, domain: str) -> AsyncIterator[Finding]:
    try:
        info = await xmpp.plugin["xep_0030"].get_info(jid=domain, timeout=PATIENCE)
        features = set(info["disco_info"]["features"])
    except (XMPPError, TimeoutError):
        yield warning("features", "the server does not say what it can.", "")
        return
    yield ok("features", f"the server names {len(features)} of them.")
    if DELEGATION in features:
        yield ok("delegation", "the server holds a delegated login to its visit.")
    else:
        yield warning(
            "delegation",
            f"visitors of {domain} cannot have a login limited to one visit.",
            "Install the modules of `mobility server --write-config` there.",
        )


async def _clock(xmpp: Any, domain: str) -> Finding:
    xmpp.register_plugin("xep_0202")
    try:
        time = xmpp.plugin["xep_0202"]
        before = datetime.now(UTC)
        answer = await time.get_entity_time(domain, timeout=PATIENCE)
        off = abs((answer["entity_time"]["time"] - before).total_seconds())
    except (XMPPError, TimeoutError, TypeError, ValueError):
        return ok("clock", "within the dates of the server's certificate.")
    if off > DRIFT:
        text = f"{off:.0f} s from the server's."
        return warning("clock", text, "Let it be set: timedatectl set-ntp true.")
    return ok("clock", "agrees with the server's.")
