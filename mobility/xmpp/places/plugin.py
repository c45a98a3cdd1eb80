"""
The list of displays of a venue: found on its server, read, and written by its displays.

It is a node of an ordinary pubsub service (XEP-0060); whose accounts write it, its
server decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID, InvalidJID

from mobility.errors import DirectoryUnavailable, MobilityError, PeerUnreachable
from mobility.protocol.place import Entry
from mobility.xmpp.feature import SECONDS, Feature
from mobility.xmpp.places import stanza
from mobility.xmpp.places.stanza import Item

__all__ = ["MobilityPlaces"]

log = logging.getLogger(__name__)
_SERVICES: Final = 32  # components of a server that are asked who they are
_ANSWER: Final = 5.0  # seconds for each to say so
_BATCH: Final = 20  # items in one answer: of 4 KiB each, a third of a stanza
_AT_ONCE: Final = 4  # questions that are under way
_NO_ROOM: Final = frozenset({"not-acceptable", "policy-violation", "bad-request"})


class MobilityPlaces(Feature):
    name = "mobility_places"
    description = "Displays of a venue"
    dependencies: ClassVar[set[str]] = {"xep_0030"}

    def plugin_init(self) -> None:
        self._known: dict[str, str] = {}
        self._watching: list[Callable[[], None]] = []
        self.xmpp.add_event_handler("session_start", self._on_start)

    def plugin_end(self) -> None:
        self.xmpp.del_event_handler("session_start", self._on_start)

    def _on_start(self, _: Any) -> None:
        self._known.clear()  # what we knew of a server may be no longer so
        for tell in self._watching:
            tell()

    def on_login(self, tell: Callable[[], None]) -> None:
        """Call this whenever we have logged in anew: a server may have forgotten us."""
        self._watching.append(tell)

    @property
    def domain(self) -> str:
        """Of our own server."""
        return str(self.xmpp.boundjid.domain)

    @property
    def account(self) -> str:
        """The name of our account: that of our entry."""
        return str(self.xmpp.boundjid.local)

    # --- whoever looks for a display ------------------------------------------------

    async def listed(self, domain: str) -> tuple[list[Item], int]:
        """
        All entries of a server's list, and how many more nobody can read.

        Raises:
            DirectoryUnavailable: If it keeps no list.
            PeerUnreachable: If it cannot be reached, or does not answer.

        """
        service, names = await self._find(domain)
        wanted = names[: stanza.LARGEST]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def batch(some: Sequence[str]) -> tuple[list[Item], int]:
            async with gate:
                return await self._contents(domain, service, some)

        parts = await asyncio.gather(*map(batch, _batches(wanted)))
        found = [item for items, _ in parts for item in items]
        return found, sum(unread for _, unread in parts) + len(names) - len(wanted)

    async def _contents(
        self, domain: str, service: str, names: Sequence[str]
    ) -> tuple[list[Item], int]:
        try:
            result = await self._asked(domain, service, "get", stanza.fetch(names))
        except _Missing:
            return [], 0
        items, unread = stanza.contents(result)
        if items or unread or not names:
            return items, unread
        if len(names) == 1:
            return [], 0  # it has gone meanwhile
        # An answer that is larger than any stanza may be arrives without its content.
        middle = len(names) // 2
        halves = names[:middle], names[middle:]
        parts = [await self._contents(domain, service, half) for half in halves]
        return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]

    async def _find(self, domain: str) -> tuple[str, list[str]]:
        """The service that keeps the list of a server, and the names in it."""
        for service in await self._services(domain):
            try:
                result = await self._ask(service, "get", stanza.ids())
            except IqError as exc:
                log.debug("no list: %s", exc.iq["error"]["condition"])
                continue
            self._known[domain] = service
            return service, stanza.items(result)
        raise DirectoryUnavailable(
            f"{domain} keeps no list of its displays. Ask there where they are; each "
            "shows its code all the same."
        )

    async def _services(self, domain: str) -> list[str]:
        """The pubsub services of a server (XEP-0060 §5.1)."""
        if domain in self._known:
            return [self._known[domain]]
        disco = self.xmpp.plugin["xep_0030"]
        try:
            asked = disco.get_items(jid=JID(domain), timeout=SECONDS)
            async with asyncio.timeout(SECONDS):
                found = await asked
        except (IqTimeout, TimeoutError):
            raise PeerUnreachable(f"{domain} does not answer.") from None
        except (IqError, InvalidJID):
            raise PeerUnreachable(
                f"There is no server called {domain}, or yours cannot reach it."
            ) from None
        jids = sorted({str(jid) for jid, *_ in found["disco_items"]["items"]})
        asked_of = [domain, *jids][:_SERVICES]  # a server may be such a service itself
        keeps = await asyncio.gather(*map(self._is_service, asked_of))
        return list(itertools.compress(asked_of, keeps))

    async def _is_service(self, jid: str) -> bool:
        disco = self.xmpp.plugin["xep_0030"]
        try:
            info = await disco.get_info(jid=JID(jid), local=False, timeout=_ANSWER)
        except (IqError, IqTimeout, InvalidJID):
            return False
        identities = info["disco_info"]["identities"]
        return any(each[:2] == ("pubsub", "service") for each in identities)

    # --- a display ------------------------------------------------------------------

    async def own(self) -> Entry | None:
        """
        Our entry in the list of our own server; None if there is none that can be read.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `listed`.

        """
        try:
            result = await self._owned("get", stanza.fetch([self.account]))
        except _Missing:
            return None
        items, _ = stanza.contents(result)
        return next((item.entry for item in items if item.id == self.account), None)

    async def publish(self, entry: Entry) -> None:
        """
        Put our entry into the list of our own server, in place of the last one.

        Raises:
            DirectoryUnavailable: If the server keeps no list, or not of us.
            PeerUnreachable: If it does not answer.

        """
        await self._owned("set", stanza.publish(self.account, entry))

    async def retract(self) -> None:
        """
        Take our entry away. Where there is none, not every server says the same.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        with contextlib.suppress(_Missing):
            await self._owned("set", stanza.retract(self.account))

    async def _owned(self, kind: str, element: Element) -> Element:
        if self.domain not in self._known:
            await self._find(self.domain)
        service = self._known[self.domain]
        return await self._asked(self.domain, service, kind, element)

    # --- whoever runs a server ------------------------------------------------------

    async def admit(self, service: str, affiliations: dict[str, str]) -> None:
        """
        Let accounts list themselves, or no more; make the list if there is none.

        For a server without our module. Whoever makes the list is its owner.

        Args:
            service: The address of the pubsub service.
            affiliations: ``publisher`` or ``none``, by bare JID.

        Raises:
            DirectoryUnavailable: If we may not.
            PeerUnreachable: If the service does not answer.

        """
        with contextlib.suppress(_Exists):
            await self._made(service)
        for element in (stanza.configure(), stanza.admit(affiliations)):
            await self._asked(service, service, "set", element)

    async def _made(self, service: str) -> None:
        try:
            await self._ask(service, "set", stanza.create())
        except IqError as exc:
            if exc.iq["error"]["condition"] == "conflict":
                raise _Exists from None
            raise _refusal(exc, service) from None

    async def _asked(
        self, domain: str, service: str, kind: str, element: Element
    ) -> Element:
        try:
            return await self._ask(service, kind, element)
        except IqError as exc:
            raise _refusal(exc, domain) from None

    async def _ask(self, service: str, kind: str, element: Element) -> Element:
        """
        Ask a service, and give the whole result.

        Raises:
            PeerUnreachable: If it does not answer.
            IqError: If it refuses.

        """
        iq: Any = self.xmpp.make_iq(ito=service)
        iq["type"] = kind
        iq.xml.append(element)
        try:
            async with asyncio.timeout(SECONDS):
                result = await iq.send(timeout=SECONDS + 1)
        except (TimeoutError, IqTimeout, InvalidJID):
            raise PeerUnreachable(f"{service} does not answer.") from None
        answer: Element = result.xml
        return answer


class _Exists(MobilityError):
    """Somebody has made the list already."""


class _Missing(DirectoryUnavailable):
    """There is no such entry, or no list."""


def _refusal(exc: IqError, domain: str) -> MobilityError:
    condition = exc.iq["error"]["condition"]
    if condition in _NO_ROOM:
        return DirectoryUnavailable(
            f"{domain} does not take this entry into its list of displays "
            f"({condition}): shorten what the display says of its place."
        )
    if condition == "item-not-found":
        return _Missing(f"{domain} keeps no list of its displays any more.")
    return DirectoryUnavailable(
        f"{domain} does not let this account into its list of displays ({condition}). "
        "Whoever runs the server names the accounts that may be there."
    )


def _batches(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return [names[at : at + _BATCH] for at in range(0, len(names), _BATCH)]
