"""
What a delegated login cannot do, whatever it sends; an ordinary one can.

Each request is made twice: by the display, and by an ordinary login of the same account
that has never been restricted. Were the second refused too, the first proved nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from mobility.xmpp.delegation import MobilityDelegation
from tests.fakes.loose import loose_server
from tests.fakes.running import RunningServer
from tests.integration.delegated import Raw, owner, policy, raw, token_login, verdict

MUC = "http://jabber.org/protocol/muc"
PUBSUB = "http://jabber.org/protocol/pubsub"
NS = "urn:xmpp:tmp:mobility:delegation:0"
TRANSFER = "urn:xmpp:tmp:mobility:transfer:0"
CARBON = "urn:xmpp:carbons:2"
CLIENT = "{jabber:client}"


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server on which an ordinary login can do all that is refused below."""
    with loose_server(tmp_path_factory.mktemp("loose")) as running:
        yield running


@dataclass
class Scene:
    """Two logins of one account, its phone, a friend, and a stranger."""

    display: Raw
    ordinary: Raw
    phone: Raw
    friend: Raw
    stranger: Raw
    delegations: MobilityDelegation

    @property
    def me(self) -> str:
        return self.phone.boundjid.bare

    @property
    def room(self) -> str:
        return f"board@conference.{self.phone.boundjid.domain}"


@pytest.fixture
async def scene(loose: RunningServer) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        jid, password = loose.add()
        phone, delegations = await enter(owner(loose, jid, password))
        friend = await enter(raw(loose, *loose.add()))
        stranger = await enter(raw(loose, *loose.add()))
        participants: dict[str, tuple[str, ...]] = {
            jid: (),
            friend.boundjid.bare: ("jabber:client", "urn:example:game"),
            f"board@conference.{loose.domain}": ("jabber:client", MUC),
        }
        minted = await delegations.mint(policy(participants=participants))
        display = await enter(token_login(loose, jid, minted))
        assert await display.open()
        ordinary = await enter(raw(loose, jid, password))
        yield Scene(display, ordinary, phone, friend, stranger, delegations)


@dataclass(frozen=True)
class Request:
    """An IQ; `to` is filled in with the scene."""

    name: str
    payload: str
    kind: str = "get"
    to: str = ""
    usually: str = "result"


