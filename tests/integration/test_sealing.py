"""
Nobody on the way reads a session: not in the server, its proxy, its store or the wire.

The server of these tests keeps all that passes inside its TLS. Every test is done a
second time with the sealing switched off: then the same search finds the canaries, so
that it is no blind search that finds nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mobility import Capture, Carrier, Client, File, Stanza, State
from mobility.errors import CarrierLost, InvalidState
from mobility.protocol.envelope import Envelope
from mobility.protocol.state import Manifest
from mobility.server import process
from mobility.transfer.sending import Sending
from tests.fakes.canaries import found
from tests.fakes.running import RunningServer
from tests.fakes.wiretap import Heard, Tapped, listening
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting

TAG = b"not sealed at al"  # where a frame has its tag of 16 bytes
WHERE = {
    Carrier.IQ: "server",
    Carrier.IBB: "server",
    Carrier.DIRECT: "streams",
    Carrier.PROXY: "proxy",
    Carrier.UPLOAD: "store",
}
SECURITY = Path(__file__).parents[2] / "docs" / "security.md"
RECENT = 4e9  # a stamp that is not old
_ATTRIBUTE = re.compile(r"""(\w+)=['"]([^'"]*)['"]""")
WORDS = {
    "initiator offer",
    "responder accept",
    "state",
    "responder ready",
    "initiator commit",
    "responder confirm",
    "responder request",
    "checkpoint 1",
}
FETCHED = {
    Carrier.DIRECT: {"responder fetch"},
    Carrier.PROXY: {"responder fetch"},
    Carrier.IBB: {"responder fetch"},
    Carrier.UPLOAD: {"responder fetch", "initiator stored"},
}
_STREAM = re.compile("(fetch|stored) .*")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a real server whose operator listens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "ServerConfig", Tapped)
        with RunningServer(tmp_path_factory.mktemp("tapped")) as running:
            yield running


@dataclass
class Sealed:
    """Everything that either device sealed, by its word."""

    frames: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def kinds(self) -> set[str]:
        """The words, whatever the stream."""
        return {_STREAM.sub(r"\1", word) for word in self.frames}

    def note(self, word: str, sealed: bytes) -> bytes:
        self.frames.setdefault(word, []).append(sealed)
        return sealed


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> Sealed:
    """Write down what is sealed, as it leaves the envelope."""
    noted, seal = Sealed(), Envelope.seal

    def noting(self: Envelope, word: str, plain: bytes = b"", **at: int) -> bytes:
        return noted.note(word, seal(self, word, plain, **at))

    monkeypatch.setattr(Envelope, "seal", noting)
    return noted


@pytest.fixture
def unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the sealing off; sizes stay as they are."""

    def seal(
        self: Envelope, word: str, plain: bytes = b"", *, number: int = 0
    ) -> bytes:
        return plain + TAG

    def opened(self: Envelope, word: str, sealed: bytes, *, number: int = 0) -> bytes:
        if not sealed.endswith(TAG):
            raise InvalidState("That is not all of it.")
        return sealed.removesuffix(TAG)

    monkeypatch.setattr(Envelope, "seal", seal)
    monkeypatch.setattr(Envelope, "open", opened)


@pytest.fixture(autouse=True)
def only_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that comes inline goes by IQ only where that is a carrier."""
    by_iq = Sending._by_iq

    async def by_iq_if_asked(self: Sending, first: int) -> None:
        if Carrier.IQ not in self._side.link.ways.carriers:
            raise CarrierLost("The other way is looked at here.")
        await by_iq(self, first)

    monkeypatch.setattr(Sending, "_by_iq", by_iq_if_asked)


# --- a session that is all canaries -------------------------------------------------


class Diary(Board):
    """Shows what it was given, and says one thing more when it leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.last: Stanza | None = None

    def becomes(self, state: State, logged: Stanza) -> None:
        """All that there is of it; packets only if they count."""
        self.state = state
        if self.capture is Capture.HYBRID:
            self.compact(state)
        if self.capture.logs:
            assert self.record(logged)

    async def snapshot(self) -> State:
        return self.state

    async def initial(self) -> State:
        return self.state

    async def restore(self, state: State) -> None:
        self.state, self.running = state, False

    async def replay(self, stanza: Stanza) -> None:
        self.strokes.append(stanza.text)

    async def stop(self) -> None:
        if self.last is not None:
            self.record(self.last)
        await super().stop()


