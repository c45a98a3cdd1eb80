"""slixmpp's client, with what it needs to resume in order and to end at any time."""

from __future__ import annotations

from typing import Any

from slixmpp import ClientXMPP

__all__ = ["Connection"]


class Connection(ClientXMPP):
    """A client whose connection can be aborted at any time, and resumes in order."""

    def send(self, data: Any, use_filters: bool = True) -> None:
        # WORKAROUND: when slixmpp 1.17 resumes, it sends what was never acknowledged
        # (without filters) behind what the app has said since the cut.
        if use_filters:
            super().send(data)
        else:
            self.waiting_queue.put_nowait((data, False))

    def abort(self) -> None:
        # WORKAROUND: slixmpp closes before it aborts, and where the peer had closed
        # already, asyncio's TLS transport in Python 3.11.2 (Debian 12) then raises.
        if self.transport:
            self.cancel_connection_attempt()
            self.transport.abort()
            self.event("killed")
