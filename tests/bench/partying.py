"""A phone with a town in parts, and devices in other programs to split it over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mobility import Client, Device
from tests.bench.child import Child, start
from tests.bench.figures import RunFailed
from tests.bench.town import Town
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer

__all__ = ["DEADLINE", "Party", "open_party"]

DEADLINE: Final = 60.0


@dataclass
class Party:
    """
    What can be split, and over what.

    Attributes:
        network: Between the phone and its server.
        programs: Each has some of the other devices.

    """

    phone: Client
    network: Proxy
    town: Town
    programs: list[Child]

    async def cut(self) -> None:
        """End all streams, as pulled cables would."""
        self.network.cut()
        for program in self.programs:
            await program.ask(cut=True)

    async def device(self, name: str) -> Device:
        """
        One of the others, as soon as it is there.

        Raises:
            RunFailed: It is not.

        """
        try:
            async with (
                asyncio.timeout(DEADLINE),
                aclosing(self.phone.watch_devices()) as lists,
            ):
                async for devices in lists:
                    for each in devices:
                        if each.name == name and each.online:
                            return each
        except TimeoutError:
            pass
        raise RunFailed(f"{name} was never there.")


@asynccontextmanager
async def open_party(
    server: RunningServer, folder: Path, *programs: tuple[str, ...]
) -> AsyncIterator[Party]:
    """
    All devices of one account.

    Args:
        server: Of the account.
        folder: For journals and logs.
        programs: The names of the devices of each.

    """
    jid, password = server.add()
    where: dict[str, Any] = {"host": server.host, "ca_file": server.ca_file}
    async with AsyncExitStack() as stack:
        children = []
        for number, names in enumerate(programs):
            at = folder / str(number)
            order = {"jid": jid, "password": password, "folder": at, "names": names}
            order |= where | {"port": server.c2s_port}
            child = start("places", at, order, deadline=DEADLINE)
            children.append(await stack.enter_async_context(child))
            await children[-1].hear()
        network = await stack.enter_async_context(Proxy(server.c2s_port))
        where |= {"port": network.port, "data": folder / "phone"}
        client = Client(jid, password, device="Phone", **where)
        phone = await stack.enter_async_context(client)
        yield Party(phone, network, Town(), children)
