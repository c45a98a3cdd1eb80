"""slixmpp's client, with what it needs to resume in order and to end at any time."""

from __future__ import annotations

from typing import Any

from slixmpp import ClientXMPP
from slixmpp.stanza.rootstanza import RootStanza

__all__ = ["Connection"]


class Connection(ClientXMPP):
    """A client that loses nothing over a cut, resumes in order, and ends any time."""

    def send(self, data: Any, use_filters: bool = True) -> None:
        # WORKAROUND: when slixmpp 1.17 resumes, it sends what was never acknowledged
        # (without filters) behind what the app has said since the cut.
        if use_filters:
            super().send(data)
        else:
            self.waiting_queue.put_nowait((data, False))

    def keep_unsent(self, _: Any) -> None:
        # WORKAROUND: what slixmpp 1.17 has queued when the connection is lost, it drops
        # on its way to the socket. Unfiltered data is kept by XEP-0198 already.
        while not self.waiting_queue.empty():
            data, use_filters = self.waiting_queue.get_nowait()
            self.waiting_queue.task_done()
            if use_filters and isinstance(data, RootStanza):
                super().send(data)

    def abort(self) -> None:
        # WORKAROUND: slixmpp closes before it aborts, and where the peer had closed
        # already, asyncio's TLS transport in Python 3.11.2 (Debian 12) then raises.
        if self.transport:
            self.cancel_connection_attempt()
            self.transport.abort()
            self.event("killed")