REQUESTS = [
    Request("reads the roster", "<query xmlns='jabber:iq:roster'/>"),
    Request(
        "adds to the roster",
        "<query xmlns='jabber:iq:roster'><item jid='eve@evil.example'/></query>",
        "set",
    ),
    Request("reads the archive", "<query xmlns='urn:xmpp:mam:2'/>", "set"),
    Request(
        "changes what is archived",
        "<prefs xmlns='urn:xmpp:mam:2' default='never'/>",
        "set",
    ),
    Request("turns carbons on", "<enable xmlns='urn:xmpp:carbons:2'/>", "set"),
    Request(
        "writes to a node of the account",
        f"<pubsub xmlns='{PUBSUB}'><publish node='urn:example:node'><item id='1'>"
        "<x xmlns='urn:example:x'/></item></publish></pubsub>",
        "set",
    ),
    Request(
        "reads a node of the account",
        f"<pubsub xmlns='{PUBSUB}'><items node='urn:example:node'/></pubsub>",
    ),
    Request(
        "reads a node of the account by its address",
        f"<pubsub xmlns='{PUBSUB}'><items node='urn:example:node'/></pubsub>",
        to="{me}",
    ),
    Request(
        "deletes a node of the account",
        f"<pubsub xmlns='{PUBSUB}#owner'><delete node='urn:example:node'/></pubsub>",
        "set",
    ),
    Request(
        "makes a node on the server",
        f"<pubsub xmlns='{PUBSUB}'><create node='mine'/></pubsub>",
        "set",
        "pubsub.{domain}",
    ),
    Request("reads the block list", "<blocklist xmlns='urn:xmpp:blocking'/>"),
    Request(
        "blocks somebody",
        "<block xmlns='urn:xmpp:blocking'><item jid='x@y.example'/></block>",
        "set",
    ),
    Request(
        "writes private XML",
        "<query xmlns='jabber:iq:private'><a xmlns='urn:example:a'/></query>",
        "set",
    ),
    Request(
        "reads private XML",
        "<query xmlns='jabber:iq:private'><a xmlns='urn:example:a'/></query>",
    ),
    Request(
        "changes the vCard",
        "<vCard xmlns='vcard-temp'><FN>Eve</FN></vCard>",
        "set",
    ),
    Request("reads the vCard", "<vCard xmlns='vcard-temp'/>"),
    Request(
        "reads a stranger's vCard",
        "<vCard xmlns='vcard-temp'/>",
        to="{stranger}",
        usually="feature-not-implemented",  # it has none, but it was asked
    ),
    Request(
        "reads privacy lists",
        "<query xmlns='jabber:iq:privacy'/>",
        usually="service-unavailable",
    ),
    Request(
        "looks at the account",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        to="{me}",
    ),
    Request(
        "looks for commands",
        "<query xmlns='http://jabber.org/protocol/disco#items' "
        "node='http://jabber.org/protocol/commands'/>",
        to="{domain}",
        usually="item-not-found",
    ),
    Request(
        "runs a command",
        "<command xmlns='http://jabber.org/protocol/commands' node='ping'/>",
        "set",
        "{domain}",
        "service-unavailable",
    ),
    Request(
        "asks the server for its version",
        "<query xmlns='jabber:iq:version'/>",
        to="{domain}",
    ),
    Request(
        "looks at rooms",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        to="conference.{domain}",
    ),
    Request(
        "pings a stranger",
        "<ping xmlns='urn:xmpp:ping'/>",
        to="{stranger}",
    ),
    Request(
        "binds once more",
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
        "set",
        usually="service-unavailable",
    ),
    Request(
        "mints a token",
        f"<mint xmlns='{NS}' resource='x' lifetime='60' idle='60'/>",
        "set",
    ),
    Request(
        "announces a login",
        f"<announce xmlns='{NS}' nonce='0123456789abcdef' resource='y' lifetime='60' "
        "idle='60'/>",
        "set",
    ),
    Request("lists the delegations", f"<delegations xmlns='{NS}'/>"),
    Request(
        "revokes a delegation",
        f"<revoke xmlns='{NS}' id='no such'/>",
        "set",
        usually="item-not-found",
    ),
    Request(
        "changes the password",
        "<query xmlns='jabber:iq:register'><username>{user}</username>"
        "<password>evil</password></query>",
        "set",
    ),
]


async def test_what_it_asks_of_the_account_and_its_server_is_refused(
    scene: Scene, subtests: pytest.Subtests
) -> None:
    names = {
        "me": scene.me,
        "user": scene.phone.boundjid.user,
        "domain": scene.phone.boundjid.domain,
        "stranger": scene.stranger.boundjid.full,
    }
    for asked in REQUESTS:
        payload = asked.payload.replace("{user}", names["user"])
        to = asked.to.format(**names) or None
        with subtests.test(asked.name):
            said = await scene.display.ask(payload, to=to, kind=asked.kind)
            assert said == "forbidden"
            usual = await scene.ordinary.ask(payload, to=to, kind=asked.kind)
            assert usual == asked.usually


OWN = ["devices", "labels", "sessions", "offers", "visits"]  # private nodes
AMONG_DEVICES = {
    "asks for a session": "<ask xmlns='urn:xmpp:tmp:mobility:sessions:0' session='s'/>",
    "asks what runs": "<sessions xmlns='urn:xmpp:tmp:mobility:sessions:0'/>",
    "has scanned a code": "<scanned xmlns='urn:xmpp:tmp:mobility:codes:0' device='d'/>",
    "offers a session": "<offer xmlns='urn:xmpp:tmp:mobility:offers:0'/>",
    "takes part": "<share xmlns='urn:xmpp:tmp:mobility:sharing:0'/>",
    "reads a list": f"<pubsub xmlns='{PUBSUB}'><items node='n'/></pubsub>",
}


