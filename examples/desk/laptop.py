"""The device that has the talk: it decides where each part of it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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
        self.split: Split[Desk] | None = None
        self._substitutes = substitutes or {}
        self.devices: dict[str, Target] = {}
        self._moving: set[str] = set()
        self._wishes: asyncio.Queue[tuple[str, Callable[[], Awaitable[None]]]] = (
            asyncio.Queue()
        )
        self._watch_parts()

    def _watch_parts(self) -> None:
        for name in self.desk.names:
            watched(self.desk.part(name), self._show)

    @property
    def parts(self) -> Mapping[str, App]:
        here = filter(self._is_here, self.desk.names)
        return {name: self.desk.part(name) for name in here}

    def _is_here(self, part: str) -> bool:
        return self.split is None or any(x.here for x in self.split.places[part])

    async def run(self) -> None:
        """Watch the person's devices, and do what they want, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_devices())
            while True:
                await self._try(*await self._wishes.get())

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
            for name in self.desk.names
        ]
        return super().view() | {"places": {"devices": names, "parts": parts}}

    def _on(self, part: str) -> list[str]:
        """The names of all devices that show it."""
        if self.split is None:
            return [self.client.name]
        return [place.name for place in self.split.places[part]]

    async def do(self, action: Any, value: Any = None) -> None:
        match action, value:
            case "move", {"part": str(part), "from": str(from_), "to": str(to)}:
                self._wish(part, lambda: self._moved(part, to, from_))
            case "add", {"part": str(part), "on": str(on)}:
                self._wish(part, lambda: self.add(part, on))
            case "drop", {"part": str(part), "on": str(on)}:
                self._wish(part, lambda: self._dropped(part, on))
            case _:
                await super().do(action, value)

    def _wish(self, part: str, job: Callable[[], Awaitable[None]]) -> None:
        if part not in self.desk.names or part in self._moving:
            raise ValueError("This is not to be done now.")
        self._moving.add(part)
        self._wishes.put_nowait((part, job))
        self._show()

    async def _try(self, part: str, job: Callable[[], Awaitable[None]]) -> None:
        """What is wrong with it is shown."""
        self.problem = ""
        try:
            await job()
        except MobilityError as exc:
            self.problem = str(exc)
        finally:
            self._moving.discard(part)
            self._show()

    # --- where its parts are ---------------------------------------------------

    async def go_on(self) -> bool:
        """Go on with the talk that was split when this device stopped, if one was."""
        splits = await self.client.splits(Desk, substitutes=self._substitute)
        for split in splits:
            self.desk = split.app
            self._watch_parts()
            self._take(split)
        return bool(splits)

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
            await self._moved(part, name, self._on(part)[0])

    async def _moved(self, part: str, name: str, from_: str) -> None:
        if self.split is None:
            await self._begin({part: name})
        else:
            home = name == self.client.name
            to = self.split.here if home else await self.client.device(name)
            await self.split.move(part, to=to, from_=self._place(part, from_))

    async def add(self, part: str, name: str) -> None:
        """Show a part on that device as well."""
        split = self.split or await self._begin({})
        await split.add(part, on=await self.client.device(name))

    async def _dropped(self, part: str, name: str) -> None:
        place = self._place(part, name)
        if self.split is not None and place is not None:
            await self.split.drop(part, on=place)

    def _place(self, part: str, name: str) -> Place | None:
        places = () if self.split is None else self.split.places[part]
        return next((place for place in places if place.name == name), None)

    async def _begin(self, wanted: Mapping[str, str]) -> Split[Desk]:
        targets = {
            part: await self.client.device(name) for part, name in wanted.items()
        }
        split = await self.client.split(
            self.desk, targets, substitutes=self._substitute
        )
        self._take(split)
        return split

    def _take(self, split: Split[Desk]) -> None:
        self.split = split
        self._following = asyncio.create_task(self._follow(split))  # until its end
        self._show()

    async def _follow(self, split: Split[Desk]) -> None:
        async with aclosing(split.watch()) as changes:
            async for _ in changes:
                self._show()

    async def close(self) -> None:
        """All of it comes back, and is one talk again."""
        if self.split is not None:
            await self.split.retrieve()
            self.split = None
