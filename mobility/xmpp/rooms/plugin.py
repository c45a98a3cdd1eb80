"""Makes and enters rooms for members only, which are gone when the last one leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from mobility.errors import PeerUnreachable
from mobility.xmpp.feature import SECONDS, Feature
from mobility.xmpp.services import Services

__all__ = ["MobilityRooms"]

log = logging.getLogger(__name__)
_MUC = "http://jabber.org/protocol/muc"
_MEMBERS_ONLY = "muc#roomconfig_membersonly"
# XEP-0045 §16.5.3. Nobody finds it, enters it unasked, or reads in it afterwards.
_CONFIG = {
    "muc#roomconfig_persistentroom": "0",
    "muc#roomconfig_publicroom": "0",
    "muc#roomconfig_moderatedroom": "0",
    "muc#roomconfig_allowinvites": "0",
    "muc#roomconfig_changesubject": "0",
    "muc#roomconfig_enablelogging": "0",
    "muc#roomconfig_whois": "moderators",
    "mam": "0",  # ejabberd's archive
    "muc#roomconfig_enablearchiving": "0",  # and Prosody's
}


class MobilityRooms(Feature):
    name = "mobility_rooms"
    description = "Rooms of shared sessions"
    dependencies: ClassVar[set[str]] = {Services.name}

    def plugin_init(self) -> None:
        self._thrown_out: dict[str, Callable[[Any], None]] = {}
        self._refused: dict[str, asyncio.Event] = {}
        # WORKAROUND: slixmpp 1.17 overlooks a refusal that does not repeat our request,
        # as Prosody's does not.
        self.xmpp.register_handler(
            Callback(self.name, StanzaPath("presence@type=error"), self._on_error)
        )

    def plugin_end(self) -> None:
        self.xmpp.remove_handler(self.name)

    def _on_error(self, presence: StanzaBase) -> None:
        refused = self._refused.get(presence["from"].bare)
        if refused is not None:
            refused.set()

    @property
    def _muc(self) -> Any:
        """Registered when a room is needed: few devices ever do."""
        if "xep_0045" not in self.xmpp.plugin:
            self.xmpp.register_plugin("xep_0045")
        return self.xmpp.plugin["xep_0045"]

    async def service(self) -> str:
        """
        Where our own server has rooms.

        Raises:
            PeerUnreachable: If it has none, or does not answer.

        """
        found = await Services.of(self.xmpp).find(_has_rooms)
        if found is not None:
            return found[0]
        domain = self.xmpp.boundjid.domain
        raise PeerUnreachable(
            f"{domain} has no rooms for this. Share it directly instead."
        )

    async def create(self, room: str, nick: str, *, gone: Callable[[], None]) -> None:
        """
        Make a room that nobody else can enter yet.

        Raises:
            PeerUnreachable: If the service does not let us.

        """
        await self.enter(room, nick, gone=gone)
        try:
            async with asyncio.timeout(SECONDS):
                await self._configure(room)
        except (IqError, IqTimeout, TimeoutError, ValueError):
            await self.leave(room, nick)
            raise PeerUnreachable(
                "The server does not let us make a room that is for members only. "
                "Share it directly instead."
            ) from None

    async def _configure(self, room: str) -> None:
        """As far as the service knows what we want; members only it must know."""
        fields = (await self._muc.get_room_config(JID(room)))["fields"]
        known = {field["var"] for field in fields}
        form = self.xmpp.plugin["xep_0004"].make_form("submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value=f"{_MUC}#roomconfig")
        form.add_field(var=_MEMBERS_ONLY, value="1")
        for name in sorted(_CONFIG.keys() & known):
            form.add_field(var=name, value=_CONFIG[name])
        await self._muc.set_room_config(JID(room), form)

    async def enter(self, room: str, nick: str, *, gone: Callable[[], None]) -> None:
        """
        Enter, and hear what is said from now on; `gone` is called if we are out again.

        Raises:
            PeerUnreachable: If the room does not let us in.

        """
        self._forget(room)
        if not await self._joined(room, nick):
            raise PeerUnreachable("The room does not let us in.")

        def out(presence: Any) -> None:
            if presence["type"] == "unavailable":
                gone()

        self._thrown_out[room] = out
        self.xmpp.add_event_handler(f"muc::{room}::self-presence", out)

    async def _joined(self, room: str, nick: str) -> bool:
        refused = self._refused[room] = asyncio.Event()
        join = self._muc.join_muc_wait(JID(room), nick, maxchars=0, timeout=SECONDS)
        jobs = asyncio.ensure_future(join), asyncio.ensure_future(refused.wait())
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            return not refused.is_set() and jobs[0].exception() is None
        finally:
            self._refused.pop(room, None)
            for job in jobs:
                job.cancel()

    async def leave(self, room: str, nick: str) -> None:
        self._forget(room)
        with contextlib.suppress(KeyError):
            self._muc.leave_muc(JID(room), nick)

    async def destroy(self, room: str, nick: str) -> None:
        """Nobody can be in it any more."""
        self._forget(room)
        try:
            async with asyncio.timeout(3):
                await self._muc.destroy(JID(room))
        except (IqError, IqTimeout, TimeoutError) as exc:
            log.info("a room is left, not destroyed: %s", type(exc).__name__)
            await self.leave(room, nick)

    async def admit(self, room: str, account: str) -> None:
        """
        Let somebody enter.

        Raises:
            PeerUnreachable: If the room does not.

        """
        await self._affiliate(room, account, "member")

    async def expel(self, room: str, account: str) -> None:
        """
        Put somebody out, for good.

        Raises:
            PeerUnreachable: If the room does not.

        """
        await self._affiliate(room, account, "none")

    async def _affiliate(self, room: str, account: str, how: str) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await self._muc.set_affiliation(JID(room), how, jid=JID(account))
        except (IqError, IqTimeout, TimeoutError):
            raise PeerUnreachable("The room does not change who may enter.") from None

    def _forget(self, room: str) -> None:
        out = self._thrown_out.pop(room, None)
        if out is not None:
            self.xmpp.del_event_handler(f"muc::{room}::self-presence", out)


def _has_rooms(info: Element) -> bool:
    features = info.iterfind("{http://jabber.org/protocol/disco#info}feature")
    return any(feature.get("var") == _MUC for feature in features)