async def test_what_the_users_devices_tell_one_another_is_not_for_it(
    scene: Scene, subtests: pytest.Subtests
) -> None:
    for payload in AMONG_DEVICES.values():
        for kind in ("get", "set"):
            with subtests.test(f"{kind} {payload}"):
                to = scene.phone.boundjid.full
                assert await scene.display.ask(payload, to=to, kind=kind) == "forbidden"
                usual = await scene.ordinary.ask(payload, to=to, kind=kind)
                assert usual != "forbidden"
    for name in OWN:
        node = f"urn:xmpp:tmp:mobility:{name}:0"
        item = f"<item id='i'><x xmlns='{node}'/></item>"
        requests = {
            f"<pubsub xmlns='{PUBSUB}'><items node='{node}'/></pubsub>": "get",
            f"<query xmlns='http://jabber.org/protocol/disco#items' node='{node}'/>": (
                "get"
            ),
            f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'>{item}</publish>"
            "</pubsub>": "set",
            f"<pubsub xmlns='{PUBSUB}'><retract node='{node}'><item id='i'/></retract>"
            "</pubsub>": "set",
            f"<pubsub xmlns='{PUBSUB}#owner'><delete node='{node}'/></pubsub>": "set",
        }
        await scene.ordinary.ask(list(requests)[2], kind="set")  # now there is one
        for payload, kind in requests.items():
            with subtests.test(f"{kind} {payload}"):
                said = await scene.display.ask(payload, to=scene.me, kind=kind)
                assert said == "forbidden"
                usual = await scene.ordinary.ask(payload, to=scene.me, kind=kind)
                assert usual in {"result", "item-not-found"}


async def test_it_hears_nothing_of_the_users_devices_and_their_lists(
    scene: Scene,
) -> None:
    for login in (scene.display, scene.ordinary):
        login.heard.clear()
        for name in OWN:
            scene.phone.say(
                f"<message to='{login.boundjid}' type='headline'><event "
                f"xmlns='{PUBSUB}#event'><items node='urn:xmpp:tmp:mobility:{name}:0'/>"
                "</event></message>"
            )
        scene.phone.say(f"<presence to='{login.boundjid}'><show>dnd</show></presence>")
    scene.phone.say("<presence id='all'><show>dnd</show></presence>")
    await scene.phone.is_heard_after(scene.display, scene.ordinary)
    told = [stanza.tag for stanza in scene.display.heard]
    assert set(told) <= {f"{CLIENT}iq"}
    usual = [stanza.tag for stanza in scene.ordinary.heard]
    assert usual.count(f"{CLIENT}message") == len(OWN)
    assert f"{CLIENT}presence" in usual


SPELLINGS = ["{ME}", "{me}/", "{user}@{DOMAIN}", "{domain}", "{me}.", " {me}"]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_another_spelling_of_an_address_changes_nothing(
    scene: Scene, spelling: str
) -> None:
    user, domain = scene.phone.boundjid.user, scene.phone.boundjid.domain
    to = spelling.format(
        ME=scene.me.upper(),
        me=scene.me,
        user=user,
        domain=domain,
        DOMAIN=domain.upper(),
    )
    roster = "<query xmlns='jabber:iq:roster'/>"
    assert await scene.display.ask(roster, to=to) in {"forbidden", "jid-malformed"}


async def test_a_message_reaches_participants_and_says_what_they_are_allowed(
    scene: Scene, subtests: pytest.Subtests
) -> None:
    game, body = "<go xmlns='urn:example:game'/>", "<body>hello</body>"
    transfer = f"<transfer xmlns='{TRANSFER}'/>"
    packet = (
        "<go xmlns='urn:example:other'/>"
        "<session xmlns='urn:xmpp:tmp:mobility:session:0' sid='s'/>"
    )
    friend, stranger, phone = scene.friend, scene.stranger, scene.phone
    for to, kind, content, arrives in [
        (friend, "chat", body, True),
        (friend, "normal", game, True),
        (friend, "normal", transfer, True),
        (friend, "normal", "<x xmlns='urn:example:other'/>", False),
        (friend, "normal", game + "<x xmlns='urn:example:other'/>", False),
        (phone, "headline", transfer, True),
        (phone, "headline", packet, True),
        (phone, "normal", packet, False),
        (phone, "chat", packet, False),
        (phone, "headline", body, False),
        (phone, "headline", packet.replace("urn:example:other", CARBON), False),
        (phone, "headline", game, False),
        (stranger, "chat", body, False),
        (stranger, "normal", transfer, False),
    ]:
        with subtests.test(f"{kind} {content} to {to.boundjid}"):
            assert await arrives_at(scene.display, to, content, kind) is arrives
            assert await arrives_at(scene.ordinary, to, content, kind)


