"""A phone as a process of its own: `python -m tests.fakes.phone_program`."""

from __future__ import annotations

import asyncio

from mobility import Client, Introduction, Invitation
from tests.fakes.programs import begin, die_at, heard, tell
from tests.integration.apps import Board


async def main() -> None:
    order = begin()
    names = ("host", "port", "ca_file", "data")
    options = {name: order[name] for name in names}
    async with Client(order["jid"], order["password"], **options) as phone:
        die_at(phone.stream, order["die"])
        if order["code"]:
            await visit(phone, order["code"])
        else:
            for moved in phone.away(Board):
                await moved.retrieve()
            tell(event="retrieved")
            await heard()


async def visit(phone: Client, code: str) -> None:
    async def approve(_: Introduction) -> str:
        tell(event="asks")
        return await heard()

    async with phone.visit(Invitation.parse(code), approve=approve) as screen:
        board = Board(b"canary document" * 1000, ("canary first",))
        moved = await phone.transfer(board, to=screen)
        tell(event="transferred")
        while line := await heard():
            if line == "draw":
                await board.draw("canary phone")
            elif line == "retrieve":
                await moved.retrieve()
                tell(event="retrieved")


if __name__ == "__main__":
    asyncio.run(main())
