"""How fast rules decide, beside slixmpp's own matcher on the same stanzas."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from defusedxml.ElementTree import fromstring
from slixmpp import Iq, Message, Presence
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.protocol.sift import Kind, Rule, Sender, Sift
from mobility.xmpp.sifting.stanza import inbound

__all__ = ["APP", "NAMES", "allowing", "decisions_per_s", "matchxpath_per_s"]

APP: Final = "https://example.org/apps/chase"
NAMES: Final = ("position", "round", "ticket", "player", "message", "over")
_SPLIT: Final = "urn:xmpp:tmp:mobility:split:0"
_ME: Final = "juliet@capulet.example/kiosk"
_KINDS: Final = {"message": Message, "iq": Iq, "presence": Presence}


def allowing(names: int) -> Sift:
    """Rules of a part that listens to so many names."""
    others = (f"other{number}" for number in itertools.count())
    chosen = itertools.islice(itertools.chain(NAMES, others), names)
    allow = frozenset(f"{{{APP}}}{name}" for name in chosen)
    return Sift({Kind.MESSAGE: Rule(Sender.OTHERS, allow=allow)})


def _stanzas() -> list[Any]:
    """What comes to a player's account: mostly packets of the game."""
    to = f"xmlns='jabber:client' to='{_ME}'"
    game = f"{to} from='chase.example' type='headline'"
    texts = [
        f"<message {game}><{name} xmlns='{APP}' player='{player}' x='1' y='2'/>"
        f"<number xmlns='{_SPLIT}' feed='f' at='{player}' nth='1'/>"
        "</message>"
        for name, player in itertools.product(NAMES, range(8))
    ]
    texts += [
        f"<message {to} from='romeo@montague.example/pda' type='chat'><body>a</body>"
        "<active xmlns='http://jabber.org/protocol/chatstates'/></message>",
        f"<presence {to} from='romeo@montague.example/pda'>"
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"
        "</presence>",
        f"<iq {to} from='juliet@capulet.example/phone' type='get' id='1'>"
        "<ping xmlns='urn:xmpp:ping'/></iq>",
    ]
    elements = [fromstring(text) for text in texts]
    return [_KINDS[e.tag.partition("}")[2]](xml=e) for e in elements]


def _rate(decide: Callable[[Any], object], on: Sequence[Any], seconds: float) -> int:
    """How often a second; the best of some runs, since others use the machine too."""
    best = 0.0
    for _ in range(5):
        count, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < seconds / 5:
            for each in on:
                decide(each)
            count += len(on)
        best = max(best, count / took)
    return round(best)


def decisions_per_s(names: int, seconds: float) -> int:
    """From the element as it was parsed to whether the device gets it."""
    passes = allowing(names).compiled(_ME)
    elements = [stanza.xml for stanza in _stanzas()]
    return _rate(lambda element: passes(inbound(element, _ME)), elements, seconds)


def matchxpath_per_s(seconds: float) -> int:
    """For one name; a filter of more names asks as many matchers, one by one."""
    matcher = MatchXPath(f"{{jabber:client}}message/{{{APP}}}{NAMES[0]}")
    return _rate(matcher.match, _stanzas(), seconds)
