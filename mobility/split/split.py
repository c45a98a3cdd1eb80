"""A session that is split: where each of its parts runs, and how that changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mobility.app import App
from mobility.own.device import Device
from mobility.visit.screen import Screen

__all__ = ["Place", "Split", "Substitutes", "Target"]

Target: TypeAlias = Device | Screen


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a part is shown.

    Attributes:
        part: Which one.
        name: What the device calls itself.
        jid: Its full JID.
        device: Its id, if it is one of the user's own; else empty.
        here: Whether it is this device.

    """

    part: str
    name: str
    jid: str
    device: str = ""
    here: bool = False


# Where a part may go whose device dies: those that are named for it, in their order;
# or whoever is named when it happens.
Substitutes: TypeAlias = (
    Mapping[str, Sequence[Target]] | Callable[[str, Place], Awaitable[Target | None]]
)


class Split:
    """
    One session of this device that is split; made by `Client.split`.

    This device is the coordinator: it decides where each part runs, and gives all
    packets of the parts one order. A part whose device dies goes on at a substitute, or
    here. It lives until `retrieve`, also over a restart of this device.

    Attributes:
        app: The whole.

    """

    app: App

    @property
    def places(self) -> Mapping[str, tuple[Place, ...]]:
        """Where each part of the app runs now; each at one place at least."""
        raise NotImplementedError

    @property
    def over(self) -> bool:
        """All of it is here again, and nothing is split any more."""
        raise NotImplementedError

    async def move(
        self, part: str, *, to: Target, from_: Target | Place | None = None
    ) -> Place:
        """
        Move a part while it runs; from wherever it is to any other device.

        Args:
            part: Its name.
            to: A display that we visit, or an own device that is online.
            from_: Where from, if it runs at several places.

        Raises:
            TransferRefused, TransferAborted, TransferExpired: It is where it was.
            PeerUnreachable: Where it is nobody answers; likewise.
            LocalProtocolError: There is no such part or place.

        """
        raise NotImplementedError

    async def add(self, part: str, *, on: Target) -> Place:
        """
        Show a part on one more device; all of them hear the same packets.

        Raises:
            TransferError: It is not shown there; elsewhere nothing has changed.
            LocalProtocolError: There is no such part, or it is there already.

        """
        raise NotImplementedError

    async def drop(self, part: str, *, on: Target | Place) -> None:
        """
        Show a part there no more. From the last place it comes here.

        Raises:
            LocalProtocolError: It is not shown there.

        """
        raise NotImplementedError

    async def bring(self, part: str) -> App:
        """
        Take one part back from wherever it is; it runs here, and nowhere else.

        If a device does not answer, it is here as it was last saved there.
        """
        raise NotImplementedError

    async def retrieve(self) -> App:
        """Take all parts back, and be split no more; gives the whole, which runs here."""
        raise NotImplementedError

    async def watch(self) -> AsyncGenerator[Mapping[str, tuple[Place, ...]], None]:
        """The `places` now, and at each change, until it is over."""
        raise NotImplementedError
        yield