class Canaries:
    """
    What an app has that nobody else shall read, each in a place of its own.

    Args:
        who: Has them; no two of these have one in common.
        path: Of a file that is read as it is sent.

    """

    def __init__(self, who: str, path: Path) -> None:
        self._who = who
        self.secrets: dict[str, bytes] = {}  # by whose they are, and what
        noise = os.urandom(60_000)
        for at in range(0, 59_000, 9_000):
            self.secrets[f"{who} noise {at}"] = noise[at : at + 24]
        path.write_bytes(noise[:30_000] + self._word("blob").encode() + noise[30_000:])
        self.state = State(
            {"strokes": [self._word("data")], self._word("key"): {"deep": [1, 2]}},
            {
                self._word("file name"): self._word("file").encode(),
                "text": self._word("text").encode() * 200,
            },
            self._word("title"),
            {self._word("blob name"): File(path)},
        )

    def _word(self, place: str) -> str:
        word = f"canary of the {self._who}, {place} <ä>"
        self.secrets[f"{self._who} {place}"] = word.encode()
        return word

    def packet(self, place: str, **about: Any) -> Stanza:
        child = Stanza(f"{{{Board.uri}}}in", text=self._word(f"{place} child"))
        attributes = {"a": self._word(f"{place} attribute")}
        text = self._word(f"{place} text")
        return Stanza(f"{{{Board.uri}}}x", attributes, text, (child,), **about)


@dataclass(frozen=True)
class Trip:
    """
    A session has moved.

    Args:
        heard: On its way there and back.
        secrets: That were in it.
        session: What it is called.
        states: As they went there, and back.

    """

    heard: Heard
    secrets: dict[str, bytes]
    session: str
    states: tuple[State, State]


async def there_and_back(
    server: RunningServer,
    folder: Path,
    format: str,
    carrier: Carrier,
    capture: Capture = Capture.SNAPSHOT,
) -> Trip:
    """Move a session to a display, have it checkpointed there, and take it back."""
    heard = listening(server.folder)
    here, saved, back = (
        Canaries(who, folder / who) for who in ("phone", "checkpoint", "display")
    )
    options: dict[str, Any] = {"carriers": [carrier], **address(server)}
    async with (
        Lobby(server, Diary, size=10_000_000, **options) as lobby,
        Client(*server.add(), **options) as phone,
        heard.wire,
        visiting(phone, lobby) as screen,
    ):
        heard.wire.tap(phone.stream.bytestreams)
        heard.wire.tap(lobby.display.stream.bytestreams)
        diary = Diary()
        diary.formats, diary.capture = (format,), capture
        diary.becomes(here.state, here.packet("log", id="1", delay=RECENT))
        diary.last = here.packet("tail", id="2")
        moved = await soon(phone.transfer(diary, to=screen))
        there = await lobby.board()
        assert isinstance(there, Diary)
        there.formats = (format,)
        there.becomes(saved.state, saved.packet("log", id="3", delay=RECENT))
        await checkpointed(moved, there)
        there.becomes(back.state, back.packet("log", id="4", delay=RECENT))
        there.last = back.packet("tail", id="5")
        await soon(moved.retrieve())
        assert diary.state.title == back.state.title
        assert diary.strokes[-1] == there.last.text
        secrets = here.secrets | saved.secrets | back.secrets
        if not capture.logs:
            secrets = without(secrets, "log")
        return Trip(heard, secrets, moved.session.id, (here.state, back.state))


async def checkpointed(moved: Any, there: Board) -> None:
    saved, save = asyncio.Event(), moved._entry.save

    def noted(state: State) -> None:
        save(state)
        saved.set()

    moved._entry.save = noted
    there.changed()
    await soon(saved.wait())
    moved._entry.save = save


CELLS = [
    pytest.param(format, carrier, id=f"{format}-{carrier.value}")
    for carrier in Carrier
    for format in ("inline", "files", "bundle")
]


def without(secrets: dict[str, bytes], place: str) -> dict[str, bytes]:
    return {name: text for name, text in secrets.items() if f" {place}" not in name}


