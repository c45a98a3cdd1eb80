"""
What goes wrong between people, phones and displays.

Each time: a sentence that tells the person what to do, the session on the phone and
running, and nothing left on the display.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mobility import (
    Client,
    Comparing,
    Hosting,
    Introduction,
    InvalidInvitation,
    InvalidState,
    Invitation,
    Inviting,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    Stanza,
    State,
    TransferAborted,
    TransferRefused,
    VisitDeclined,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol import transfer as proto
from mobility.protocol import visit as meeting
from mobility.protocol.delegation import Level
from mobility.protocol.envelope import Envelope
from mobility.protocol.session import Checkpoint, Packet
from mobility.protocol.transfer import Offer, Role
from mobility.tasks import Tasks
from mobility.transfer import word
from tests.fakes.hostile_phone import HostilePhone
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting

STATE = State({"strokes": ["canary"]}, {"document": b"x" * 60_000}, title="A board")
OFFER = Offer(session="session", app=Board.uri, schema=Board.schema, epoch=1)


async def _is_refused(
    phone: Client, lobby: Lobby, code: Invitation, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        async with phone.visit(code, approve=lobby.digits):
            raise AssertionError("the display let them in")
    assert not phone._screens


# --- the code -------------------------------------------------------------------------


async def test_a_code_with_a_wrong_token(lobby: Lobby, phone: Client) -> None:
    code = replace(await lobby.code(), token=b"0" * 16)
    await _is_refused(phone, lobby, code, VisitRefused, "not one that the screen shows")
    await lobby.is_empty()


async def test_a_code_that_was_used(
    lobby: Lobby, phone: Client, other_phone: Client
) -> None:
    code = await lobby.code()
    async with phone.visit(code, approve=lobby.digits):
        pass
    await lobby.is_empty()
    await _is_refused(
        other_phone,
        lobby,
        code,
        VisitRefused,
        "has been used already. Scan the code on the screen again",
    )


async def test_a_code_that_has_expired(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, invitation=timedelta(seconds=0.2)) as lobby:
        code = await lobby.code()
        await lobby.until(
            lambda: sum(isinstance(s, Inviting) for s in lobby.scenes) > 3
        )
        sentence = "has expired. Scan the code on the screen again"
        await _is_refused(phone, lobby, code, VisitRefused, sentence)


async def test_a_code_of_another_display(lobby: Lobby, phone: Client) -> None:
    code = replace(await lobby.code(), key=b"0" * 16)
    sentence = "Another device answered than the one whose code you scanned"
    await _is_refused(phone, lobby, code, VisitRefused, sentence)
    await lobby.is_empty()


async def test_a_code_of_a_display_that_is_switched_off(
    server: RunningServer, phone: Client
) -> None:
    async with Lobby(server) as lobby:
        code = await lobby.code()
    sentence = "cannot be reached. Scan its code again"
    await _is_refused(phone, lobby, code, PeerUnreachable, sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda code: code[:-3], "damaged. Scan the code"),
        (lambda code: "https://example.org/menu.pdf", "not the code of a screen"),
        (lambda code: code.partition("?")[0], "not an invitation"),
        (lambda code: code.replace("v=0", "v=9"), "Update the app"),
        (lambda code: code + ";t=AAAAAAAAAAAAAAAAAAAAAA", "damaged"),
        (lambda code: code + "x" * 300, "too long"),
        (lambda code: "", "not the code of a screen"),
    ],
)
async def test_a_code_that_is_malformed(
    lobby: Lobby, change: Callable[[str], str], sentence: str
) -> None:
    text = str(await lobby.code())
    with pytest.raises(InvalidInvitation, match=sentence):
        Invitation.parse(change(text))


# --- the approval ---------------------------------------------------------------------


async def test_digits_that_are_wrong_three_times(lobby: Lobby, phone: Client) -> None:
    tries: list[int] = []

    async def guess(introduction: Introduction) -> str:
        tries.append(introduction.tries_left)
        right = await lobby.digits(introduction)
        return "00" if right != "00" else "11"

    code = await lobby.code()
    with pytest.raises(
        VisitDeclined, match="not the digits on the screen, three times"
    ):
        async with phone.visit(code, approve=guess):
            raise AssertionError("the phone let itself in")
    assert tries == [3, 2, 1]
    await lobby.is_empty()
    await _is_refused(phone, lobby, code, VisitRefused, "has been used already")


async def test_digits_that_are_right_the_third_time(
    lobby: Lobby, phone: Client
) -> None:
    async def guess(introduction: Introduction) -> str | None:
        right = await lobby.digits(introduction)
        return right if introduction.tries_left == 1 else "no digits"

    async with phone.visit(await lobby.code(), approve=guess):
        await lobby.shows(Hosting)


async def test_an_approval_that_is_declined(lobby: Lobby, phone: Client) -> None:
    async def decline(_: Introduction) -> None:
        await lobby.shows(Comparing)

    with pytest.raises(VisitDeclined, match="You did not let the screen in"):
        async with phone.visit(await lobby.code(), approve=decline):
            raise AssertionError("the phone let itself in")
    await lobby.is_empty()


async def test_an_approval_that_fails_on_the_phone(lobby: Lobby, phone: Client) -> None:
    async def fail(_: Introduction) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        async with phone.visit(await lobby.code(), approve=fail):
            raise AssertionError("the phone let itself in")
    await lobby.is_empty()


async def test_a_visitor_who_never_approves(
    server: RunningServer, phone: Client, hurry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobility.public.admission.MEETING", 1.5)
    async with Lobby(server) as lobby:
        first = await lobby.code()

        async def dawdle(introduction: Introduction) -> str | None:
            digits = await lobby.digits(introduction)
            await lobby.is_empty()
            assert first != await lobby.code()
            screen = phone._screens[introduction.jid]
            await soon(screen.ended())
            return digits

        with pytest.raises(VisitEnded, match="did not wait any longer"):
            async with phone.visit(first, approve=dawdle):
                raise AssertionError("the display waited")
        await lobby.is_empty()


async def test_an_approval_that_is_said_twice(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        visitor = await phone.scan(await lobby.code())
        await phone.reveal()
        approval = await phone.approve(visitor)
        with pytest.raises(VisitRefused, match="There is no visit"):
            await phone.stream.visits.ask(phone.display, approval)
        assert len(lobby.visits) == 1
        await phone.leave()
    await lobby.is_empty()


async def test_an_approval_of_an_earlier_visit(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        visitor = await phone.scan(await lobby.code())
        await phone.reveal()
        approval = await phone.approve(visitor)
        await phone.leave()
        await phone.scan(await lobby.code())
        await phone.reveal()
        with pytest.raises(InvalidState, match="damaged or changed on its way"):
            await phone.stream.visits.ask(phone.display, approval)
        assert len(lobby.visits) == 1
    await lobby.is_empty()


async def test_an_approval_before_the_key_is_revealed(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        visitor = await phone.scan(await lobby.code())
        with pytest.raises(RemoteProtocolError, match="before it revealed its key"):
            await phone.approve(visitor)
    await lobby.is_empty()


async def test_an_approval_of_what_the_display_did_not_offer(
    server: RunningServer, hurry: None
) -> None:
    async with (
        Lobby(server, levels=[Level.GUEST]) as lobby,
        HostilePhone(server.add(), **address(server)) as phone,
    ):
        visitor = await phone.scan(await lobby.code())
        await phone.reveal()
        with pytest.raises(InvalidState, match="asks for what this display does not"):
            await phone.approve(visitor, level=Level.LOGIN)
        await lobby.is_empty()


# --- somebody else --------------------------------------------------------------------


async def test_two_people_scan_the_same_code(
    lobby: Lobby, phone: Client, other_phone: Client
) -> None:
    code = await lobby.code()

    async def approve(introduction: Introduction) -> str | None:
        digits = await lobby.digits(introduction)
        sentence = "Somebody else has scanned this code just before you"
        await _is_refused(other_phone, lobby, code, VisitRefused, sentence)
        await lobby.until(lambda: getattr(lobby.scenes[-1], "rival", False))
        return digits

    async with phone.visit(code, approve=approve) as screen:
        assert (await lobby.shows(Hosting)).rival
        assert screen.rivals == 1
    await lobby.is_empty()


async def test_a_display_that_has_a_visitor_is_busy(
    server: RunningServer, phone: Client, other_phone: Client, hurry: None
) -> None:
    async with Lobby(server, invitation=timedelta(seconds=0.4)) as lobby:
        code = await lobby.code()
        await lobby.until(
            lambda: sum(isinstance(s, Inviting) for s in lobby.scenes) > 1
        )
        async with visiting(phone, lobby) as screen:
            sentence = "Lobby screen is in use. Try again in a minute"
            await _is_refused(other_phone, lobby, code, VisitRefused, sentence)
            assert screen.rivals == 0
            assert not screen.over


async def test_a_stranger_can_do_nothing_to_a_visit(
    server: RunningServer, lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        session = moved.session
        async with HostilePhone(server.add(), **address(server)) as stranger:
            stranger.display = screen.jid
            for event in (OFFER, proto.Request(session.id), proto.Status()):
                with pytest.raises(MobilityError):
                    await stranger.say("their-sid", event)
            for word in (proto.Abort(), proto.Reclaim(9, b"x"), proto.Status()):
                with pytest.raises(MobilityError, match="not known here"):
                    await stranger.say(session.sid, word)
            for step in (meeting.Leave(), meeting.Decline(), meeting.Approve(b"x")):
                with pytest.raises(VisitRefused, match="There is no visit"):
                    await stranger.stream.visits.ask(screen.jid, step)
            await _pester(stranger, phone, session.sid, session.epoch)
        await board.draw("second")
        await there.has("first", "second")
        await there.draw("third")
        await board.has("first", "second", "third")
        assert not screen.over


async def _pester(stranger: HostilePhone, phone: Client, sid: str, epoch: int) -> None:
    """Packets and checkpoints that nobody asked them for."""
    stroke = Stanza(f"{{{Board.uri}}}stroke", text="a lie")
    for victim in (stranger.display, phone.stream.jid):
        packet = Packet(sid, epoch, 999, stroke)
        stranger.stream.sessions.send_packet(victim, packet)
        checkpoint = Checkpoint(sid, epoch, 1, 0, 1, b"x" * 99)
        with pytest.raises(MobilityError):
            await stranger.stream.sessions.ask(victim, checkpoint)
    with pytest.raises(VisitRefused):
        await stranger.stream.visits.ask(phone.stream.jid, meeting.Leave("idle"))


async def test_what_was_said_in_an_earlier_visit_means_nothing_in_this_one(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        envelope = await phone.offer(secret, OFFER, STATE)
        await phone.hears(proto.Ready)
        await phone.commit(envelope)
        await phone.hears(proto.Confirm)
        await phone.leave()
        await lobby.is_empty()
        with pytest.raises(MobilityError, match="not known here"):
            await phone.say(phone.sid, phone.offered)  # nobody is there
        await phone.visit(await lobby.code())
        with pytest.raises(InvalidState, match="damaged or changed"):
            await phone.say(phone.sid, phone.offered)
        with pytest.raises(MobilityError, match="not known here"):
            await phone.say(phone.sid, phone.committed)
        assert len(lobby.sessions) == 1
        await phone.leave()
    await lobby.is_empty()


async def test_what_was_said_before_in_a_visit_is_not_done_again(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        secret = await phone.visit(await lobby.code())
        envelope = await phone.offer(secret, OFFER, STATE)
        await phone.hears(proto.Ready)
        await phone.commit(envelope)
        await phone.hears(proto.Confirm)
        assert isinstance(await phone.say(phone.sid, phone.committed), proto.Confirm)
        back = Envelope(secret, "the-way-back", OFFER.epoch + 1)
        proof = back.seal(word(Role.RESPONDER, proto.Request))
        await phone.say("the-way-back", proto.Request(OFFER.session, proof))
        await phone.hears(proto.Offer)
        await phone.say(phone.sid, phone.offered)
        assert len(lobby.sessions) == len(lobby.boards) == 1
        await phone.leave()
    await lobby.is_empty()


# --- an app that the display does not take --------------------------------------------


class Newer(Board):
    schema = 3


class Unknown(Board):
    uri = "https://example.org/apps/unknown"


@pytest.mark.parametrize(
    ("there", "here", "condition", "sentence"),
    [
        (Board, Unknown, "no-such-app", "Lobby screen does not have the app"),
        (
            Board,
            Newer,
            "schema",
            "has version 2 of this app's state, and this session has version 3",
        ),
        (
            Newer,
            Board,
            "schema",
            "has version 3 of this app's state, and this session has version 2",
        ),
    ],
    ids=["another app", "newer", "older"],
)
async def test_an_app_that_the_display_lacks(
    server: RunningServer,
    phone: Client,
    hurry: None,
    there: type[Board],
    here: type[Board],
    condition: str,
    sentence: str,
) -> None:
    async with Lobby(server, there) as lobby, visiting(phone, lobby) as screen:
        board = here(b"document", ("first",))
        with pytest.raises(TransferRefused, match=sentence) as caught:
            await phone.transfer(board, to=screen)
        assert caught.value.condition == condition
        _is_here(phone, board)
        assert not lobby.boards


def _is_here(phone: Client, board: Board, *strokes: str) -> None:
    assert board.running
    assert board.strokes == list(strokes or ("first",))
    assert not len(phone._away)
    assert not phone._store.kept()
    assert board.session is not None
    assert board.session.runs
    assert not board.session.peer


async def test_an_app_that_was_not_approved(lobby: Lobby, phone: Client) -> None:
    async with visiting(phone, lobby, apps=["urn:another"]) as screen:
        board = Board(strokes=("first",))
        with pytest.raises(TransferRefused, match="not part of what you approved"):
            await phone.transfer(board, to=screen)
        _is_here(phone, board)


async def test_a_state_that_is_too_large(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, size=50_000) as lobby, visiting(phone, lobby) as screen:
        board = Board(b"x" * 60_000, ("first",))
        sentence = "too large for Lobby screen: it takes 50 kB"
        with pytest.raises(TransferRefused, match=sentence):
            await phone.transfer(board, to=screen)
        _is_here(phone, board)


async def test_a_display_that_shows_a_session_already(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        await phone.transfer(Board(), to=screen)
        board = Board(strokes=("first",))
        with pytest.raises(TransferRefused, match="shows a session already") as caught:
            await phone.transfer(board, to=screen)
        assert caught.value.condition == "busy"
        assert board.running
        assert (await lobby.board()).running


# --- an app that fails ----------------------------------------------------------------


class Picky(Board):
    async def restore(self, state: State) -> None:
        raise InvalidState("This board has too many colours.")


class Broken(Board):
    async def restore(self, state: State) -> None:
        raise RuntimeError("canary: a bug")


class Unborn(Board):
    def __init__(self) -> None:
        raise RuntimeError("canary: a bug")


class Late(Board):
    async def start(self) -> None:
        raise RuntimeError("canary: a bug")


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        (Picky, "too many colours"),
        (Broken, "app failed on the other device; the session stays where it was"),
        (Unborn, "could not open the app"),
        (Late, "Lobby screen could not start the session. It goes on here"),
    ],
)
async def test_an_app_that_fails_to_open_a_session(
    server: RunningServer,
    phone: Client,
    hurry: None,
    app: type[Board],
    sentence: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Lobby(server, app) as lobby:
        async with visiting(phone, lobby) as screen:
            board = Board(b"document", ("first",))
            with pytest.raises((TransferAborted, TransferRefused), match=sentence):
                await phone.transfer(board, to=screen)
            _is_here(phone, board)
            assert board.document == b"document"
            assert not lobby.visits[0]._hosted
        assert screen.clean
        await lobby.is_empty()
    assert "canary" not in caplog.text


async def test_an_app_that_fails_with_a_packet_goes_on_with_the_next(
    server: RunningServer,
    phone: Client,
    hurry: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Touchy(Board):
        async def replay(self, stanza: Stanza) -> None:
            if stanza.text == "canary":
                raise RuntimeError("canary: a bug")
            await super().replay(stanza)

    async with Lobby(server, Touchy) as lobby, visiting(phone, lobby) as screen:
        board = Board()
        moved = await phone.transfer(board, to=screen)
        await board.draw("canary")
        await board.draw("second")
        await (await lobby.board()).has("second")
        await moved.retrieve()
        _is_here(phone, board, "second")
    assert "the app failed to apply a packet: RuntimeError" in caplog.text
    assert "canary" not in caplog.text


async def test_an_app_that_fails_to_be_captured_on_the_display(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    class Shy(Board):
        async def snapshot(self) -> State:
            raise RuntimeError("a bug")

    async with Lobby(server, Shy) as lobby:
        async with visiting(phone, lobby) as screen:
            board = Board(strokes=("first",))
            moved = await phone.transfer(board, to=screen)
            await (await lobby.board()).draw("lost")
            with pytest.raises(TransferAborted, match="app failed on the other device"):
                await moved.retrieve()
            assert moved.away
        _is_here(phone, board)
        assert screen.clean
        await lobby.is_empty()


async def test_an_app_that_fails_to_stop_on_the_display_goes_on_there(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    class Stubborn(Board):
        async def stop(self) -> None:
            raise RuntimeError("a bug")

    async with Lobby(server, Stubborn) as lobby, visiting(phone, lobby) as screen:
        board = Board(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        with pytest.raises(TransferAborted, match="app failed on the other device"):
            await moved.retrieve()
        there = await lobby.board()
        assert there.running
        await board.draw("second")
        await there.has("first", "second")
        await moved.reclaim()
        _is_here(phone, board, "first", "second")
        await soon(lobby.sessions[0].ended())


async def test_a_display_whose_app_cannot_forget_signs_nothing(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    class Sticky(Board):
        async def close(self) -> None:
            raise RuntimeError("a bug")

    async with Lobby(server, Sticky) as lobby:
        board = Board(strokes=("first",))
        async with visiting(phone, lobby) as screen:
            await phone.transfer(board, to=screen)
        _is_here(phone, board)
        assert screen.clean is False
        await lobby.shows(Inviting)


async def test_an_app_that_fails_on_the_phone_when_it_comes_back(
    lobby: Lobby, phone: Client
) -> None:
    class Failing(Board):
        async def restore(self, state: State) -> None:
            raise RuntimeError("a bug at home")

    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(Failing(strokes=("first",)), to=screen)
        with pytest.raises(RuntimeError, match="a bug at home"):
            await moved.retrieve()
        there = await lobby.board()
        await there.has("first")
        assert there.running
        assert moved.away
    assert screen.clean
    await lobby.is_empty()
    assert phone._store.kept()  # for an app that works


# --- cancelled ------------------------------------------------------------------------


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    """Yield an owner of what is cancelled."""
    async with Tasks() as tasks:
        yield tasks


def _cancel_at(word: type, exchange: Any, job: Coroutine[Any, Any, Any]) -> Any:
    """A task that is cancelled while it waits for the answer to a word."""
    task: asyncio.Task[Any] = asyncio.ensure_future(job)
    ask = exchange.ask

    async def cancelling(peer: str, event: Any, **options: Any) -> Any:
        if isinstance(getattr(event, "event", event), word):
            exchange.ask = ask
            task.cancel()
        return await ask(peer, event, **options)

    exchange.ask = cancelling
    return task


@pytest.mark.parametrize("word", [meeting.Visit, meeting.Reveal, meeting.Approve])
async def test_a_visit_that_is_cancelled(
    lobby: Lobby, phone: Client, word: type
) -> None:
    code = await lobby.code()

    async def visit() -> None:
        async with phone.visit(code, approve=lobby.digits):
            await asyncio.Event().wait()

    task = _cancel_at(word, phone.stream.visits, visit())
    with pytest.raises(asyncio.CancelledError):
        await soon(task)
    await lobby.until(lambda: lobby.scenes[-1] != _inviting(code))
    await lobby.is_empty()
    assert code != await lobby.code()
    assert not phone._screens
    async with visiting(phone, lobby):
        await lobby.shows(Hosting)


def _inviting(code: Invitation) -> Inviting:
    return Inviting(str(code), 60)


@pytest.mark.parametrize("word", [proto.Offer, proto.Data])
async def test_a_transfer_that_is_cancelled_in_time_leaves_the_session_here(
    lobby: Lobby, phone: Client, word: type
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(b"x" * 100_000, ("first",))
        task = _cancel_at(
            word, phone.stream.transfers, phone.transfer(board, to=screen)
        )
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
        _is_here(phone, board)
        for there in lobby.boards:
            await there.until(lambda there=there: there.closed)  # type: ignore[misc]
        moved = await phone.transfer(board, to=screen)
        assert not board.running
        await moved.retrieve()
        _is_here(phone, board)


async def test_a_transfer_that_is_cancelled_too_late_is_taken_back_on_leaving(
    lobby: Lobby, phone: Client
) -> None:
    board = Board(strokes=("first",))
    async with visiting(phone, lobby) as screen:
        transfer = phone.transfer(board, to=screen)
        task = _cancel_at(proto.Commit, phone.stream.transfers, transfer)
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
        assert not board.running
    _is_here(phone, board)
    assert screen.clean
    await lobby.is_empty()


@pytest.mark.parametrize("word", [proto.Request, proto.Accept, proto.Ready])
async def test_a_retrieval_that_is_cancelled_can_be_asked_for_again(
    lobby: Lobby, phone: Client, word: type
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        task = _cancel_at(word, phone.stream.transfers, moved.retrieve())
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
        assert moved.away
        assert not board.running
        await board.draw("second")
        await moved.retrieve()
        _is_here(phone, board, "first", "second")
    await lobby.is_empty()


async def test_a_retrieval_that_is_cancelled_at_the_end_has_happened(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        retrieval = moved.retrieve()
        task = _cancel_at(proto.Confirm, phone.stream.transfers, retrieval)
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
        await soon(moved.ended())
        _is_here(phone, board)
    await lobby.is_empty()


async def test_a_visit_that_is_left_during_a_transfer(
    lobby: Lobby, phone: Client, tasks: Tasks
) -> None:
    board = Board(b"x" * 500_000, ("first",))
    caught: list[BaseException] = []
    halfway = asyncio.Event()

    async with visiting(phone, lobby) as screen:

        async def transfer() -> None:
            try:
                await phone.transfer(
                    board, to=screen, progress=lambda *_: halfway.set()
                )
            except MobilityError as exc:
                caught.append(exc)

        going = tasks.start(transfer())
        await soon(halfway.wait())
    await soon(going)
    assert [type(exc) for exc in caught] == [TransferAborted]
    _is_here(phone, board)
    assert screen.clean
    await lobby.is_empty()


async def test_a_visit_that_the_display_ends_while_the_session_is_on_its_way_back(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        board = Board(b"x" * 300_000, ("first",))
        moved = await phone.transfer(board, to=screen)
        visit = lobby.visits[0]
        await asyncio.gather(moved.retrieve(), visit.leave(), return_exceptions=True)
        await soon(moved.ended())
        _is_here(phone, board)
        await soon(screen.ended())
    await lobby.is_empty()
