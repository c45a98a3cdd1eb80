"""States that lie: refused before they are shown, in a sentence."""

from __future__ import annotations

import pytest

from mobility import InvalidState, MobilityError, State
from mobility.protocol import transfer as proto
from mobility.protocol.transfer import Offer
from tests.fakes.hostile_phone import HostilePhone
from tests.fakes.lies import Lie
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address

STATE = State({"strokes": ["canary"]}, {"document": b"x" * 60_000}, title="A board")
OFFER = Offer(session="session", app=Board.uri, schema=Board.schema, epoch=1)
SENTENCES = {
    Lie.SIZE_ABOVE: "smaller than was offered",
    Lie.SIZE_BELOW: "larger than was offered",
    Lie.DIGEST: "not the one that was offered",
    Lie.FRAMES_ABOVE: "took too long",
    Lie.FRAMES_BELOW: "smaller than was offered",
    Lie.FRAMES_ABSURD: "not laid out as it should be",
    Lie.FILE_HASH: "a file that is not what it says",
    Lie.FILE_LONGER: "a file that is shorter than it says",
    Lie.FILE_LEFT_OUT: "leaves out a file",
    Lie.FILE_NAME: "a name that is not allowed",
    Lie.HEADER_CUT_OFF: "cut off or damaged",
    Lie.NOT_JSON: "not readable",
    Lie.TRAILING: "larger than it says",
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
        ({"schema": 3}, "schema", "version 2 of this app's state; yours is version 3"),
        ({"schema": 1}, "schema", "version 2 of this app's state; yours is version 1"),
        ({"capture": "replay"}, "not-acceptable", "cannot take a session in this form"),
        ({"formats": ("bundle",)}, "not-acceptable", "cannot take a session in this"),
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
        envelope = await phone.offer(secret, OFFER, STATE, Lie.FRAMES_ABOVE)
        frame = envelope.seal("state", b"x" * 40_000, number=2)
        await phone.say(phone.sid, proto.Data(2, frame))
        abort = await phone.hears(proto.Abort)
        assert "larger than was offered" in abort.text
        await phone.leave()
    await lobby.is_empty()
