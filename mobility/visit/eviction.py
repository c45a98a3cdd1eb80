"""Ending a login of the account that only its server can end: by taking its place."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mobility.errors import ConnectionFailed
from mobility.xmpp.stream import Stream

__all__ = ["evict"]

log = logging.getLogger(__name__)


async def evict(connect: Callable[[str], Stream], jid: str) -> None:
    """
    Throw out whoever is logged in under this full JID.

    A server has one session a resource, and the new one is ours (RFC 6120 §7.7.2.2):
    the old one gets ``<conflict/>``, also if it hibernates, and whatever runs there.

    Args:
        connect: A stream of the account that asks for a JID and sends no presence.
        jid: Full JID of the login.

    Raises:
        ConnectionFailed: If the server cannot be reached, or gives us another resource
            so that the login goes on.

    """
    async with connect(jid) as stream:
        if stream.jid != jid:
            domain = jid.partition("/")[0].partition("@")[2]
            raise ConnectionFailed(
                f"{domain} does not let a new login take the place of an old one, so "
                "the screen may still be logged in. Change your password, and ask who "
                f"runs {domain} to end {jid}."
            )
    log.info("a screen's login was ended by taking its place")
