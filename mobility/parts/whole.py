"""An app that consists of parts, each a small app of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any, Final, TypeVar

from mobility.app import App, Part
from mobility.errors import InvalidState
from mobility.parts.carried import Carried
from mobility.parts.declared import declared
from mobility.parts.hub import Heads
from mobility.parts.parted import Parted
from mobility.parts.piece import Piece
from mobility.protocol.blob import Blob
from mobility.protocol.session import Number, Stanza, State

__all__ = ["PartedApp"]

_ORDER: Final = ".order"  # the name of a file; apps cannot use it
_LARGEST_ORDER: Final = 1024 * 1024  # bytes of that file
_MOST: Final = 2**30  # packets in an order that comes from elsewhere
_BETWEEN: Final = "|"  # a part's name and that of its file


class PartedApp(Parted):
    """
    An app that consists of parts; each can run on a device of its own.

    Declare each of them in the body of the class by `part`. What one says (`App.send`)
    goes to the hub, which is where this app is: there it gets its place in the one
    order of all that the parts say, and comes to each part that allows its qualified
    name, the one that said it too. So a part changes nothing before its `receive` is
    called.

    Parted or not, the whole captures, restores, starts and stops its parts, so it moves
    as any app does. Its capture is a snapshot.

    Attributes:
        services: Addresses of the services that feed it, beside its own parts.
        hub: The order.

    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.parts = tuple(declared(cls, {*dir(PartedApp), *App.__annotations__}))

    def part(self, name: str) -> App:
        """
        That part here; made by its factory when it is asked for first.

        Raises:
            LookupError: There is no such part.

        """
        shown = self.piece(name).shown
        return shown.app if isinstance(shown, Carried) else shown

    def piece(self, name: str) -> Piece:
        """
        The same with what the SDK has around it: what a session of that part runs.

        Raises:
            LookupError: There is no such part.

        """
        self._declared(name)
        return self._pieces[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Of its parts."""
        return tuple(self._pieces)

    @property
    def places(self) -> tuple[Piece, ...]:
        """Wherever its parts are: those of `names`, and copies."""
        if not self._pieces:  # they join the hub as they are made
            return ()
        return tuple(each for each in self.hub.places if isinstance(each, Piece))

    def copy_of(self, name: str) -> Piece:
        """
        One more place of that part elsewhere; to `begin` from what another one has.

        Raises:
            LookupError: There is no such part.

        """
        carried = Carried(self.part(name))
        return Piece(self, self._declared(name), carried, hub=self.hub)

    def appoint(self, name: str, place: Piece) -> None:
        """Let that place be the one whose part this is, if it comes here."""
        before = self._pieces[name]
        app = before.exchange(Carried(before.shown))
        place.exchange(app)
        self._pieces[name] = place

    def _piece(self, name: str) -> App:
        part = self._declared(name)
        return Piece(self, part, _made(part))

    def _declared(self, name: str) -> Part:
        for part in self.parts:
            if part.name == name and part.app is not None:
                return part
        raise LookupError(f"{type(self).__name__} has no part {name!r}")

    @cached_property
    def _pieces(self) -> dict[str, Piece]:
        """All of them: each has to hear what is said from the beginning."""
        return {
            part.name: Piece(self, part, _made(part), hub=self.hub)
            for part in self.parts
            if part.app is not None
        }

    @cached_property
    def _words(self) -> list[Stanza]:
        """Said since the state was captured; put into the order once it runs here."""
        return []

    @cached_property
    def _voice(self) -> str:
        return secrets.token_urlsafe(9)

    _last_word = 0

    @property
    def is_over(self) -> bool:
        """Whether its session has ended here, or is somebody else's for good."""
        return self.session is not None and self.session.over

    # --- what is said ----------------------------------------------------------

    async def say(self, stanza: Stanza) -> None:
        """Put a packet at the end of the order, as one of the parts does."""
        stanza = stanza.within(self.uri)
        if self._pieces and self.here:
            await self._said(self.hub.say(stanza))
        else:  # where it runs, it gets its place
            word = replace(stanza, number=Number(self._voice, self._last_word + 1))
            await self.send(word)
            self._last_word += 1

    async def hear(self, *words: Stanza) -> None:
        """
        Put into the order what parts elsewhere have said, if it is not there.

        What nobody could be told is not in it; see `Hub.takes`.
        """
        for ordered in self.hub.hear(words):
            await self._said(ordered)

    async def _said(self, stanza: Stanza) -> None:
        await self.send(stanza)
        await self.hub.drain()
        await self.ordered(stanza)

    async def ordered(self, stanza: Stanza) -> None:
        """
        Called where the order is made, with each packet once it is in it.

        By then the parts here have heard it. What is for a service, say, is said to it
        here; `stanza.number` tells a packet from others.
        """

    # --- moved as a whole ------------------------------------------------------

    _counts = True

    async def receive(self, stanza: Stanza) -> None:
        if self.here and stanza.number is not None:
            await self.hear(stanza)
        else:
            await self.replay(stanza)

    async def replay(self, stanza: Stanza) -> None:
        if stanza.number is None:  # it came another way, to whichever part
            for piece in self._pieces.values():
                if stanza.name in piece.allow:
                    await piece.replay(stanza)
        elif stanza.number.feed == self.hub.feed:
            self.hub.adopt(stanza)
            await self.hub.drain()
        else:
            self._words.append(replace(stanza, replayed=False))

    async def snapshot(self) -> State:
        data: dict[str, Any] = {}
        titles: dict[str, str] = {}
        files = {_ORDER: json.dumps(asdict(self.hub.heads)).encode()}
        blobs: dict[str, Blob] = {}
        for name, piece in self._pieces.items():
            state = await piece.snapshot()
            data[name], titles[name] = state.data, state.title
            files |= {
                f"{name}{_BETWEEN}{key}": body for key, body in state.files.items()
            }
            blobs |= {
                f"{name}{_BETWEEN}{key}": body for key, body in state.blobs.items()
            }
        return State({"parts": data, "titles": titles}, files, self.title, blobs)

    async def restore(self, state: State) -> None:
        match state.data:
            case {"parts": dict(parts), "titles": dict(titles)} if (
                parts.keys() == titles.keys() == self._pieces.keys()
            ):
                pass
            case _:
                raise InvalidState("These are not the parts of this app.")
        self.hub.begin(_heads(state.files.get(_ORDER, b"")))
        for name, piece in self._pieces.items():
            files, blobs = _of(name, state.files), _of(name, state.blobs)
            await piece.restore(State(parts[name], files, str(titles[name]), blobs))
        self.title = state.title or self.title

    async def start(self) -> None:
        for piece in self._pieces.values():
            await piece.shown.start()
            piece.tell()
        while self._words:
            await self.hear(self._words.pop(0))

    async def stop(self) -> None:
        for piece in self._pieces.values():
            piece.tell()
            await piece.shown.stop()

    async def close(self) -> None:
        for piece in self._pieces.values():
            await piece.close()


def _made(part: Part) -> App:
    assert part.app is not None
    return part.app()


T = TypeVar("T")


def _of(part: str, contents: Mapping[str, T]) -> dict[str, T]:
    """What of these is that part's."""
    start = f"{part}{_BETWEEN}"
    return {
        name.removeprefix(start): body
        for name, body in contents.items()
        if name.startswith(start)
    }


def _heads(raw: bytes) -> Heads:
    try:
        match json.loads(raw if len(raw) <= _LARGEST_ORDER else b""):
            case {
                "feed": str(feed),
                "at": int(at),
                "names": dict(names),
                "heard": dict(heard),
            } if _are_counts(names) and _are_counts(heard):
                return Heads(feed, at, names, heard)
    except (ValueError, RecursionError):
        pass
    raise InvalidState("How far these parts are, is not understood.")


def _are_counts(counted: Mapping[str, Any]) -> bool:
    """What is beyond them comes to no end: others read no more than 2³¹."""
    numbers = counted.values()
    return all(type(n) is int and n >= 0 for n in numbers) and sum(numbers) <= _MOST
