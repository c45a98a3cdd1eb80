"""A display under somebody's account may filter for itself, and gets no more by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from xml.etree.ElementTree import tostring

import pytest

from mobility import Client, Level, Way
from mobility.feeding.filtering import Filtering
from mobility.protocol.delegation import Minted
from mobility.protocol.sift import OFF, Kind, Rule, Sift
from mobility.tasks import Tasks
from mobility.xmpp.sifting import stanza
from tests.fakes.running import RunningServer
from tests.integration.delegated import Raw, owner, policy, raw, token_login
from tests.integration.people import Lobby, address, visiting

GAME = "urn:example:game"
POSITION = f"{{{GAME}}}position"
ROSTER = "<query xmlns='jabber:iq:roster'/>"
MESSAGE = "{jabber:client}message"
PLAYED = Sift({Kind.MESSAGE: Rule(allow=frozenset({POSITION}))})


def xml(rules: Sift) -> str:
    return tostring(stanza.to_stanza(rules).xml, encoding="unicode")


@dataclass
class Scene:
    """A display under an account, its game, a friend of the account, and a stranger."""

    display: Raw
    game: Raw
    friend: Raw
    me: str

    def say(self, sender: Raw, id: str, payload: str, *, to: str = "") -> None:
        to = to or str(self.display.boundjid)
        sender.say(f"<message to='{to}' id='{id}'>{payload}</message>")

    async def heard(self) -> list[str]:
        await self.game.is_heard_after(self.friend, self.display)
        heard = [each for each in self.display.heard if each.tag == MESSAGE]
        return [each.get("id", "") for each in heard]


@pytest.fixture
async def scene(server: RunningServer) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        jid, password = server.add()
        _, delegations = await enter(owner(server, jid, password))
        game = await enter(raw(server, *server.add()))
        friend = await enter(raw(server, *server.add()))
        participants = {jid: (), game.boundjid.bare: (GAME,)}
        minted: Minted = await delegations.mint(policy(participants=participants))
        display = await enter(token_login(server, jid, minted))
        assert await display.open()
        yield Scene(display, game, friend, jid)


async def test_it_has_the_server_withhold_what_its_part_does_not_listen_to(
    scene: Scene,
) -> None:
    assert await scene.display.ask(xml(PLAYED), kind="set") == "result"
    scene.say(scene.game, "a", f"<position xmlns='{GAME}'/>")
    scene.say(scene.game, "b", f"<ticket xmlns='{GAME}'/>")
    assert await scene.heard() == ["a"]


@pytest.mark.parametrize("rules", [OFF, PLAYED])
async def test_no_filter_of_its_own_lets_it_hear_or_do_more_than_before(
    scene: Scene, rules: Sift
) -> None:
    for asked in (PLAYED, rules):
        assert await scene.display.ask(xml(asked), kind="set") == "result"
    scene.say(scene.friend, "full", "<body>for the user</body>")
    scene.say(scene.friend, "bare", "<body>for the user</body>", to=scene.me)
    scene.say(scene.game, "private", "<body>for the user</body>")
    assert await scene.heard() == []
    assert await scene.display.ask(ROSTER) == "forbidden"
    assert await scene.display.ask(xml(OFF), to=scene.me, kind="set") == "result"
    assert await scene.display.ask(ROSTER) == "forbidden"


async def test_it_filters_for_nobody_else(scene: Scene) -> None:
    asked = await scene.display.ask(xml(PLAYED), to=f"{scene.me}/phone", kind="set")
    assert asked != "result"
    other = str(scene.friend.boundjid)
    assert await scene.display.ask(xml(PLAYED), to=other, kind="set") == "forbidden"


async def test_a_real_display_sees_that_the_server_filters_for_it(
    server: RunningServer, hurry: None
) -> None:
    account = server.add()
    async with (
        Lobby(server) as lobby,
        Client(*account, **address(server)) as phone,
        visiting(phone, lobby, level=Level.TOKEN),
        Tasks() as tasks,
    ):
        await lobby.until(lambda: bool(lobby.visits))
        stream = lobby.visits[0]._account
        assert stream is not None
        filtering = Filtering(stream, tasks)
        assert (await filtering.check()).way is Way.SERVER
        assert (await filtering.listen({POSITION})).names == {POSITION}
        assert stream.priority is None