async def arrives_at(sender: Raw, to: Raw, content: str, kind: str = "normal") -> bool:
    before = len(to.heard)
    address = to.boundjid.full
    sender.say(f"<message to='{address}' type='{kind}'>{content}</message>")
    await sender.is_heard_after(to)
    return any(stanza.tag == f"{CLIENT}message" for stanza in to.heard[before:])


async def test_nothing_of_it_reaches_the_account_or_devices_that_are_away(
    scene: Scene, loose: RunningServer
) -> None:
    transfer = f"<transfer xmlns='{TRANSFER}'/><body>stored</body>"
    for sender, stored in ((scene.display, 0), (scene.ordinary, 2)):
        for to in (scene.me, f"{scene.me}/gone"):
            sender.say(f"<message to='{to}' type='normal'>{transfer}</message>")
        await sender.is_heard_after()
        offline = loose.folder / "data" / "localhost" / "offline"
        lists = list(offline.glob(f"{scene.phone.boundjid.user}.list"))
        found = sum(each.read_text().count("stored") for each in lists)
        assert found == stored


async def test_no_error_that_it_makes_up_is_archived(scene: Scene) -> None:
    error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    for sender, stored in ((scene.display, 0), (scene.ordinary, 2)):  # out and in
        sender.say(
            f"<message to='{scene.phone.boundjid}' type='error' id='made-up'>"
            f"{error}</error></message>"
        )
        await sender.is_heard_after()
        before = len(scene.ordinary.heard)
        await scene.ordinary.ask("<query xmlns='urn:xmpp:mam:2'/>", kind="set")
        heard = [s.find(".//{*}forwarded") for s in scene.ordinary.heard[before:]]
        assert len([s for s in heard if s is not None]) == stored


async def test_it_is_never_available_and_asks_for_no_subscription(scene: Scene) -> None:
    scene.phone.say("<presence />")
    await scene.phone.is_heard_after()
    subscribe = f"<presence to='{scene.stranger.boundjid.bare}' type='subscribe'/>"
    for sender, is_heard in ((scene.display, False), (scene.ordinary, True)):
        me = sender.boundjid.full
        sender.say("<presence ><priority>5</priority></presence>")
        sender.say(f"<presence to='{scene.me}'/>")
        sender.say(subscribe)
        await sender.is_heard_after(scene.phone)
        told = [each for each in scene.phone.heard if each.get("from") == me]
        assert bool(told) is is_heard
    answer = await scene.ordinary.answer("<query xmlns='jabber:iq:roster'/>")
    asked = [item.get("ask") for item in answer.iter("{jabber:iq:roster}item")]
    assert asked == ["subscribe"]  # the ordinary one's


async def test_stored_messages_are_not_given_to_it(scene: Scene) -> None:
    scene.stranger.say(f"<message to='{scene.me}'><body>for the user</body></message>")
    await scene.stranger.is_heard_after()
    for each, hears in ((scene.display, False), (scene.ordinary, True)):
        each.say("<presence ><priority>5</priority></presence>")
        await each.is_heard_after()
        assert any(s.tag == f"{CLIENT}message" for s in each.heard) is hears


async def test_it_hears_participants_only(
    scene: Scene, subtests: pytest.Subtests
) -> None:
    game, body = "<go xmlns='urn:example:game'/>", "<body>hello</body>"
    other = "<x xmlns='urn:example:other'/>"
    for sender, content, hears in [
        (scene.friend, game, True),
        (scene.friend, body, True),
        (scene.friend, other, False),
        (scene.phone, body, False),
        (scene.stranger, game, False),
        (scene.stranger, body, False),
    ]:
        with subtests.test(f"{content} from {sender.boundjid}"):
            assert await arrives_at(sender, scene.display, content) is hears
            assert await arrives_at(sender, scene.ordinary, content)
    bounced = [verdict(each) for each in scene.stranger.heard if is_error(each)]
    assert bounced == ["service-unavailable"] * 2


def is_error(stanza: object) -> bool:
    return getattr(stanza, "attrib", {}).get("type") == "error"


