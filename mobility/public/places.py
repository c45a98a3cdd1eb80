"""
Displays by place: what the servers of venues list, and how far each is.

Where the user is stays on this device: a server is asked for its whole list. A list
gives nothing that could start a visit; the code on the screen does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from mobility.errors import (
    DirectoryUnavailable,
    MobilityError,
    PeerUnreachable,
    SettingsError,
)
from mobility.protocol.place import Coordinates, Spot, distance, is_silent
from mobility.xmpp.places import MobilityPlaces
from mobility.xmpp.places.stanza import Item
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream

__all__ = ["DisplayList", "ListedDisplay", "Places", "looking", "looking_as_guest"]

_FORGOTTEN = timedelta(days=1)  # what has been silent for so long is not shown
_MOST_SERVERS = 16


@dataclass(frozen=True, slots=True)
class ListedDisplay:
    """
    A display as its venue's server lists it.

    Attributes:
        domain: The server, which is verified; the rest are claims.
        id: Its name in that server's list.
        name, operator: As it will say in a visit.
        spot: Where it is.
        apps: What it can run, with the schema version of each.
        heard: When it last said that it is there.
        silent: Whether that is so long ago that it may be off.
        in_use: Whether somebody uses it; None, if it does not say.
        distance: In metres, if it was asked for and both places are known.

    """

    domain: str
    id: str
    name: str
    operator: str
    spot: Spot
    heard: datetime
    silent: bool
    apps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    in_use: bool | None = None
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class DisplayList:
    """
    The displays of some servers.

    Attributes:
        displays: The nearest first, or by name; those that may be off at the end.
        problems: Why some may be missing: sentences for the user.

    """

    displays: tuple[ListedDisplay, ...]
    problems: tuple[str, ...] = ()


class Places:
    """
    Looks displays up.

    Args:
        plugin: Of a connection.

    """

    def __init__(self, plugin: MobilityPlaces) -> None:
        self._plugin = plugin

    async def displays(
        self, on: Iterable[str] = (), *, near: Coordinates | None = None
    ) -> DisplayList:
        """
        The displays that servers list.

        Args:
            on: Domains of venues; our own server, if none is named.
            near: Where distances are measured from.

        Raises:
            SettingsError: If a domain is none.
            DirectoryUnavailable, PeerUnreachable: If no server gave a list, with the
                reason of the first.

        """
        asked = tuple(dict.fromkeys(map(_domain, on))) or (self._plugin.domain,)
        if len(asked) > _MOST_SERVERS:
            raise SettingsError(f"Name at most {_MOST_SERVERS} servers.")
        found = await asyncio.gather(*map(self._of, asked))
        failed = [each for each in found if isinstance(each, MobilityError)]
        if len(failed) == len(asked):
            raise failed[0]
        lists = [each for each in found if isinstance(each, DisplayList)]
        now = datetime.now(UTC)
        displays = [
            _measured(display, near)
            for each in lists
            for display in each.displays
            if abs(now - display.heard) < _FORGOTTEN
        ]
        problems = [problem for each in lists for problem in each.problems]
        return DisplayList(
            tuple(sorted(displays, key=_order)), (*map(str, failed), *problems)
        )

    async def admit(self, service: str, jids: Iterable[str]) -> None:
        """
        Let accounts list themselves; the list is made if there is none.

        For whoever runs a server that has none of our modules; who makes the list owns
        it, so that should be the first thing.

        Args:
            service: Address of the server's pubsub service.
            jids: The displays' accounts.

        Raises:
            DirectoryUnavailable, PeerUnreachable: If the service does not let us.

        """
        await self._plugin.admit(service, dict.fromkeys(jids, "publisher"))

    async def dismiss(self, service: str, jids: Iterable[str]) -> None:
        """
        Let accounts list themselves no more; what they have said stays a day at most.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `admit`.

        """
        await self._plugin.admit(service, dict.fromkeys(jids, "none"))

    async def _of(self, domain: str) -> DisplayList | MobilityError:
        try:
            items, unread = await self._plugin.listed(domain)
        except (DirectoryUnavailable, PeerUnreachable) as exc:
            return exc
        now = datetime.now(UTC)
        found = (_listed(domain, item, now) for item in items)
        problem = f"{unread} entries of {domain} cannot be shown."
        return DisplayList(tuple(found), (problem,) if unread else ())


def _listed(domain: str, item: Item, now: datetime) -> ListedDisplay:
    entry = item.entry
    return ListedDisplay(
        domain,
        item.id,
        entry.name,
        entry.operator,
        entry.spot,
        datetime.fromtimestamp(entry.stamp, UTC),
        is_silent(entry, now.timestamp()),
        entry.apps,
        entry.in_use,
    )


def _measured(display: ListedDisplay, near: Coordinates | None) -> ListedDisplay:
    there = display.spot.coordinates
    if near is None or there is None:
        return display
    return replace(display, distance=distance(near, there))


def _order(display: ListedDisplay) -> tuple[bool, float, str, str, str]:
    far = float("inf") if display.distance is None else display.distance
    return display.silent, far, display.name.casefold(), display.domain, display.id


def _domain(text: str) -> str:
    domain = text.strip().rstrip(".").lower()
    if not domain or any(c in domain for c in "@/:? ") or not domain.isprintable():
        raise SettingsError(
            f"{text[:60]!r} is not a server. Write its domain, as in kiosk.example."
        )
    return domain


@asynccontextmanager
async def looking(jid: str, password: str, **where: Any) -> AsyncIterator[Places]:
    """
    Look displays up with an account, without being one of its devices.

    Args:
        jid, password: Of the account.
        where: Where the server is, as for `Client`.

    Raises:
        ConnectionFailed: With a sentence that says what to do.

    """
    bare = jid.partition("/")[0]
    async with Stream(bare, password, priority=None, **where) as stream:
        yield Places(stream.places)


@asynccontextmanager
async def looking_as_guest(domain: str, **where: Any) -> AsyncIterator[Places]:
    """
    Look displays up without an account, as a guest of their server.

    Args:
        domain: Where guests of that server log in.
        where: Where the server is, as for `Client`.

    Raises:
        ConnectionFailed: With a sentence that says what to do.

    """
    async with Stream(domain, Anonymous(), priority=None, **where) as stream:
        yield Places(stream.places)
