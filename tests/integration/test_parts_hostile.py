"""What a device says that lies about the part that runs there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobility import Client, InvalidState, TransferAborted, part
from mobility.parts.piece import Piece
from mobility.protocol.numbering import Cursor
from mobility.protocol.session import Number
from mobility.protocol.standing import standing_of, with_standing
from tests.integration.parts import Table, heard, lines
from tests.integration.test_giving import Household, home
from tests.integration.test_own_devices import person
from tests.integration.test_parts import phone, shown, table
from tests.unit.split.apps import MOVE, SAY, Game, Map, moved, said

__all__ = ["home", "person", "phone", "table"]  # fixtures


class Strict(Game):
    """Whose map says nothing but moves."""

    map = part(Map, allow=("move",), says=("move",))


async def test_a_part_says_nothing_elsewhere_that_it_may_not_say(
    phone: Client, home: Household
) -> None:
    table = Table(phone, Strict())
    async with home.on("Wall", apps=[Game]) as wall:
        session = await table.to("map", wall)
        await shown(session).send(said("I am the chat"))
        await shown(session).send(moved("I am the map"))
        await heard(table.game.part("chat"), "I am the map")
        assert table.piece("map").counts["refused"] == 1


async def test_who_says_what_has_a_place_in_the_order_already_is_not_heard(
    table: Table, home: Household
) -> None:
    async with home.on("Wall", apps=[Game]) as wall:
        session = await table.to("map", wall)
        forged = Number(table.game.hub.feed, 7, 7)
        session.tell(replace(moved("forged"), number=forged))
        session.tell(moved("of nobody"))
        await shown(session).send(moved("true"))
        await heard(table.game.part("chat"), "true")
        assert table.piece("map").counts["refused"] == 2


async def test_a_word_of_a_huge_number_spoils_no_voice_but_that_devices(
    table: Table, home: Household
) -> None:
    async with home.on("Wall", apps=[Game]) as wall:
        session = await table.to("map", wall)
        piece = session.app
        assert isinstance(piece, Piece)
        piece._said = 2**31 - 2
        await shown(session).send(moved("last"))
        await heard(table.game.part("chat"), "last")
        await table.back("map")
        again = await table.to("map", wall)
        await shown(again).send(moved("next"))
        await heard(table.game.part("chat"), "last", "next")


async def test_who_claims_to_have_heard_what_was_never_said_is_not_believed(
    table: Table, home: Household
) -> None:
    async with home.on("Wall", apps=[Game]) as wall:
        await table.say(moved("one"))
        session = await table.to("map", wall)
        piece = session.app
        assert isinstance(piece, Piece)
        hub, true = table.game.hub, piece._standing

        def lie() -> object:
            return replace(true(), cursors={"": Cursor(hub.feed, {MOVE: 2**30})})

        piece._standing = lie  # type: ignore[assignment, method-assign]
        with pytest.raises(TransferAborted, match="has not heard what was said to it"):
            await table.moved["map"].retrieve()
        await table.moved["map"].reclaim()
        await table.say(moved("two"))
        await heard(table.game.part("map"), "one", "two")


async def test_a_standing_that_is_none_is_refused(table: Table) -> None:
    piece = table.game.piece("chat")
    await table.say(said("one"))
    state = await piece.snapshot()
    plain, standing = standing_of(state)
    assert standing.cursors[""].heads[SAY] == 1
    for wrong in (Cursor("another", {SAY: 1}), Cursor(table.game.hub.feed, {SAY: 2})):
        with pytest.raises(InvalidState):
            await piece.restore(
                with_standing(plain, replace(standing, cursors={"": wrong}))
            )
    assert lines(piece.shown) == ["one"]
