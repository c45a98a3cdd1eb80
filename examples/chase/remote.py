"""What a player sees of the game and may do: on this phone, and on screens around."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

from examples.chase.chase import Chase
from examples.chase.city import City
from examples.presenter.choice import Choice, farewell, question
from mobility import (
    Approval,
    Client,
    Device,
    Introduction,
    Invitation,
    Level,
    MobilityError,
    Screen,
    Split,
    VisitDeclined,
)

__all__ = ["Remote"]

Target: TypeAlias = Device | Screen

PARTS = ("map", "members", "chat")
DEEDS = ("move", "add", "drop")
PATIENCE = 120.0  # seconds for a person to compare and approve
HERE = ""  # how the page calls this phone


class Remote:
    """
    One player's game.

    `view` says all that a page has to show. Its states: ``here``, ``meeting`` (a code
    was scanned) and ``approving``. A visit to a screen lasts as long as a part of the
    game is on it.

    Args:
        client: The user's device.
        app: The game, as far as this player has it.
        scan: Reads the code of a screen that stands beside; None if none does.
        show: Called when the view has changed.

    """

    def __init__(
        self,
        client: Client,
        app: Chase,
        *,
        scan: Callable[[], Awaitable[str]] | None,
        show: Callable[[], None],
    ) -> None:
        self.app = app
        self._client = client
        self._scan = scan
        self._show = show
        self._state = "here"
        self._problem = self._note = ""
        self._introduction: Introduction | None = None
        self._choice = Choice()
        self._chosen = PARTS[0]  # what the next screen is for
        self._split: Split[Chase] | None = None
        self._city: City | None = None  # as the page has been told of last
        self._cities = 0
        self._screens: dict[str, tuple[Screen, asyncio.Event]] = {}  # by full JID
        self._devices: dict[str, Device] = {}  # by full JID
        self._moving: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        for part in (app.map, app.members, app.chat):
            part.on_change = show
        self._begin(self._watch_devices())

    def view(self) -> dict[str, Any]:
        view: dict[str, Any] = {
            "state": self._state,
            "parts": self._places(),
            "targets": self._targets(),
            "busy": self._moving is not None,
            "problem": self._problem,
            "note": self._note,
            "can_scan": self._scan is not None,
        }
        if self._is_here("map"):
            view["map"] = {**self.app.map.view(), "city": self._city_number()}
        if self._is_here("members"):
            view["members"] = self.app.members.view()
        if self._is_here("chat"):
            view["chat"] = self.app.chat.view()
        if self._introduction is not None and self._state == "approving":
            view["asked"] = question(self._introduction)
        return view

    def _city_number(self) -> int:
        """Another one for each city, so that the page fetches it once; 0 for none."""
        if self.app.map.city is not self._city:
            self._city = self.app.map.city
            self._cities += 1
        return self._cities if self._city else 0

    def _places(self) -> dict[str, list[dict[str, Any]]]:
        if self._split is None:
            here = {"id": HERE, "name": "this phone", "here": True}
            return {part: [here] for part in PARTS}
        return {
            part: [
                {"id": HERE if at.here else at.jid, "name": at.name, "here": at.here}
                for at in self._split.places[part]
            ]
            for part in PARTS
        }

    def _targets(self) -> list[dict[str, str]]:
        screens = {jid: screen.name for jid, (screen, _) in self._screens.items()}
        own = {jid: device.name for jid, device in self._devices.items()}
        named = {HERE: "this phone", **own, **screens}
        return [{"id": id, "name": name} for id, name in named.items()]

    def _is_here(self, part: str) -> bool:
        return any(place["here"] for place in self._places()[part])

    async def close(self) -> None:
        """Take back what is elsewhere, and leave all screens."""
        if self._moving is not None:
            self._moving.cancel()
        if self._split is not None:
            with contextlib.suppress(MobilityError):
                await self._split.retrieve()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- what a person does ----------------------------------------------------

    async def do(self, action: Any, value: Any = None) -> None:
        """
        One action of the page.

        Raises:
            ValueError: If it is none, or not now.

        """
        match action, value:
            case "join", str(name):
                await self._say(self.app.members.join(name))
            case "move", {"to": str(to), "by": str(by)}:
                await self._say(self.app.members.move(to, by))
            case "say", str(text):
                await self._say(self.app.chat.say(text))
            case "choose", str(part) if part in PARTS:
                self._chosen = part
            case "put", {"part": str(part), "on": str(id), "how": str(how)}:
                self._put(part, id, how)
            case "visit", str(code):
                await self.begin(_said(code))
            case "scan", None if self._scan is not None:
                await self.begin(self._scan)
            case "approve", {"digits": str(digits), "level": str(level)}:
                self._choice.take("approve", self._approval(digits, level))
            case "decline", None:
                self._choice.take("decline")
            case _:
                raise ValueError("This is not to be done now.")

    async def _say(self, packet: Awaitable[None]) -> None:
        self._problem = self._note = ""
        try:
            await packet
        except MobilityError as exc:
            self._problem = str(exc)
        self._show()

    # --- where the parts are ---------------------------------------------------

    def _put(self, part: str, id: str, how: str) -> None:
        target = self._target(id)
        if part not in PARTS or how not in DEEDS or self._moving is not None:
            raise ValueError("This is not to be done now.")
        self._move(self._putting(part, target, how))

    def _target(self, id: str) -> Target | None:
        if id == HERE:
            return None
        if id in self._screens:
            return self._screens[id][0]
        if id in self._devices:
            return self._devices[id]
        raise ValueError("There is no such device.")

    def _move(self, moving: Any) -> asyncio.Task[None]:
        self._problem = self._note = ""
        self._moving = self._begin(self._moved(moving))
        self._show()
        return self._moving

    async def _moved(self, moving: Awaitable[None]) -> None:
        try:
            await moving
        except MobilityError as exc:
            self._problem = str(exc)
        finally:
            self._moving = None
            self._leave_empty()
            self._show()

    async def _putting(self, part: str, target: Target | None, how: str) -> None:
        split = await self._parted()
        if how == "drop":
            jid = target.jid if target else self._client.jid
            for place in split.places[part]:
                if place.jid == jid:
                    await split.drop(part, on=place)
        elif target is None:
            await split.bring(part)
        elif how == "add":
            await split.add(part, on=target)
        else:
            await split.move(part, to=target)

    async def _parted(self) -> Split[Chase]:
        """The parts are still here, but each could go."""
        if self._split is None:
            self._split = await self._client.split(self.app)
            self._begin(self._watch(self._split))
        return self._split

    async def _watch(self, split: Split[Chase]) -> None:
        async with aclosing(split.watch()) as changes:
            async for _ in changes:
                self._leave_empty()
                self._show()
        self._split = None
        self._leave_empty()
        self._show()

    async def _watch_devices(self) -> None:
        async with aclosing(self._client.watch_devices()) as changes:
            async for devices in changes:
                self._devices = {
                    device.jid: device
                    for device in devices
                    if device.online and not device.this
                    if self.app.uri in device.apps
                }
                self._show()

    # --- visits ----------------------------------------------------------------

    async def begin(self, read: Callable[[], Awaitable[str]]) -> None:
        """
        Visit the screen whose code `read` gives, and put there what was chosen.

        Raises:
            ValueError: If another one is being met.

        """
        if self._state != "here" or self._moving is not None:
            raise ValueError("This is not to be done now.")
        self._problem = self._note = ""
        self._become("meeting")
        try:
            invitation = Invitation.parse(await read())
        except MobilityError as exc:
            self._problem = str(exc)
            self._become("here")
        except BaseException:
            self._become("here")
            raise
        else:
            self._begin(self._visit(invitation, self._chosen))

    async def _visit(self, invitation: Invitation, part: str) -> None:
        declined = asyncio.Event()

        async def approve(introduction: Introduction) -> Approval | None:
            return await self._approve(introduction, declined)

        try:
            async with self._client.visit(
                invitation, approve=approve, apps=[self.app.uri]
            ) as screen:
                await self._use(screen, part)
            self._note = farewell(screen)
        except VisitDeclined as exc:
            self._note = str(exc) if declined.is_set() else ""
            self._problem = "" if declined.is_set() else str(exc)
        except MobilityError as exc:
            self._problem = str(exc)
        finally:
            self._become("here")

    async def _use(self, screen: Screen, part: str) -> None:
        """Put a part there; ends when none is there any more."""
        empty = asyncio.Event()
        self._screens[screen.jid] = screen, empty
        self._become("here")
        try:
            await self._move(self._putting(part, screen, "move"))
            await empty.wait()
        finally:
            del self._screens[screen.jid]
            self._show()

    def _leave_empty(self) -> None:
        """What has no part of ours is left; not while one may be on its way there."""
        if self._moving is not None:
            return
        used = {place["id"] for places in self._places().values() for place in places}
        for jid, (_, empty) in self._screens.items():
            if jid not in used:
                empty.set()

    def _approval(self, digits: str, level: str) -> Approval:
        if self._introduction is None or Level(level) not in self._introduction.levels:
            raise ValueError("This is not to be done now.")
        return Approval(digits, Level(level))

    async def _approve(
        self, introduction: Introduction, declined: asyncio.Event
    ) -> Approval | None:
        self._introduction = introduction
        choice = self._choice.offer("approve", "decline")
        self._become("approving")
        try:
            async with asyncio.timeout(PATIENCE):
                action, approval = await choice
        except TimeoutError:
            return None  # nobody is there; the screen waits no longer either
        finally:
            self._choice.withdraw()
            self._introduction = None
            self._become("meeting")
        if action == "decline":
            declined.set()
        return approval

    def _become(self, state: str) -> None:
        self._state = state
        self._show()

    def _begin(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _said(code: str) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return code

    return read
