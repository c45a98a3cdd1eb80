"""An app goes to an old (Mobilis) device and comes from one, over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from slixmpp.exceptions import IqError

from mobility import (
    App,
    Capture,
    InvalidState,
    LocalProtocolError,
    PeerUnreachable,
    Stanza,
    State,
    TransferAborted,
    TransferExpired,
    TransferRefused,
)
from mobility import mobilis as edge
from mobility.mobilis import Mobilis, OldOffer
from mobility.tasks import Tasks
from mobility.xmpp.stream import Stream
from tests.fakes.mobilis_device import STATE, MobilisDevice, Said
from tests.fakes.running import RunningServer
from tests.integration.people import address, soon

APP = "http://mobilis.inf.tu-dresden.de/apps/xhunt"
OLD = Said("romeo@montague.example/mxa", "juliet@capulet.example", "Ay <me>!", "")


class Chat(App):
    """What was said, and whether more can be."""

    uri = APP
    capture = Capture.REPLAY

    def __init__(self) -> None:
        self.said: list[Stanza] = []
        self.steps: list[str] = ["start"]

    async def restore(self, state: State) -> None:
        assert not state.files

    async def replay(self, stanza: Stanza) -> None:
        self.said.append(stanza)

    async def start(self) -> None:
        self.steps.append("start")

    async def stop(self) -> None:
        self.steps.append("stop")

    async def close(self) -> None:
        self.steps.append("close")


async def chat(*bodies: str, **attributes: str) -> Chat:
    made = Chat()
    for body in bodies:
        await made.send(Stanza(f"{{{APP}}}message", attributes, body))
    return made


async def yes(_: str) -> bool:
    return True


@pytest.fixture
async def ours(server: RunningServer) -> AsyncIterator[Stream]:
    async with Stream(*server.add(), **address(server)) as stream:
        yield stream


@pytest.fixture
async def mobilis(ours: Stream) -> AsyncIterator[Mobilis]:
    async with Mobilis(ours) as mobilis:
        yield mobilis


@pytest.fixture
async def device(server: RunningServer) -> AsyncIterator[MobilisDevice]:
    async with MobilisDevice(server) as device:
        yield device


@pytest.fixture
async def stranger(server: RunningServer) -> AsyncIterator[MobilisDevice]:
    async with MobilisDevice(server) as device:
        yield device


@pytest.fixture
async def jobs() -> AsyncIterator[Tasks]:
    async with Tasks() as tasks:
        yield tasks


async def offered(mobilis: Mobilis) -> OldOffer:
    offer: OldOffer = await soon(anext(mobilis.offers()))
    return offer


# --- to an old device -----------------------------------------------------------------


async def test_an_app_goes_to_an_old_device_with_all_that_was_said(
    ours: Stream, mobilis: Mobilis, device: MobilisDevice
) -> None:
    app = await chat("Ay <me>!", "She speaks & stops", to="juliet@capulet.example")
    warnings: list[str] = []

    async def approve(warning: str) -> bool:
        assert not device.offered.is_set()
        warnings.append(warning)
        return True

    await soon(mobilis.offer(device.jid, app, approve=approve))
    await soon(device.arrived.wait())
    assert [said.body for said in device.chat] == ["Ay <me>!", "She speaks & stops"]
    assert {said.sender for said in device.chat} == {ours.jid}
    assert {said.to for said in device.chat} == {"juliet@capulet.example"}
    assert all(said.stamp.endswith("Z") for said in device.chat)
    assert app.steps == ["start", "stop", "close"]
    (warning,) = warnings
    assert "Both servers can read" in warning
    assert "does not say whether it has arrived" in warning


async def test_nothing_moves_that_the_user_did_not_approve(
    mobilis: Mobilis, device: MobilisDevice
) -> None:
    async def no(_: str) -> bool:
        return False

    app = await chat("Ay me!")
    with pytest.raises(TransferAborted, match="nothing has moved"):
        await soon(mobilis.offer(device.jid, app, approve=no))
    assert not device.offered.is_set()
    assert app.steps == ["start"]


@pytest.mark.parametrize("mechanisms", [(), ("FILES", "BUNDLE-COMPRESSED-ZIP")])
async def test_an_old_device_that_does_not_take_it(
    mobilis: Mobilis, device: MobilisDevice, mechanisms: tuple[str, ...]
) -> None:
    device.mechanisms = mechanisms
    app = await chat("Ay me!")
    with pytest.raises(TransferRefused, match="does not take it"):
        await soon(mobilis.offer(device.jid, app, approve=yes))
    assert app.steps == ["start"]


async def test_an_old_device_that_does_not_decide(
    mobilis: Mobilis, device: MobilisDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "DECIDE", 0.1)
    device.decides.clear()
    app = await chat("Ay me!")
    with pytest.raises(TransferExpired, match="It still runs here"):
        await soon(mobilis.offer(device.jid, app, approve=yes))
    assert app.steps == ["start"]
    with pytest.raises(IqError):  # too late
        await soon(device.ask(mobilis._stream.jid, "set", APP, device.mechanisms))


async def test_a_device_that_is_not_there(
    server: RunningServer, mobilis: Mobilis
) -> None:
    jid, _ = server.add()
    app = await chat("Ay me!")
    with pytest.raises(PeerUnreachable, match="cannot be reached"):
        await soon(mobilis.offer(f"{jid}/mxa", app, approve=yes))
    assert app.steps == ["start"]


@pytest.mark.parametrize("knows_ping", [True, False])
async def test_an_app_whose_history_comes_back_goes_on_here(
    server: RunningServer, mobilis: Mobilis, device: MobilisDevice, knows_ping: bool
) -> None:
    if not knows_ping:
        device.xmpp.remove_handler("Ping")

    class Slow(Chat):
        async def stop(self) -> None:
            await super().stop()
            server.delete(device.jid.partition("@")[0])

    app = Slow()
    await app.send(Stanza(f"{{{APP}}}message", {}, "Ay me!"))
    with pytest.raises(PeerUnreachable, match="has gone"):
        await soon(mobilis.offer(device.jid, app, approve=yes))
    assert app.steps == ["start", "stop", "start"]


async def test_an_app_whose_device_went_off_line_goes_on_here(
    mobilis: Mobilis, device: MobilisDevice
) -> None:
    class Slow(Chat):
        async def stop(self) -> None:
            await super().stop()
            await device.xmpp.disconnect(wait=0.5)

    app = Slow()
    await app.send(Stanza(f"{{{APP}}}message", {}, "Ay me!"))
    with pytest.raises(PeerUnreachable, match="has gone"):
        await soon(mobilis.offer(device.jid, app, approve=yes))
    assert app.steps == ["start", "stop", "start"]


async def test_a_user_who_changes_their_mind_too_late_does_not_have_it_twice(
    mobilis: Mobilis, device: MobilisDevice, jobs: Tasks
) -> None:
    stopping, going = asyncio.Event(), asyncio.Event()
    closed = asyncio.Event()

    class Slow(Chat):
        async def stop(self) -> None:
            await super().stop()
            stopping.set()
            await going.wait()

        async def close(self) -> None:
            await super().close()
            closed.set()

    app = Slow()
    await app.send(Stanza(f"{{{APP}}}message", {}, "Ay me!"))
    moving = jobs.start(mobilis.offer(device.jid, app, approve=yes))
    await soon(stopping.wait())
    moving.cancel()
    going.set()
    await soon(closed.wait())
    assert app.steps == ["start", "stop", "close"]
    assert [said.body for said in device.chat] == ["Ay me!"]


async def test_who_was_not_offered_anything_cannot_take_it(
    ours: Stream,
    mobilis: Mobilis,
    device: MobilisDevice,
    stranger: MobilisDevice,
    jobs: Tasks,
) -> None:
    device.decides.clear()
    app = await chat("Ay me!")
    moving = jobs.start(mobilis.offer(device.jid, app, approve=yes))
    await soon(device.offered.wait())
    with pytest.raises(IqError):
        await soon(stranger.ask(ours.jid, "set", APP, stranger.mechanisms))
    assert app.steps == ["start"]
    device.decides.set()
    await soon(moving)
    assert not stranger.chat
    assert device.chat


async def test_a_user_who_changes_their_mind_in_time_keeps_it(
    mobilis: Mobilis, device: MobilisDevice, jobs: Tasks
) -> None:
    device.decides.clear()
    app = await chat("Ay me!")
    moving = jobs.start(mobilis.offer(device.jid, app, approve=yes))
    await soon(device.offered.wait())
    moving.cancel()
    await asyncio.wait({moving})
    assert app.steps == ["start"]
    device.decides.set()
    await soon(mobilis.offer(device.jid, app, approve=yes))  # it may be offered again


@pytest.mark.parametrize(
    ("packet", "sentence"),
    [
        (Stanza(f"{{{APP}}}message", {}, "x" * 200_000), "too long"),
        (Stanza(f"{{{APP}}}move", {"x": "1"}), "more than messages"),
        (Stanza(f"{{{APP}}}m", children=(Stanza("{u}a"),)), "more than messages"),
    ],
)
async def test_what_no_message_can_say_is_not_offered(
    mobilis: Mobilis, device: MobilisDevice, packet: Stanza, sentence: str
) -> None:
    app = await chat()
    await app.send(packet)
    with pytest.raises(InvalidState, match=sentence):
        await soon(mobilis.offer(device.jid, app, approve=yes))
    assert not device.offered.is_set()
    assert app.steps == ["start"]


async def test_a_session_with_a_snapshot_is_not_offered(
    mobilis: Mobilis, device: MobilisDevice
) -> None:
    app = await chat()
    app.capture = Capture.SNAPSHOT
    with pytest.raises(LocalProtocolError, match="cannot go to an old device"):
        await soon(mobilis.offer(device.jid, app, approve=yes))


# --- from an old device ---------------------------------------------------------------


def stamped(body: str, second: int) -> Said:
    return Said(OLD.sender, OLD.to, body, f"2012-03-04T05:06:{second:02}Z")


async def test_an_app_comes_from_an_old_device_with_all_that_was_said(
    ours: Stream, mobilis: Mobilis, device: MobilisDevice, jobs: Tasks
) -> None:
    device.chat = [stamped("Ay <me>!", 7), stamped("She speaks", 8)]
    jobs.start(device.offer(ours.jid, APP))
    offer = await offered(mobilis)
    assert (offer.peer, offer.app) == (device.jid, APP)
    assert "Both servers can read" in offer.warning
    app = Chat()
    await app.restore(State())
    for each in await soon(offer.accept()):
        await app.replay(each)
    assert [each.text for each in app.said] == ["Ay <me>!", "She speaks"]
    for each, second in zip(app.said, (7.0, 8.0), strict=True):
        assert each.name == f"{{{APP}}}message"
        assert each.sender == OLD.sender
        assert each.attributes == {"to": OLD.to}
        assert each.delay == 1330837560.0 + second
        assert each.replayed


async def test_what_came_twice_is_there_once(
    ours: Stream, mobilis: Mobilis, device: MobilisDevice, jobs: Tasks
) -> None:
    device.chat = [stamped("Ay me!", 7), stamped("Ay me!", 8), stamped("Ay me!", 7)]
    jobs.start(device.offer(ours.jid, APP))
    history = await soon((await offered(mobilis)).accept())
    assert [each.delay for each in history] == [1330837567.0, 1330837568.0]


async def test_an_offer_that_is_refused_moves_nothing(
    ours: Stream, mobilis: Mobilis, device: MobilisDevice, jobs: Tasks
) -> None:
    device.chat = [stamped("Ay me!", 7)]
    moving = jobs.start(device.offer(ours.jid, APP))
    await soon((await offered(mobilis)).refuse())
    await soon(moving)
    jobs.start(device.offer(ours.jid, APP))
    assert await soon((await offered(mobilis)).accept())


async def test_only_who_offered_can_send_the_history(
    ours: Stream,
    mobilis: Mobilis,
    device: MobilisDevice,
    stranger: MobilisDevice,
    jobs: Tasks,
) -> None:
    stranger.chat = [stamped("I am Romeo", 1)]
    jobs.start(device.ask(ours.jid, "get", APP, device.mechanisms))
    offer = await offered(mobilis)
    stranger.send_state(ours.jid)
    device.send_state(ours.jid)  # nobody has accepted yet
    for each in (stranger, device):
        with pytest.raises(IqError):  # comes behind it
            await soon(each.ask(ours.jid, "set", APP, ()))
    device.chat = [stamped("Ay me!", 7)]
    taking = asyncio.create_task(offer.accept())
    assert "INBAND-XMPP" in await soon(device.answered.get())
    stranger.send_state(ours.jid)
    with pytest.raises(IqError):  # comes behind it
        await soon(stranger.ask(ours.jid, "set", APP, ()))
    assert not taking.done()
    device.send_state(ours.jid)
    assert [each.text for each in await soon(taking)] == ["Ay me!"]


async def test_one_offer_an_app_at_a_time(
    ours: Stream, mobilis: Mobilis, device: MobilisDevice, stranger: MobilisDevice
) -> None:
    await soon(device.ask(ours.jid, "get", APP, device.mechanisms))
    for other in (device, stranger):
        with pytest.raises(IqError, match="just being handed over"):
            await soon(other.ask(ours.jid, "get", APP, device.mechanisms))
    app = await chat("Ay me!")
    with pytest.raises(LocalProtocolError, match="just being handed over"):
        await soon(mobilis.offer(stranger.jid, app, approve=yes))
    await soon((await offered(mobilis)).refuse())
    await soon(stranger.ask(ours.jid, "get", APP, device.mechanisms))


@pytest.mark.parametrize(
    ("app", "mechanisms"),
    [
        ("", ("INBAND-XMPP",)),
        ("an app", ("INBAND-XMPP",)),
        ("jabber:client", ("INBAND-XMPP",)),
        ("urn:xmpp:tmp:mobility:visit:0", ("INBAND-XMPP",)),
        ("urn:" + "x" * 500, ("INBAND-XMPP",)),
        (APP, ()),
        (APP, ("FILES",)),
    ],
)
async def test_an_offer_that_makes_no_sense_is_answered_with_an_error(
    ours: Stream,
    mobilis: Mobilis,
    device: MobilisDevice,
    app: str,
    mechanisms: tuple[str, ...],
) -> None:
    with pytest.raises(IqError, match="unexpected-request"):
        await soon(device.ask(ours.jid, "get", app, mechanisms))
    assert not mobilis._talks


async def test_an_offer_that_nobody_decides_about_ends(
    ours: Stream,
    mobilis: Mobilis,
    device: MobilisDevice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge, "DECIDE", 0.0)
    await soon(device.ask(ours.jid, "get", APP, device.mechanisms))
    monkeypatch.undo()
    await soon(device.ask(ours.jid, "get", APP, device.mechanisms))
    late, offer = await soon(mobilis._offers.get()), await offered(mobilis)
    with pytest.raises(TransferExpired, match="does not wait any more"):
        await soon(late.accept())
    await soon(offer.refuse())


async def test_a_history_that_does_not_come_is_not_waited_for(
    ours: Stream,
    mobilis: Mobilis,
    device: MobilisDevice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge, "ARRIVE", 0.1)
    await soon(device.ask(ours.jid, "get", APP, device.mechanisms))
    with pytest.raises(TransferExpired, match="did not send its session"):
        await soon((await offered(mobilis)).accept())


DELAY = "<delay xmlns='urn:xmpp:delay' stamp='2012-03-04T05:06:07Z'/>"


@pytest.mark.parametrize(
    "inside",
    [
        DELAY,
        f"{DELAY}{DELAY}",
        f"{DELAY}<message from='a@b'/>",
        f"<message from='a@b'><body>x</body></message>{DELAY}",
        "<delay xmlns='urn:xmpp:delay'/><message from='a@b'><body>x</body></message>",
    ],
)
async def test_a_history_that_cannot_be_read_ends_it_at_once(
    ours: Stream, mobilis: Mobilis, device: MobilisDevice, inside: str
) -> None:
    await soon(device.ask(ours.jid, "get", APP, device.mechanisms))
    taking = asyncio.create_task((await offered(mobilis)).accept())
    await soon(device.answered.get())
    device.send_xml(ours.jid, f"<forwarded xmlns='{STATE}'>{inside}</forwarded>")
    with pytest.raises(InvalidState, match="cannot be read"):
        await soon(taking)


async def test_whoever_waits_is_told_when_this_device_stops(
    ours: Stream, device: MobilisDevice
) -> None:
    async with Mobilis(ours) as mobilis:
        await soon(device.ask(ours.jid, "get", APP, device.mechanisms))
        taking = asyncio.create_task((await offered(mobilis)).accept())
        await soon(device.answered.get())
    with pytest.raises(TransferExpired, match="stopped"):
        await soon(taking)
    with pytest.raises(IqError, match="unexpected-request"):
        await soon(device.ask(ours.jid, "get", APP, device.mechanisms))