async def test_what_is_allowed_beside_what_is_not_arrives_alone(scene: Scene) -> None:
    content = "<go xmlns='urn:example:game'/><x xmlns='urn:example:other'/>"
    assert await arrives_at(scene.friend, scene.display, content)
    (message,) = [s for s in scene.display.heard if s.tag == f"{CLIENT}message"]
    assert [child.tag for child in message] == ["{urn:example:game}go"]


async def test_it_asks_and_answers_participants(scene: Scene) -> None:
    ping = "<ping xmlns='urn:xmpp:ping'/>"
    for to in (scene.phone, scene.friend):
        assert await scene.display.ask(ping, to=to.boundjid.full) == "result"
        assert await to.ask(ping, to=scene.display.boundjid.full) == "result"
    assert await scene.stranger.ask(ping, to=scene.display.boundjid.full) == (
        "service-unavailable"
    )


async def test_it_finds_and_uses_the_carriers_of_its_server(scene: Scene) -> None:
    domain = scene.phone.boundjid.domain
    items = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
    info = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
    streams = "<query xmlns='http://jabber.org/protocol/bytestreams'/>"
    slot = "<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/>"
    ask = scene.display.ask
    assert await ask(items, to=domain) == "result"
    assert await ask(info, to=domain) == "result"
    assert await ask(info, to=f"proxy.{domain}") == "result"
    assert await ask(streams, to=f"proxy.{domain}") == "result"
    assert await ask(slot, to=f"upload.{domain}") == "result"
    assert await ask(info, to=f"pubsub.{domain}") == "forbidden"


async def test_it_is_in_the_room_that_was_named_and_no_other(scene: Scene) -> None:
    join = f"<x xmlns='{MUC}'/>"
    other = scene.room.replace("board", "other")
    for sender, there in ((scene.display, False), (scene.ordinary, True)):
        sender.say(f"<presence to='{other}/me'>{join}</presence>")
        await sender.is_heard_after()
        heard = any(s.get("from", "").startswith(other) for s in sender.heard)
        assert heard is there
    scene.display.say(f"<presence to='{scene.room}/me'>{join}</presence>")
    scene.friend.say(f"<presence to='{scene.room}/friend'>{join}</presence>")
    in_room = f"{scene.room}/friend"
    joined = await scene.display.hears(lambda s: s.get("from") == in_room)
    assert joined.find(f"{{{MUC}#user}}x") is not None
    scene.friend.say(
        f"<message to='{scene.room}' type='groupchat'><body>all</body></message>"
    )
    await scene.display.hears(lambda s: s.findtext(f"{CLIENT}body") == "all")
    scene.display.say(
        f"<message to='{scene.room}' type='groupchat'><body>me too</body></message>"
    )
    await scene.friend.hears(lambda s: s.findtext(f"{CLIENT}body") == "me too")
    destroy = f"<query xmlns='{MUC}#owner'><destroy/></query>"
    assert await scene.display.ask(destroy, to=scene.room, kind="set") == "forbidden"


async def test_it_invites_nobody_into_the_room(scene: Scene) -> None:
    join, to = f"<x xmlns='{MUC}'/>", scene.stranger.boundjid.bare
    invite = f"<x xmlns='{MUC}#user'><invite to='{to}'/></x>"
    scene.stranger.say("<presence ><priority>1</priority></presence>")
    for sender, arrives in ((scene.display, False), (scene.ordinary, True)):
        nick = sender.boundjid.resource
        sender.say(f"<presence to='{scene.room}/{nick}'>{join}</presence>")
        await sender.hears(lambda s, n=nick: s.get("from") == f"{scene.room}/{n}")
        sender.say(f"<message to='{scene.room}'>{invite}</message>")
        await sender.is_heard_after(scene.stranger)
        heard = [s for s in scene.stranger.heard if s.get("from") == scene.room]
        assert bool(heard) is arrives


async def test_two_displays_of_one_account_do_not_meet(
    scene: Scene, loose: RunningServer
) -> None:
    other = policy(resource="d-2", participants={scene.me: ()})
    minted = await scene.delegations.mint(other)
    async with token_login(loose, scene.me, minted) as second:
        assert await second.open()
        ping = "<ping xmlns='urn:xmpp:ping'/>"
        there = scene.display.boundjid.full
        assert await second.ask(ping, to=there) == "forbidden"
        assert await second.ask(ping, to=scene.phone.boundjid.full) == "result"
