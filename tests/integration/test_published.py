"""A published state: who may read and publish, and a service that does not keep it."""

from __future__ import annotations

import pytest

from mobility import Capture, Client, PeerUnreachable, TransferError
from mobility.protocol.capture import Direction, Place
from mobility.protocol.session import Stanza
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, address, visiting
from tests.integration.test_captures import START, Published

LINE = Stanza("{urn:chat}line", text="hi", sender="room/nurse", id="a.1", delay=START)


async def test_only_who_was_let_in_can_read_or_publish(server: RunningServer) -> None:
    async with (
        Stream(*server.add(), **address(server)) as owner,
        Stream(*server.add(), **address(server)) as other,
    ):
        place = await owner.published.create()
        await owner.published.publish(place, LINE, Direction.IN)
        heard: list[Stanza] = []
        with pytest.raises(PeerUnreachable):
            await other.published.follow(place, lambda item: heard.append(item[0]))
        await owner.published.grant(place, other.jid, "member")
        items = await other.published.follow(place, lambda i: heard.append(i[0]))
        assert items == [(LINE, Direction.IN)]
        with pytest.raises(PeerUnreachable):
            await other.published.publish(place, LINE, Direction.OUT)
        await owner.published.grant(place, other.jid, "publisher")
        await other.published.publish(place, LINE, Direction.OUT)
        await owner.published.grant(place, other.jid, "none")
        with pytest.raises(PeerUnreachable):
            await other.published.publish(place, LINE, Direction.OUT)
        before = len(heard)
        await owner.published.publish(place, LINE, Direction.IN)
        with pytest.raises(PeerUnreachable):  # the answer comes behind the news
            await other.published.publish(place, LINE, Direction.OUT)
        assert len(heard) == before
        await owner.published.delete(place)
        with pytest.raises(PeerUnreachable):
            await owner.published.follow(place, lambda item: None)


async def test_a_node_that_lost_its_end_is_refused_and_the_session_stays(
    server: RunningServer, phone: Client, hurry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgetful(place: Place, heard: object) -> list[object]:
        return []

    async with Lobby(server, Published) as lobby, visiting(phone, lobby) as screen:
        monkeypatch.setattr(lobby.display.stream.published, "follow", forgetful)
        board = Published()
        await board.draw("first")
        with pytest.raises(TransferError, match="its end is missing"):
            await phone.transfer(board, to=screen)
        assert board.running
        assert board.strokes == ["first"]


async def test_a_display_cannot_send_the_phone_to_another_node(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Published) as lobby, visiting(phone, lobby) as screen:
        board = Published()
        await board.draw("first")
        moved = await phone.transfer(board, to=screen)
        await lobby.board()
        theirs = lobby.sessions[0]._publication
        theirs.place = await lobby.display.stream.published.create()
        with pytest.raises(TransferError, match="another place"):
            await moved.retrieve()
        await moved.reclaim()
        assert board.strokes == ["first"]


async def test_a_display_cannot_change_how_a_session_is_captured(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Published) as lobby, visiting(phone, lobby) as screen:
        board = Published()
        await board.draw("first")
        moved = await phone.transfer(board, to=screen)
        (await lobby.board()).capture = Capture.REPLAY
        with pytest.raises(TransferError, match="another way"):
            await moved.retrieve()
        await moved.reclaim()
        assert board.strokes == ["first"]


async def test_what_a_lost_display_published_is_not_lost(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Published) as lobby, visiting(phone, lobby) as screen:
        board = Published()
        await board.draw("first")
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        await there.draw("second")
        await lobby.sessions[0]._publication.flush(there.log)
        await moved.reclaim()
        assert board.strokes == ["first", "second"]


async def test_when_it_is_over_nothing_is_left_at_the_service(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Published) as lobby, visiting(phone, lobby) as screen:
        board = Published()
        await board.draw("first")
        moved = await phone.transfer(board, to=screen)
        await moved.retrieve()
        place = moved.session._publication.place
        assert place is not None
        await moved.session.unpublish()
        with pytest.raises(PeerUnreachable):
            await phone.stream.published.follow(place, lambda item: None)
