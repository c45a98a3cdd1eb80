"""What is said to a service by those who want to keep others from it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from mobility import Stanza
from mobility.errors import RemoteProtocolError
from mobility.protocol.feeding import Invite, Say, Word
from mobility.service import spoken
from mobility.service.membership import MOST_FED, Heard, Member
from mobility.service.serving import Serving
from mobility.service.spoken import LARGEST_OF_ONE, MOST_OF_ONE, Spoken, Waiting
from mobility.tasks import Tasks

MEMBER = "juliet@capulet.example/phone"
SAID = Stanza("{urn:a}b", text="c")


def fill(waiting: Waiting, peer: str, stanza: Stanza = SAID) -> int:
    """Say it as often as there is room."""
    count = 0
    while waiting.has_room(peer):
        waiting.put(peer, stanza)
        count += 1
    return count


def queue() -> Waiting:
    return Waiting({"juliet@capulet.example"}.__contains__)


async def test_all_strangers_together_leave_room_for_members(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spoken, "MOST_OF_STRANGERS", 1200)
    waiting = queue()
    taken = [fill(waiting, f"mallory{n}@evil.example/x") for n in range(4)]
    assert taken == [MOST_OF_ONE, MOST_OF_ONE, 200, 0]
    assert fill(waiting, MEMBER) == MOST_OF_ONE


async def test_large_packets_do_not_fill_the_memory() -> None:
    waiting, large = queue(), Stanza("{urn:a}b", text="c" * 200_000)
    assert fill(waiting, MEMBER, large) * 200_000 <= LARGEST_OF_ONE + 200_000
    strangers = [fill(waiting, f"m{n}@evil.example/x", large) for n in range(20)]
    assert sum(strangers) * 200_000 <= spoken.LARGEST_OF_STRANGERS + 200_000


async def test_who_was_heard_may_say_as_much_again() -> None:
    waiting = queue()
    for peer in (MEMBER, "mallory@evil.example/x"):
        for _ in range(2):
            count = fill(waiting, peer)
            assert count == MOST_OF_ONE
            for _ in range(count):
                async with asyncio.timeout(5):
                    assert await waiting.get() == Spoken(peer, SAID)


def test_nobody_has_a_service_forget_what_others_said() -> None:
    """What is said again would be taken twice then."""
    heard, said = Heard(), Say("f", 1, SAID)
    assert heard.is_new(MEMBER, said)
    for number in range(20_000):
        heard.is_new("mallory@evil.example/x", Say(str(number), 1, SAID))
    assert not heard.is_new(MEMBER, said)


async def test_a_member_has_a_service_ask_so_many_at_a_time_and_no_more() -> None:
    """Each is asked for seconds, or for minutes by who has to decide."""
    asked = asyncio.Event()

    class Wire:
        async def ask(self, peer: str, word: Word, *, seconds: float) -> None:
            await asked.wait()

    serving = Serving(cast(Any, Wire()), cast(Any, None), Tasks())
    serving.members["juliet@capulet.example"] = Member("juliet@capulet.example", kept=9)
    token = "a-token-of-the-part"

    def invited(number: int) -> Coroutine[Any, Any, None]:
        about = f"lobby@kiosk.example/{number}", token, frozenset({"{urn:a}b"})
        return serving.invite(MEMBER, Invite("s", "map", *about))

    pending = [asyncio.ensure_future(invited(number)) for number in range(MOST_FED)]
    await asyncio.sleep(0)
    with pytest.raises(RemoteProtocolError, match="Too many are asked"):
        await invited(MOST_FED)
    asked.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*pending)
        await invited(MOST_FED)
