"""A phone that moves a film until it is killed: `-m tests.fakes.film_program`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from mobility import Client, Introduction, Invitation, Progress
from mobility.transfer import progress
from tests.integration.test_formats import Film


async def typed(_: Introduction) -> str:
    print("asks", flush=True)
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


async def main(order: dict[str, Any]) -> None:
    def report(now: Progress) -> None:
        if now.done > order["until"]:
            print("halfway", flush=True)
            sys.stdin.readline()  # nothing goes on until we are killed

    where = {"host": order["host"], "port": order["port"]}
    folder, authority = Path(order["data"]), Path(order["ca_file"])
    jid, password = order["jid"], order["password"]
    async with Client(jid, password, **where, ca_file=authority, data=folder) as phone:
        code = Invitation.parse(order["code"])
        async with phone.visit(code, approve=typed) as screen:
            app = Film(Path(order["film"]))
            app.formats = ("files",)
            await phone.transfer(app, to=screen, progress=report)


if __name__ == "__main__":
    progress._PAUSE = 0.0  # or all may have left before the first report
    asyncio.run(main(json.loads(sys.stdin.readline())))
