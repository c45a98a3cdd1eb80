"""Who takes part where a server withholds stanzas from a session with a filter."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from xml.etree.ElementTree import tostring

from mobility.protocol.sift import Sift
from mobility.xmpp.sifting import stanza
from tests.integration.delegated import CLIENT, Raw, opened, verdict
from tests.integration.people import Running

__all__ = ["Sifted", "befriended", "entered"]


class Sifted(Raw):
    """A session that accepts no contact by itself, and that can be told to sift."""

    def __init__(self, server: Running, jid: str, password: str) -> None:
        super().__init__(server, jid, password)  # type: ignore[arg-type]
        self.auto_authorize, self.auto_subscribe = None, False

    async def sift(self, rules: Sift | str) -> str:
        """Ask for these; ``result``, or the condition of the error."""
        if isinstance(rules, Sift):
            rules = tostring(stanza.to_stanza(rules).xml, encoding="unicode")
        return verdict(await self.answer(rules, kind="set"))

    def show(self, priority: int = 0) -> None:
        """Become available."""
        self.say(f"<presence ><priority>{priority}</priority></presence>")

    def ids(self, name: str) -> list[str]:
        """Of the stanzas of this name that came here, in order."""
        tag = f"{{{CLIENT}}}{name}"
        return [each.get("id", "") for each in self.heard if each.tag == tag]


@contextlib.asynccontextmanager
async def entered(
    server: Running, account: tuple[str, str], resource: str, priority: int | None = 0
) -> AsyncIterator[Sifted]:
    """An ordinary login that is available, unless it has no priority."""
    jid, password = account
    async with opened(Sifted(server, f"{jid}/{resource}", password)) as session:
        assert await session.open()
        await session.ask("<query xmlns='jabber:iq:roster'/>")
        if priority is not None:
            session.show(priority)
            await session.is_heard_after()
        yield session


async def befriended(one: Sifted, other: Sifted) -> None:
    """Let each see the other's presence."""
    for asking, asked in ((one, other), (other, one)):
        asking.say(f"<presence type='subscribe' to='{asked.boundjid.bare}'/>")
        await asking.is_heard_after(asked)
        asked.say(f"<presence type='subscribed' to='{asking.boundjid.bare}'/>")
        await asked.is_heard_after(asking)
