"""A chat in the terminal: `python -m examples.chat phone ...` and `... display ...`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from examples.chat.chat import URI, Chat
from examples.chat.room import NAMESPACES, Room, as_visitor
from mobility import (
    Capture,
    Client,
    Comparing,
    Introduction,
    Invitation,
    Inviting,
    Level,
    MobilityError,
    MovedSession,
    PublicDisplay,
    Scene,
)

console = Console(highlight=False)


def show_lines(chat: Chat) -> None:
    """Print each line once, as it comes."""
    shown: set[tuple[str, str, float]] = set()

    def show() -> None:
        for line in chat.lines:
            key = (line.who, line.text, line.at)
            if key not in shown:
                shown.add(key)
                console.print(f"[bold]{escape(line.nick)}[/] {escape(line.text)}")

    chat.changed_lines = show


async def typed() -> str:
    return (await asyncio.to_thread(input)).strip()


# --- the phone ------------------------------------------------------------------------


async def phone(options: argparse.Namespace) -> None:
    """Chat here; ``/move CODE`` takes it to a display, ``/back`` brings it home."""
    capture = Capture(options.capture)
    chat = Chat(options.room, options.nick, capture=capture)
    if not capture.sealed:
        console.print("[yellow]Published: the server can read this chat.[/]")
    async with Client(options.account, password(), **server(options)) as client:
        room = Room(client.stream.xmpp)
        show_lines(room.connect(chat))
        await room.join(chat)
        async with contextlib.AsyncExitStack() as visit:
            moved: MovedSession | None = None
            with contextlib.suppress(EOFError):
                while (text := await typed()) != "/quit":
                    if text.startswith("/move "):
                        level = Level(options.level)
                        moved = await move(client, chat, text[6:], visit, level)
                    elif text == "/back" and moved is not None:
                        await moved.retrieve()
                        await visit.aclose()
                        console.print("[green]The chat is here again.[/]")
                    elif text and not text.startswith("/"):
                        await chat.say(text)
        await room.leave(chat)


async def move(
    client: Client,
    chat: Chat,
    code: str,
    visit: contextlib.AsyncExitStack,
    level: Level,
) -> MovedSession | None:
    try:
        screen = await visit.enter_async_context(
            client.visit(
                Invitation.parse(code),
                approve=ask,
                apps=[URI],
                level=level,
                participants={chat.room: NAMESPACES},
            )
        )
        moved = await client.transfer(chat, to=screen)
    except MobilityError as error:
        console.print(f"[red]{escape(str(error))}[/]")
        return None
    console.print(f"[green]The chat is on {escape(moved.place)}.[/]")
    return moved


async def ask(introduction: Introduction) -> str | None:
    console.print(f"{escape(introduction.domain)}: {escape(introduction.name)}")
    console.print(f"It comes in {introduction.enters}. {escape(introduction.gives)}")
    console.print("The two digits on the display:")
    return await typed() or None


# --- the display ----------------------------------------------------------------------


async def display(options: argparse.Namespace) -> None:
    """Show a code, and then the chat of whoever scanned it."""
    rooms: list[Room] = []

    class There(Chat):
        def __init__(self) -> None:
            super().__init__()
            show_lines(as_visitor(self, rooms[0], tag=options.name))

    there = PublicDisplay(
        options.account,
        password(),
        name=options.name,
        apps=[There],
        show=show_scene,
        **server(options),
    )
    async with there:
        rooms.append(Room(there.stream.xmpp, tag=options.name))
        async for visit in there.visits():
            async with visit:
                async for session in visit.sessions():
                    await session.ended()


def show_scene(scene: Scene) -> None:
    if isinstance(scene, Inviting):
        console.print(f"/move {escape(scene.uri)}", soft_wrap=True)
    elif isinstance(scene, Comparing):
        console.print(f"[bold]{scene.code}[/] {escape(scene.device)} wants to come in")


# --- both -----------------------------------------------------------------------------


def password() -> str:
    return os.environ.get("MOBILITY_PASSWORD") or getpass.getpass()


def server(options: argparse.Namespace) -> dict[str, Any]:
    return {"host": options.host, "port": options.port, "ca_file": options.ca_file}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.chat", description=__doc__
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("account", help="your JID; MOBILITY_PASSWORD or a prompt")
    common.add_argument("--host")
    common.add_argument("--port", type=int)
    common.add_argument("--ca-file", type=Path)
    roles = parser.add_subparsers(required=True)
    one = roles.add_parser("phone", parents=[common], help=phone.__doc__)
    one.add_argument("--room", required=True)
    one.add_argument("--nick", required=True)
    words = [capture.value for capture in Capture]
    one.add_argument("--capture", choices=words, default="hybrid")
    levels = [level.value for level in Level]
    one.add_argument("--level", choices=levels, default=Level.GUEST.value)
    one.set_defaults(run=phone)
    other = roles.add_parser("display", parents=[common], help=display.__doc__)
    other.add_argument("--name", default="Lobby screen")
    other.set_defaults(run=display)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    try:
        asyncio.run(options.run(options))
    except MobilityError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
