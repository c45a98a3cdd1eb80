"""The game as its service runs it: who says what to whom, and how much of it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from examples.chase import packets
from examples.chase.city import City
from examples.chase.game import Game
from examples.chase.geojson import geojson
from examples.chase.news import Changed, News, Over, Phase, Shown, Went
from examples.chase.packets import At, Join, Leave, Move, Said, Say
from examples.chase.player import Player
from examples.chase.rules import Refused, Rules
from mobility import Stanza

__all__ = ["TICK", "Admit", "Dismiss", "Hunt", "Order", "Tell"]

TICK = 0.1  # seconds; with each, one position is told: ten a second to each player

_RATES: dict[type[Said], tuple[float, float]] = {  # at once, and then a second
    Join: (3.0, 0.5),  # each brings the whole city
    Leave: (3.0, 0.5),
    Move: (5.0, 5.0),
    Say: (5.0, 1.0),
    At: (8.0, 4.0),
}
_STRANGERS = 1000  # of whom it is remembered how much they said


@dataclass(frozen=True, slots=True)
class Admit:
    """This account is a member of the service from now on."""

    member: str


@dataclass(frozen=True, slots=True)
class Dismiss:
    """It is none any more."""

    member: str


@dataclass(frozen=True, slots=True)
class Tell:
    member: str
    stanza: Stanza = field(repr=False)


Order: TypeAlias = Admit | Dismiss | Tell


class Hunt:
    """
    Games, one after another: no clock and no network of its own.

    What the service has to do is fetched with `orders`. Whoever joins after a game is
    over begins the next one. Times are seconds of any clock.

    Args:
        city, rules, dice: As for `Game`.

    """

    def __init__(self, city: City, rules: Rules, dice: Random) -> None:
        self.game = Game(city, rules, dice)
        self.dropped = 0  # packets of those who say too much, or nonsense
        self._dice = dice
        self._city = tuple(packets.city_pieces(geojson(city)))
        self._ids: dict[str, str] = {}  # member to player
        self._spent: OrderedDict[tuple[str, type[Said]], _Bucket] = OrderedDict()
        self._moving: dict[str, Went] = {}  # the newest of each player, untold so far
        self._orders: list[Order] = []
        self._at = 0.0

    def orders(self) -> list[Order]:
        """What the service has to do, in this order."""
        orders, self._orders = self._orders, []
        return orders

    def hear(self, member: str, stanza: Stanza, *, now: float, at: float) -> None:
        """
        Take what an account says, whoever it is.

        Args:
            member: Its bare JID.
            stanza: What it says.
            now: By the clock of the game.
            at: In seconds since 1970, for people to read.

        """
        said = packets.read(stanza)
        if said is None or not self._may_say(member, type(said), now):
            self.dropped += 1
            return
        self._at = at
        try:
            self._do(member, said, now)
        except Refused as refused:
            self._refuse(member, str(refused))
        self._tell_news()

    def tick(self, *, now: float, at: float) -> None:
        """Call every `TICK` seconds."""
        self._at = at
        self.game.tick(now=now)
        self._tell_news()
        if self._moving:
            self._tell(self._moving.pop(next(iter(self._moving))))

    # --- inside ------------------------------------------------------------------

    def _may_say(self, member: str, kind: type[Said], now: float) -> bool:
        if member not in self._ids and kind is not Join:
            return False
        bucket = self._spent.pop((member, kind), None) or _Bucket(*_RATES[kind], now)
        self._spent[member, kind] = bucket
        if len(self._spent) > _STRANGERS:
            self._spent.popitem(last=False)
        return bucket.take(now)

    def _do(self, member: str, said: Said, now: float) -> None:
        if isinstance(said, Join):
            self._join(member, said.name, now)
            return
        game, id = self.game, self._ids[member]
        match said:
            case Leave():
                self._leave(member, id, now)
            case Move(to, by):
                game.move(id, to, by, now=now)
            case At(spot):
                game.place(id, spot, now=now)
            case Say(text):
                self._line(game.players[id], text)

    def _join(self, member: str, name: str, now: float) -> None:
        if self.game.phase is Phase.OVER:
            self._anew()
        if member in self._ids:
            self.game.come_back(self._ids[member])
        else:
            player = self.game.join(name, now=now)
            self._ids[member] = player.id
            self._orders.append(Admit(member))
        self._catch_up(member, now)

    def _anew(self) -> None:
        """The next game; who was in the last one has to join, like everybody."""
        old = self.game
        self.game = Game(old.city, old.rules, self._dice)
        self._orders += [Dismiss(member) for member in self._ids]
        self._ids.clear()
        self._moving.clear()

    def _leave(self, member: str, id: str, now: float) -> None:
        self.game.leave(id, now=now)
        if id not in self.game.players:  # it had not begun
            self._tell_news()
            del self._ids[member]
            self._orders.append(Dismiss(member))

    def _refuse(self, member: str, sentence: str) -> None:
        """Also to somebody who does not come in."""
        told = Tell(member, packets.refusal(sentence))
        if member in self._ids:
            self._orders.append(told)
        else:
            self._orders += [Admit(member), told, Dismiss(member)]

    def _catch_up(self, member: str, now: float) -> None:
        """All that somebody has missed who comes (again) now."""
        game = self.game
        self._say(member, packets.welcome(game.players[self._ids[member]], game))
        for piece in self._city:
            self._say(member, piece)
        told: list[News] = [Changed(player) for player in game.players.values()]
        if game.seen is not None:
            told.append(game.seen)
        told += [game.round(now=now), game.turn(self._ids[member])]
        for news in told:
            if packet := packets.told(news, game):
                self._say(member, packet[1])

    def _tell_news(self) -> None:
        for news in self.game.news():
            match news:
                case Went(player):
                    self._moving.setdefault(player.id, news)
                    continue
                case Changed(player):
                    self._moving.pop(player.id, None)  # that says where they are
            self._tell(news)
            match news:
                case Shown(_, id):
                    name = self.game.city.stations[id].name
                    self._line(None, f"Mr. X has been seen at {name}.")
                case Over(sentence=sentence):
                    self._line(None, sentence)

    def _tell(self, news: News) -> None:
        told = packets.told(news, self.game)
        if told is None:
            return
        to, stanza = told
        for member, id in self._ids.items():
            if to in ("", id):
                self._say(member, stanza)

    def _line(self, player: Player | None, text: str) -> None:
        said = packets.line(player, text, at=self._at, round=self.game.number)
        for member in self._ids:
            self._say(member, said)

    def _say(self, member: str, stanza: Stanza) -> None:
        self._orders.append(Tell(member, stanza))


class _Bucket:
    """So many at once, and then so many a second."""

    def __init__(self, most: float, rate: float, now: float) -> None:
        self._most, self._rate = most, rate
        self._left, self._then = most, now

    def take(self, now: float) -> bool:
        self._left = min(self._most, self._left + (now - self._then) * self._rate)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
