"""The device that has the talk: it decides where each part of it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from examples.desk.desk import Desk
from examples.desk.device import Device, watched
from mobility import App, Client, MobilityError, Place, Split
from mobility import Device as Target

__all__ = ["Laptop"]


class Laptop(Device):
    """
    What its page shows, and what a person does there.

    Attributes:
        devices: The person's others that are online, by name.

    Args:
        client: Entered already.
        desk: The talk; runs here.
        show: Called when the view has changed.
        substitutes: For a part whose device dies, the name of the one that has it next.

    """

    def __init__(
        self,
        client: Client,
        desk: Desk,
        *,
        show: Callable[[], None],
        substitutes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(client, show=show)
        self.desk = desk
        self.split: Split | None = None
        self._substitutes = substitutes or {}
        self.devices: dict[str, Target] = {}
        self._moving: set[str] = set()
        self._wishes: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        for name in self._names:
            watched(desk.part(name), show)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.desk.parts)

    @property
    def parts(self) -> Mapping[str, App]:
        here = filter(self._is_here, self._names)
        return {name: self.desk.part(name) for name in here}

    def _is_here(self, part: str) -> bool:
        return self.split is None or any(x.here for x in self.split.places[part])

    async def run(self) -> None:
        """Watch the person's devices, and do what they want, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_devices())
            while True:
                part, to = await self._wishes.get()
                await self._try(part, to)

    async def _watch_devices(self) -> None:
        async with aclosing(self.client.watch_devices()) as lists:
            async for devices in lists:
                there = [each for each in devices if each.online and each.takes]
                self.devices = {each.name: each for each in there}
                self._show()

    async def _substitute(self, part: str, place: Place) -> Target | None:
        return self.devices.get(self._substitutes.get(part, ""))

    def view(self) -> dict[str, Any]:
        names = [self.client.name, *sorted(self.devices)]
        parts = [
            {"part": name, "on": self._on(name), "busy": name in self._moving}
            for name in self._names
        ]
        return super().view() | {"places": {"devices": names, "parts": parts}}

    def _on(self, part: str) -> str:
        if self.split is None or self._is_here(part):
            return self.client.name
        return self.split.places[part][0].name

    async def do(self, action: Any, value: Any = None) -> None:
        match action, value:
            case "move", {"part": str(part), "to": str(to)} if part in self._names:
                if part in self._moving:
                    raise ValueError("It is moving already.")
                self._moving.add(part)
                self._wishes.put_nowait((part, to))
                self._show()
            case _:
                await super().do(action, value)

    async def _try(self, part: str, to: str) -> None:
        """What is wrong with it is shown."""
        self.problem = ""
        try:
            await self.place({part: to})
        except MobilityError as exc:
            self.problem = str(exc)
        finally:
            self._moving.discard(part)
            self._show()

    async def place(self, wanted: Mapping[str, str]) -> None:
        """
        Have parts run on the devices with these names; at first all of them or none.

        Raises:
            MobilityError: It is not all as wanted; the sentence says why.

        """
        if self.split is None:
            await self._begin(wanted)
            return
        for part, name in wanted.items():
            if name == self.client.name:
                await self.split.bring(part)
            else:
                await self.split.move(part, to=await self.client.device(name))

    async def _begin(self, wanted: Mapping[str, str]) -> None:
        targets = {
            part: await self.client.device(name) for part, name in wanted.items()
        }
        self.split = await self.client.split(
            self.desk, targets, substitutes=self._substitute
        )
        self._following = asyncio.create_task(self._follow(self.split))  # to its end

    async def _follow(self, split: Split) -> None:
        async with aclosing(split.watch()) as changes:
            async for _ in changes:
                self._show()

    async def close(self) -> None:
        """All of it comes back, and is one talk again."""
        if self.split is not None:
            await self.split.retrieve()
            self.split = None
