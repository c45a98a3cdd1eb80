"""States that lie: refused before they are shown, in a sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mobility import (
    Client,
    InvalidState,
    MobilityError,
    MovedSession,
    RemoteProtocolError,
    SessionAway,
    State,
    TransferAborted,
    VisitRefused,
)
from mobility.protocol import transfer as proto
from mobility.protocol.envelope import PLAIN
from mobility.protocol.transfer import Offer
from tests.fakes.hostile_display import HostileDisplay
from tests.fakes.hostile_phone import HostilePhone
from tests.fakes.lies import Lie
from tests.fakes.running import RunningServer
from tests.fakes.tricks import Trick
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon

STATE = State({"strokes": ["canary"]}, {"document": b"x" * 60_000}, title="A board")
OFFER = Offer(session="session", app=Board.uri, schema=Board.schema, epoch=1)
SENTENCES = {
    Lie.SIZE_ABOVE: "smaller than was offered",
    Lie.SIZE_BELOW: "larger than was offered",
    Lie.MANIFEST: "not the one that was offered",
    Lie.FILE_HASH: "a file that is not what it says",
    Lie.FILE_LONGER: "a file that is shorter than it says",
    Lie.FILE_LEFT_OUT: "leaves out a file",
    Lie.FILE_NAME: "a name that is not allowed",
    Lie.HEADER_CUT_OFF: "cut off or damaged",
    Lie.NOT_JSON: "not readable",
    Lie.TRAILING: "smaller than was offered",
    Lie.NESTED: "nested too deeply",
    Lie.GARBAGE: "cut off or damaged",
}


async def test_a_phone_by_hand_that_tells_no_lie_is_let_through(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        envelope = await phone.offer(secret, OFFER, STATE)
        await phone.hears(proto.Ready)
        await phone.commit(envelope)
        await phone.hears(proto.Confirm)
        assert (await lobby.board()).strokes == ["canary"]
        await phone.leave()
    await lobby.is_empty()


@pytest.mark.parametrize("lie", SENTENCES, ids=lambda lie: lie.value)
async def test_a_display_shows_no_state_that_lies(
    server: RunningServer, lobby: Lobby, lie: Lie
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        await phone.offer(secret, OFFER, STATE, lie)
        abort = await phone.hears(proto.Abort)
        assert SENTENCES[lie] in abort.text
        assert not lobby.sessions
        assert not lobby.visits[0]._hosted
        await phone.leave()
    await lobby.is_empty()


async def test_a_display_takes_no_frame_that_the_visitor_did_not_seal(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        with pytest.raises(InvalidState, match="damaged or changed on its way"):
            await phone.offer(secret, OFFER, STATE, Lie.OTHER_KEY)
        await phone.leave()
    await lobby.is_empty()


@pytest.mark.parametrize(
    ("offer", "condition", "sentence"),
    [
        ({"app": "urn:other"}, "no-such-app", "does not have the app"),
        (
            {"schema": 3},
            "schema",
            "version 2 of this app's state, and this session has version 3",
        ),
        (
            {"schema": 1},
            "schema",
            "version 2 of this app's state, and this session has version 1",
        ),
        ({"capture": "dream"}, "not-acceptable", "cannot take a session in this form"),
        ({"formats": ("crystal",)}, "not-acceptable", "cannot take a session in this"),
    ],
)
async def test_a_display_says_what_it_cannot_take(
    server: RunningServer,
    lobby: Lobby,
    offer: dict[str, object],
    condition: str,
    sentence: str,
) -> None:
    fields = {name: getattr(OFFER, name) for name in OFFER.__slots__} | offer
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        await phone.offer(secret, Offer(**fields), STATE)
        refusal = await phone.hears(proto.Refuse)
        assert refusal.condition == condition
        assert sentence in refusal.text
        await phone.leave()
    await lobby.is_empty()


async def test_a_commit_that_cannot_be_read_leaves_the_session_with_the_phone(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        envelope = await phone.offer(secret, OFFER, STATE)
        await phone.hears(proto.Ready)
        await phone.commit(envelope, b"\0\0\0\0 not json")
        with pytest.raises(MobilityError, match="not known here any more"):
            await _until_unknown(phone)
        await phone.leave()
    await lobby.is_empty()


async def _until_unknown(phone: HostilePhone) -> None:
    for _ in range(100):
        await phone.say(phone.sid, proto.Status())


async def test_frames_without_end_are_not_collected(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        envelope = await phone.offer(secret, OFFER, STATE, Lie.ENDLESS)
        for number in range(1, 64):
            frame = envelope.seal("state", b"x" * PLAIN, number=number)
            await phone.say(phone.sid, proto.Data(number, frame))
        abort = await phone.hears(proto.Abort)
        assert "larger than was offered" in abort.text
        await phone.leave()
    await lobby.is_empty()


# --- a display that lies --------------------------------------------------------------


@pytest.fixture
async def liar(server: RunningServer, hurry: None) -> AsyncIterator[HostileDisplay]:
    """Yield a display that is not what it seems."""
    async with HostileDisplay(server.add(), **address(server)) as display:
        yield display


async def _hand_over(phone: Client, liar: HostileDisplay) -> MovedSession:
    """A session that it has; the visit goes on in the background."""
    visit = phone.visit(liar.invitation, approve=liar.digits)
    screen = await visit.__aenter__()
    phone._stack.push_async_exit(visit.__aexit__)
    return await phone.transfer(Board(b"x" * 60_000, ("canary",)), to=screen)


async def _is_here_again(moved: MovedSession) -> None:
    assert moved.away
    board = await moved.reclaim()
    assert isinstance(board, Board)
    assert board.running
    assert (board.strokes, len(board.document)) == (["canary"], 60_000)


async def test_a_display_by_hand_that_tells_no_lie_gives_the_session_back(
    phone: Client, liar: HostileDisplay
) -> None:
    moved = await _hand_over(phone, liar)
    board = await moved.retrieve()
    assert isinstance(board, Board)
    assert (board.strokes, len(board.document)) == (["canary"], 60_000)


# A file that is left out is one that the phone has: that is as it should be.
@pytest.mark.parametrize(
    "lie",
    [lie for lie in SENTENCES if lie is not Lie.FILE_LEFT_OUT],
    ids=lambda lie: lie.value,
)
async def test_a_phone_takes_nothing_back_that_lies(
    phone: Client, liar: HostileDisplay, lie: Lie
) -> None:
    moved = await _hand_over(phone, liar)
    liar.lie = lie
    with pytest.raises((TransferAborted, SessionAway)) as caught:
        await moved.retrieve()
    assert "taken back as it was last saved here" in str(caught.value)
    assert SENTENCES[lie] in str(caught.value)
    await _is_here_again(moved)


@pytest.mark.parametrize(
    "changes", [{"session": "another"}, {"app": "urn:other"}, {"epoch": 2**31}]
)
async def test_a_phone_takes_no_other_session_than_its_own(
    phone: Client, liar: HostileDisplay, changes: dict[str, object]
) -> None:
    moved = await _hand_over(phone, liar)
    liar.changes = changes
    with pytest.raises(TransferAborted, match="not the session that was asked for"):
        await moved.retrieve()
    await _is_here_again(moved)


async def test_a_phone_is_not_filled_by_a_display(
    phone: Client, liar: HostileDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = await _hand_over(phone, liar)
    monkeypatch.setattr("mobility.transfer.incoming.LARGEST", 50_000)
    with pytest.raises(TransferAborted, match="cannot be used"):
        await moved.retrieve()
    await _is_here_again(moved)


@pytest.mark.parametrize("silent", [proto.Offer, proto.Data, proto.Commit])
async def test_a_display_that_falls_silent_is_not_waited_for(
    phone: Client, liar: HostileDisplay, silent: type
) -> None:
    moved = await _hand_over(phone, liar)
    liar.silent = {silent}
    with pytest.raises(SessionAway, match="Lobby screen does not answer"):
        await moved.retrieve()
    await _is_here_again(moved)


async def test_a_display_that_signs_nothing_is_not_called_clean(
    phone: Client, liar: HostileDisplay
) -> None:
    moved = await _hand_over(phone, liar)
    screen = phone._screens[liar.stream.jid]
    await liar.end_visit()
    await soon(moved.ended())
    assert screen.clean is False
    assert isinstance(moved.app, Board)
    assert moved.app.strokes == ["canary"]


async def test_another_display_than_the_one_of_the_code_is_recognised(
    phone: Client, liar: HostileDisplay
) -> None:
    liar.tricks.add(Trick.IMPOSTOR)
    with pytest.raises(VisitRefused, match="Another device answered"):
        await _hand_over(phone, liar)
    assert not phone._screens


@pytest.mark.parametrize(
    "lie",
    [
        {"secret": b"x" * 32},
        {"garbage": b"\xff" * 100},
        {"frames": 0},
        {"frames": 2**31},
    ],
    ids=["wrong key", "garbage", "no frames", "too many frames"],
)
async def test_a_checkpoint_that_lies_changes_nothing(
    phone: Client, liar: HostileDisplay, lie: dict[str, int | bytes]
) -> None:
    moved = await _hand_over(phone, liar)
    with pytest.raises((InvalidState, RemoteProtocolError)):
        await liar.checkpoint(State({"strokes": ["lie"]}), **lie)  # type: ignore[arg-type]
    await _is_here_again(moved)


async def test_a_checkpoint_from_the_past_changes_nothing(
    phone: Client, liar: HostileDisplay
) -> None:
    moved = await _hand_over(phone, liar)
    await liar.checkpoint(State({"strokes": ["second"]}), 2)
    await liar.checkpoint(State({"strokes": ["first"]}), 1)
    board = await moved.reclaim()
    assert isinstance(board, Board)
    assert board.strokes == ["second"]