def visible(passed: bytes, *, session: str) -> set[tuple[str, str]]:
    """What the offers of a session say openly."""
    texts = re.findall(rb"<transfer [^>]*action=['\"]offer['\"][^>]*>", passed)
    offers = [dict(_ATTRIBUTE.findall(text.decode())) for text in texts]
    ours = [offer for offer in offers if offer.get("session") == session]
    names = ("app", "schema", "epoch", "capture", "size")
    return {(name, offer[name]) for offer in ours for name in names}


EVERY_CELL = pytest.mark.parametrize(("format", "carrier"), CELLS)


@EVERY_CELL
async def test_nobody_on_the_way_reads_a_session(
    server: RunningServer,
    hurry: None,
    sealed: Sealed,
    tmp_path: Path,
    format: str,
    carrier: Carrier,
) -> None:
    trip = await there_and_back(server, tmp_path, format, carrier)
    taps = trip.heard.everything
    for tap, passed in taps.items():
        assert not found(passed, trip.secrets), tap
    for word, frames in sealed.frames.items():
        passed = taps[WHERE[carrier] if word == "state" else "server"]
        assert all(frame in passed for frame in frames), word
    assert sealed.kinds >= WORDS | FETCHED.get(carrier, set())
    assert visible(taps["server"], session=trip.session) == {
        ("app", Diary.uri),
        ("schema", "2"),
        ("epoch", "1"),
        ("epoch", "2"),
        ("capture", "snapshot"),
        *(("size", str(Manifest.of(state).size)) for state in trip.states),
    }


@EVERY_CELL
async def test_the_taps_read_all_of_it_if_nothing_is_sealed(
    server: RunningServer,
    hurry: None,
    unsealed: None,
    tmp_path: Path,
    format: str,
    carrier: Carrier,
) -> None:
    trip = await there_and_back(server, tmp_path, format, carrier)
    taps = trip.heard.everything
    moved = {name for name in trip.secrets if "checkpoint" not in name}
    words = {name for name in trip.secrets if "title" in name or "tail" in name}
    assert found(taps[WHERE[carrier]], trip.secrets) >= moved - words
    assert found(taps["server"], trip.secrets) >= words | (trip.secrets.keys() - moved)


LOGS = pytest.mark.parametrize("capture", [Capture.REPLAY, Capture.HYBRID])


@LOGS
async def test_nobody_on_the_way_reads_the_log_of_a_session(
    server: RunningServer, hurry: None, tmp_path: Path, capture: Capture
) -> None:
    trip = await there_and_back(server, tmp_path, "files", Carrier.IQ, capture)
    for tap, passed in trip.heard.everything.items():
        assert not found(passed, trip.secrets), tap
    assert ("capture", capture.value) in visible(
        trip.heard.server, session=trip.session
    )


@LOGS
async def test_the_taps_read_a_log_if_nothing_is_sealed(
    server: RunningServer,
    hurry: None,
    unsealed: None,
    tmp_path: Path,
    capture: Capture,
) -> None:
    trip = await there_and_back(server, tmp_path, "files", Carrier.IQ, capture)
    assert found(trip.heard.server, trip.secrets) == trip.secrets.keys()


async def test_of_a_published_session_the_server_reads_the_packets_and_no_more(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    """The exception (docs/security.md): they lie there, for others to follow."""
    trip = await there_and_back(
        server, tmp_path, "files", Carrier.IQ, Capture.PUBLISHED
    )
    packets = trip.secrets.keys() - without(without(trip.secrets, "log"), "tail").keys()
    assert found(trip.heard.server, trip.secrets) == packets
    assert found(trip.heard.disk, trip.secrets) == packets


async def test_packets_of_a_running_session_are_read_by_the_server(
    server: RunningServer, hurry: None
) -> None:
    """So it is in this version, and the docs do not hide it."""
    said = "canary of a running session"
    heard = listening(server.folder)
    async with (
        Lobby(server) as lobby,
        Client(*server.add(), **address(server)) as phone,
        visiting(phone, lobby) as screen,
    ):
        board = Board()
        await soon(phone.transfer(board, to=screen))
        await board.draw(said)
        await (await lobby.board()).has(said)
    assert found(heard.server, {"said": said.encode()})
    assert "Packets of a running session are not sealed" in SECURITY.read_text()
