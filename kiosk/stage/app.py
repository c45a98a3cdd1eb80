"""An app whose page runs in a frame on the screen."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kiosk.page import wire
from kiosk.page.packets import Bucket, InvalidPacket, from_page, to_page
from kiosk.page.parts import PageParts, takes_whole
from kiosk.settings.settings import AppSettings
from kiosk.stage.since import Since
from kiosk.stage.stage import Stage
from mobility import App, InvalidState, MobilityError, Part, Stanza, State

__all__ = ["PageApp", "PageAppFactory"]

RESTORE_DEADLINE = 15.0
SNAPSHOT_DEADLINE = 5.0
SEND_DEADLINE = 10.0
RATE, BURST = 120.0, 240.0  # packets a second out of a page; a pointer makes 60
ASK_EVERY = 256  # so many packets after a state, ask for the next one

log = logging.getLogger(__name__)


class PageApp(App):
    """
    A session whose app is a page of static files.

    What is needed to put it back after a reload of the page is kept in memory: the
    last state, and the packets since. It is dropped with the session.

    Args:
        app, stage: Which page, and where it is shown.
        part: What the page shows of the app; empty for all of it.
        clock: Monotonic seconds.

    """

    def __init__(
        self,
        app: AppSettings,
        stage: Stage,
        part: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.uri, self.schema = app.uri, app.schema
        self._shows = part
        self.frame = ""
        self._stage = stage
        self._clock = clock
        self._running = False
        self._bucket = Bucket(RATE, BURST, BURST, clock())
        self._state: State | None = None
        self._since = Since()
        self._restored: asyncio.Future[str] | None = None
        self._questions: dict[int, asyncio.Future[State]] = {}
        self._asked = 0
        self._complained = False

    # -- what the SDK asks

    async def restore(self, state: State) -> None:
        self._state = state
        self._since.clear()
        self._restored = asyncio.get_running_loop().create_future()
        try:
            self._stage.claim(self.uri, self)
            self._tell_state()
            async with asyncio.timeout(RESTORE_DEADLINE):
                refusal = await self._restored
            if refusal:
                raise InvalidState(refusal)
        except TimeoutError:
            self._abandon()
            raise InvalidState(
                "The app did not open in time on the screen. Try again."
            ) from None
        except (ValueError, RecursionError):
            self._abandon()
            raise InvalidState("The state is not what a page can read.") from None
        except BaseException:
            self._abandon()
            raise
        finally:
            self._restored = None

    async def start(self) -> None:
        self._running = True
        self._stage.started(self.frame)

    async def stop(self) -> None:
        self._running = False
        self._stage.stopped(self.frame)

    async def close(self) -> None:
        self._running = False
        self._forget()
        await self._stage.release(self.frame)

    async def replay(self, stanza: Stanza) -> None:
        self._note(self._asked, stanza)
        self._tell_packet(stanza)

    async def snapshot(self) -> State:
        self._asked += 1
        number = self._asked
        answer: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        self._ask(number)
        try:
            async with asyncio.timeout(SNAPSHOT_DEADLINE):
                return await answer
        except TimeoutError:
            raise InvalidState(
                "The app on the screen did not say where it is. Try again."
            ) from None
        finally:
            del self._questions[number]

    # -- what the stage tells

    def resume(self) -> None:
        if self._state is None:
            return
        self._tell_state()
        for stanza in self._since:
            self._tell_packet(stanza)
        self._since.retold()
        for number in self._questions:
            self._ask(number)
        if self._running:
            self._stage.tell({"type": "start", "frame": self.frame})

    async def heard(self, message: wire.Up) -> None:
        match message:
            case wire.Restored():
                self._settle("")
            case wire.Refused(_, text):
                self._settle(text or "The app could not open what was sent to it.")
            case wire.Snapshot() if message.id in self._questions:
                self._answered(message)
            case wire.Sent() if self._running:
                await self._pass_on(message)
            case wire.Changed() if self._running:
                self.changed()

    def _settle(self, refusal: str) -> None:
        if self._restored is not None and not self._restored.done():
            self._restored.set_result(refusal)

    async def _pass_on(self, message: wire.Sent) -> None:
        bucket = self._bucket.take(self._clock())
        if bucket is None:
            self._complain("sends too fast: packets are dropped")
            return
        self._bucket = bucket
        try:
            stanza = from_page(message.packet, self.uri)
            self._note(0, stanza)
            async with asyncio.timeout(SEND_DEADLINE):
                await self.send(stanza)
        except (InvalidPacket, ValueError) as error:
            self._complain(f"sent what is no packet: {error}")
        except (MobilityError, TimeoutError):
            # the phone learns of it by the next checkpoint
            log.info("a packet could not be sent")

    def _complain(self, text: str) -> None:
        """Once a session: a page that floods must not fill the disk with a log."""
        if not self._complained:
            self._complained = True
            log.warning("the page of %s %s", self.uri, text)

    # -- what is kept

    def _note(self, after: int, stanza: Stanza) -> None:
        self._since.append(after, stanza)
        if len(self._since) % ASK_EVERY == 0:
            self.changed()

    def _answered(self, message: wire.Snapshot) -> None:
        """Keep the state, and of the packets only those that it cannot know."""
        before = self._state or State()
        files = before.files if message.files is None else message.files
        self._state = State(message.data, files, before.title)
        self._since.answered(message.id)
        answer = self._questions[message.id]
        if not answer.done():
            answer.set_result(self._state)

    def _forget(self) -> None:
        self._state = None
        self._since.clear()

    def _abandon(self) -> None:
        self._forget()
        self._stage.abandon(self.frame)

    def _tell_state(self) -> None:
        state = self._state or State()
        files = {
            name: self._stage.hold(self.frame, body)
            for name, body in state.files.items()
        }
        message = {"type": "restore", "frame": self.frame, "part": self._shows}
        self._stage.tell({**message, "data": state.data, "files": files})

    def _ask(self, number: int) -> None:
        self._stage.tell({"type": "snapshot", "frame": self.frame, "id": number})

    def _tell_packet(self, stanza: Stanza) -> None:
        packet = to_page(stanza, self.uri)
        self._stage.tell({"type": "packet", "frame": self.frame, "packet": packet})


@dataclass(frozen=True, slots=True)
class PageAppFactory:
    """Makes what runs each session, or part of one, of a registered app."""

    app: AppSettings
    stage: Stage

    @property
    def uri(self) -> str:
        return self.app.uri

    @property
    def schema(self) -> int:
        return self.app.schema

    @property
    def parts(self) -> tuple[Part, ...]:
        return self._parted().parts

    def __call__(self) -> App:
        if not takes_whole(self.app.parts):
            return self._parted()
        return _WholePage(self.app, self.stage, self._parted())

    def _parted(self) -> PageParts:
        page = partial(PageApp, self.app, self.stage)
        return PageParts(self.uri, self.schema, self.app.parts, page)


class _WholePage(PageApp):
    """A page that shows the whole app, or a part of it."""

    def __init__(self, app: AppSettings, stage: Stage, parts: PageParts) -> None:
        super().__init__(app, stage)
        self._of_parts = parts

    def _piece(self, name: str) -> App:
        return self._of_parts._piece(name)
