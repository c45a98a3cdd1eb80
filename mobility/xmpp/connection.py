"""slixmpp's client, with what it needs to run on every Python that we support."""

from __future__ import annotations

from slixmpp import ClientXMPP

__all__ = ["Connection"]


class Connection(ClientXMPP):
    """A client whose connection can be aborted at any time."""

    def abort(self) -> None:
        # WORKAROUND: slixmpp closes before it aborts, and where the peer had closed
        # already, asyncio's TLS transport in Python 3.11.2 (Debian 12) then raises.
        if self.transport:
            self.cancel_connection_attempt()
            self.transport.abort()
            self.event("killed")
