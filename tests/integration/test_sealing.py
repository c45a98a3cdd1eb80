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

    def seal(self: Envelope, word: str, plain: bytes = b"", *, number: int = 0) -> bytes:
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

    async def by_iq_if_asked(self: Sending, first: int, end: int) -> None:
        if Carrier.IQ not in self._side.link.ways.carriers:
            raise CarrierLost("The other way is looked at here.")
        await by_iq(self, first, end)

    monkeypatch.setattr(Sending, "_by_iq", by_iq_if_asked)


# --- a session that is all canaries -------------------------------------------------


class Diary(Board):
    """Shows what it was given, and says one thing more when it leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.last: Stanza | None = None

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
        self.secrets: dict[str, bytes] = {}
        noise = os.urandom(60_000)
        for at in range(0, 59_000, 9_000):
            self.secrets[f"{who} noise {at}"] = noise[at : at + 24]
        path.write_bytes(noise[:30_000] + self._word("blob").encode() + noise[30_000:])
        self.state = State(
            {"strokes": [self._word("data")], self._word("key"): {"deep": [1, 2]}},
            {
                self._word("file name"): self._word("file").encode(),
                "text": self._word("text").encode() * 1500,
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


async def there_and_back(
    server: RunningServer, folder: Path, format: str, carrier: Carrier
) -> tuple[Heard, dict[str, bytes], str]:
    """
    Move a session to a display, have it checkpointed there, and take it back.

    Returns:
        What was heard, the canaries that moved, and the session's name.

    """
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
        diary.formats = (format,)
        diary.state, diary.last = here.state, here.packet("tail")
        moved = await soon(phone.transfer(diary, to=screen))
        there = await lobby.board()
        assert isinstance(there, Diary)
        there.formats = (format,)
        there.state, there.last = saved.state, back.packet("tail")
        await checkpointed(moved, there)
        there.state = back.state
        await soon(moved.retrieve())
        assert diary.state.title == back.state.title
        assert len(diary.strokes) == 1
        secrets = here.secrets | saved.secrets | back.secrets
        return heard, secrets, moved.session.id


async def checkpointed(moved: Any, there: Board) -> None:
    saved, save = asyncio.Event(), moved._save

    def noted(state: State) -> None:
        save(state)
        saved.set()

    moved._save = noted
    there.changed()
    await soon(saved.wait())
    moved._save = save


CELLS = [
    pytest.param(format, carrier, id=f"{format}-{carrier.value}")
    for carrier in Carrier
    for format in ("inline", "files", "bundle")
]


def visible(passed: bytes, *, session: str) -> set[tuple[str, str]]:
    """What the offers of a session say openly."""
    texts = re.findall(rb"<transfer [^>]*action=['\"]offer['\"][^>]*>", passed)
    offers = [dict(_ATTRIBUTE.findall(text.decode())) for text in texts]
    ours = [offer for offer in offers if offer.get("session") == session]
    names = ("app", "schema", "epoch", "capture")
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
    heard, secrets, session = await there_and_back(server, tmp_path, format, carrier)
    taps = heard.everything
    for tap, passed in taps.items():
        assert not found(passed, secrets), tap
    for word, frames in sealed.frames.items():
        passed = taps[WHERE[carrier] if word == "state" else "server"]
        assert all(frame in passed for frame in frames), word
    assert sealed.frames.keys() >= WORDS
    assert visible(taps["server"], session=session) == {
        ("app", Diary.uri),
        ("schema", "2"),
        ("epoch", "1"),
        ("epoch", "2"),
        ("capture", "snapshot"),
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
    heard, secrets, _ = await there_and_back(server, tmp_path, format, carrier)
    taps = heard.everything
    moved = {name for name in secrets if "checkpoint" not in name}
    words = {name for name in secrets if "title" in name or "tail" in name}
    assert found(taps[WHERE[carrier]], secrets) >= moved - words
    assert found(taps["server"], secrets) >= words | (secrets.keys() - moved)
