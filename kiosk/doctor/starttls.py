"""Just enough of RFC 6120 §5 to look at a server's certificate without a login."""

from __future__ import annotations

import asyncio
import ssl
import time
from xml.sax.saxutils import quoteattr

__all__ = ["NoTLS", "NotServed", "days_left"]

DAY = 86_400.0
LARGEST = 65_536  # bytes until the features


class NoTLS(Exception):
    """What answers does not offer STARTTLS."""


class NotServed(Exception):
    """It is an XMPP server, and not that of the domain."""


async def days_left(
    host: str, port: int, domain: str, context: ssl.SSLContext, *, direct: bool
) -> float:
    """
    Days until the server's certificate runs out, once it is verified.

    Args:
        host, port: Where to ask.
        domain: Whose certificate it must be.
        context: Whom to trust.
        direct: TLS comes first (XEP-0368).

    Raises:
        NoTLS, NotServed, OSError: It cannot be had.
        ssl.SSLCertVerificationError: It cannot be trusted.

    """
    tls = {"ssl": context, "server_hostname": domain} if direct else {}
    reader, writer = await asyncio.open_connection(host, port, limit=LARGEST, **tls)  # type: ignore[arg-type]
    try:
        if not direct:
            await _upgrade(reader, writer, domain)
            await writer.start_tls(context, server_hostname=domain)
        found = writer.get_extra_info("ssl_object").getpeercert()
        return (ssl.cert_time_to_seconds(found["notAfter"]) - time.time()) / DAY
    finally:
        writer.close()


async def _upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, domain: str
) -> None:
    header = (
        f"<?xml version='1.0'?><stream:stream to={quoteattr(domain)} version='1.0' "
        "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    writer.write(header.encode())
    try:
        features = await reader.readuntil(b"</stream:features>")
        if b"urn:ietf:params:xml:ns:xmpp-tls" not in features:
            raise NoTLS
        writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        if b"<proceed" not in await reader.readuntil(b">"):
            raise NoTLS
    except asyncio.IncompleteReadError as error:
        raise (NotServed if b"<host-unknown" in error.partial else NoTLS) from None
    except asyncio.LimitOverrunError:
        raise NoTLS from None
