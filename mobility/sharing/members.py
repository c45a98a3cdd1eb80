"""All who take part in what this device shares, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from abc import abstractmethod
from dataclasses import dataclass, field, replace

from mobility.dispatch import bare
from mobility.errors import LocalProtocolError, MobilityError
from mobility.protocol.rate import Rate
from mobility.protocol.shareseal import Channel
from mobility.protocol.sharing import End, News, Parting, Person, Word
from mobility.session import Session
from mobility.sharing.gathering import Gathering, Site
from mobility.transfer import timing
from mobility.xmpp.sharing.stanza import Addressed

__all__ = ["Member", "Members"]

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Member:
    """Somebody else who takes part."""

    id: int
    name: str
    jid: str
    secret: bytes = field(repr=False)
    channel: Channel = field(repr=False)
    rate: Rate
    key: bytes = b""
    here: bool = True
    joined: bool = False  # has said hello
    live: bool = False  # is told every packet
    silent: float = 0.0  # seconds
    asked: bool = False  # for what we have not heard
    flooded: bool = False  # with too much

    @property
    def person(self) -> Person:
        return Person(self.id, self.name, bare(self.jid), self.here, self.key)


class Members(Gathering):
    """See above; its host's side."""

    def __init__(self, site: Site, session: Session) -> None:
        super().__init__(site, older=1)
        self.session = session
        self._members: dict[str, Member] = {}

    @property
    def jid(self) -> str:
        return self._site.stream.jid

    @property
    def people(self) -> tuple[Person, ...]:
        """All who take part, we first."""
        us = Person(0, self._site.device, bare(self.jid), True, self._seat.seal.public)
        joined = [each.person for each in self._members.values() if each.joined]
        return us, *joined

    def _member(self, peer: str, share: str) -> Member | None:
        member = self._members.get(share)
        return member if member is not None and member.jid == peer else None

    def _floods(self, member: Member, size: int) -> bool:
        if not member.flooded and not member.rate.take(
            asyncio.get_running_loop().time(), size
        ):
            member.flooded = True
            log.warning("somebody who took part said too much, and was put out")
            self._start(self._remove(member, End(Parting.FLOOD)))
        return member.flooded

    def _ask_again(self, member: Member) -> None:
        if not member.asked:
            member.asked = True
            self._start(self._tell_news(member, again=True))

    async def put_out(self, person: Person, why: Parting = Parting.PUT_OUT) -> None:
        """
        Somebody does not take part any more; they are told.

        Raises:
            LocalProtocolError: If they do not take part.

        """
        for member in self._members.values():
            if member.id == person.id:
                await self._remove(member, End(why))
                return
        raise LocalProtocolError("They do not take part in this.")

    async def _remove(self, member: Member, end: End | None) -> None:
        if self._members.pop(member.channel.id, None) is None:
            return
        if self._room is not None:  # another key, before anything else is said
            key, epoch = secrets.token_bytes(32), self._room.epoch + 1
            self._seat.use(replace(self._room, key=key, epoch=epoch))
            await self._expel(self._room.jid, bare(member.jid))
            self._reset()  # the others may have heard of them what we did not
        if end is not None:
            await self._tell(member, end)
        await self._publish()

    async def _expel(self, room: str, account: str) -> None:
        """Unless another device of that account takes part, too."""
        if not any(bare(each.jid) == account for each in self._all):
            with contextlib.suppress(MobilityError):
                await self._site.stream.rooms.expel(room, account)

    @property
    def _all(self) -> list[Member]:
        return list(self._members.values())

    async def _tell_all(self, *, but: Member | None = None) -> None:
        joined = [each for each in self._all if each.joined and each is not but]
        await asyncio.gather(*(self._tell_news(each) for each in joined))

    async def _tell_news(self, member: Member, *, again: bool = False) -> None:
        head = self._replica.head
        heard = head.heads.get(member.id, 0)
        about = (self.people, head.at, head.chain, self._generation, heard, again)
        here = await self._tell(member, News(*about, self._room))
        member.asked = False
        if here:
            member.silent = 0.0
        if here != member.here and member.channel.id in self._members:
            member.here = here
            await self._changed()

    async def _tell(self, member: Member, word: Word, *, quickly: bool = True) -> bool:
        """Whether they have heard it."""
        sealed = Addressed(member.channel.id, member.channel.seal(word))
        seconds = timing.GOODBYE if quickly else timing.TRY
        try:
            await self._site.stream.sharing.ask(member.jid, sealed, seconds=seconds)
        except MobilityError as exc:
            log.info("somebody was not told: %s", type(exc).__name__)
            return False
        return True

    async def _publish(self, *, but: Member | None = None) -> None:
        """Who takes part has changed: all are told."""
        await self._changed()
        await self._tell_all(but=but)

    async def _changed(self) -> None:
        await super()._changed()
        await self.app.people_changed(self.people)

    @abstractmethod
    def _reset(self) -> None:
        """All say again what is not in the order yet."""
