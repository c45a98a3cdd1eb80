"""Puts files on the account's server, gets and deletes them."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any, ClassVar, Final, Literal
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID
from yarl import URL

from mobility.errors import CarrierLost, RemoteProtocolError
from mobility.xmpp.feature import Feature
from mobility.xmpp.services import Services
from mobility.xmpp.upload import stanza, web
from mobility.xmpp.upload.stanza import Slot
from mobility.xmpp.upload.web import Download

__all__ = ["Uploads"]

_ANSWER = 10.0  # seconds
_NO_SERVICE: Final = "The server has no store for files."
_REFUSED: Final = {
    "forbidden": "The server does not let this account store files.",
    "not-acceptable": "The server does not take this file.",
    "resource-constraint": "The server's store is full, or your share of it for today.",
}


class Uploads(Feature):
    """
    Files on the account's own server, for devices that are not online yet.

    Whoever knows a URL can get the file: seal it first.

    Attributes:
        ca_file: PEM file of the authority to trust instead of the system's.

    """

    name = "mobility_uploads"
    description = "Files on the server"
    dependencies: ClassVar[set[str]] = {Services.name}

    def plugin_init(self) -> None:
        self.ca_file: Path | None = None
        self._origin: URL | None = None
        self.xmpp.add_event_handler("session_start", self._on_new_session)

    def plugin_end(self) -> None:
        self.xmpp.del_event_handler("session_start", self._on_new_session)

    def _on_new_session(self, _: Any) -> None:
        self._origin = None

    async def limit(self) -> int | None:
        """Bytes of the largest file that the server takes; None if it takes none."""
        found = await self._service()
        if found is None:
            return None
        limit = stanza.read_limit(found[1])
        return sys.maxsize if limit is None else limit

    async def put(self, size: int, chunks: AsyncIterable[bytes]) -> str:
        """
        Store a file of `size` bytes under a name that says nothing.

        Returns:
            Its URL.

        Raises:
            CarrierLost: If the server does not take it; says why.
            LocalProtocolError: If there are not `size` bytes.

        """
        slot = await self._slot(size)
        await web.upload(slot, size, chunks, self.ca_file)
        return slot.get

    @contextlib.asynccontextmanager
    async def get(self, url: str, *, at: int = 0) -> AsyncIterator[Download]:
        """
        A pipe with a file's bytes, from byte `at` on.

        Only our own server's store is asked. It may send more than the file should
        have: read no more than that.

        Raises:
            CarrierLost: If the file is not there, or is none of our server's.

        """
        if self._origin is None:
            await self._slot(1)  # no server says otherwise where its files are
        if web.origin(url) != self._origin:
            raise CarrierLost("That file is not on our own server.")
        async with web.download(url, at, self.ca_file) as pipe:
            yield pipe

    async def delete(self, url: str) -> bool:
        """Remove a file of ours; False if it is not ours or the server cannot."""
        found = await self._service()
        if found is None:
            return False
        try:
            await self._ask(found[0], stanza.deletion(url), "set")
        except (IqError, IqTimeout):
            return False
        return True

    async def _service(self) -> tuple[str, Element] | None:
        return await Services.of(self.xmpp).find(stanza.is_store)

    async def _slot(self, size: int) -> Slot:
        found = await self._service()
        if found is None:
            raise CarrierLost(_NO_SERVICE)
        request = stanza.request(secrets.token_urlsafe(16), size)
        try:
            result = await self._ask(found[0], request, "get")
            slot = stanza.read_slot(result.xml.find(stanza.SLOT))
        except IqError as refused:
            raise CarrierLost(_why(refused, stanza.read_limit(found[1]))) from None
        except (IqTimeout, RemoteProtocolError):
            raise CarrierLost("The server's file store does not answer.") from None
        self._origin = web.origin(slot.get)
        return slot

    async def _ask(self, to: str, element: Element, kind: Literal["get", "set"]) -> Iq:
        iq = self.xmpp.make_iq(ito=JID(to), itype=kind)
        iq.xml.append(element)
        result: Iq = await iq.send(timeout=_ANSWER)
        return result


def _why(refused: IqError, limit: int | None) -> str:
    if stanza.too_large(refused.iq["error"].xml):
        most = "" if limit is None else f" It takes at most {limit:,} bytes."
        return f"The file is too large for the server.{most}"
    return _REFUSED.get(refused.condition, "The server's file store does not answer.")
