"""The edge: a room (XEP-0045), joined over a connection that the device has."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slixmpp import JID, Message
from slixmpp.exceptions import PresenceError

from examples.chat.chat import Chat, Line
from mobility import PeerUnreachable

__all__ = ["NAMESPACES", "Room", "as_visitor"]

NAMESPACES = ("jabber:client", "http://jabber.org/protocol/muc")  # that it talks in

_SECONDS = 10  # to wait for the room
_OVERLAP = 300.0  # seconds of history that we ask for twice: clocks are not trusted


class Room:
    """
    Joins and leaves rooms for the chats that run on this device.

    Args:
        xmpp: A connection: ``client.stream.xmpp``, or that of `Session.account`.
        tag: Tells this device from the user's others in the room; nicks are unique.

    """

    def __init__(self, xmpp: Any, *, tag: str = "") -> None:
        for plugin in ("xep_0045", "xep_0203", "xep_0359"):
            xmpp.register_plugin(plugin)
        self._xmpp = xmpp
        self._tag = tag
        self._handlers: dict[Chat, tuple[str, Callable[[Message], None]]] = {}

    def connect(self, chat: Chat) -> Chat:
        """Let a chat join its room when it runs here, and leave when it does not."""
        chat.join, chat.part, chat.speak = self.join, self.leave, self.say
        return chat

    def _nick(self, chat: Chat) -> str:
        return f"{chat.nick} ({self._tag})" if self._tag else chat.nick

    async def join(self, chat: Chat) -> None:
        """
        Join, and hear what was said since the last line.

        Raises:
            PeerUnreachable: If the room does not let us in.

        """
        event = f"muc::{JID(chat.room).bare}::message"

        def heard(message: Message) -> None:
            if message["body"]:
                chat.hear(_line(message))

        self._handlers[chat] = event, heard
        self._xmpp.add_event_handler(event, heard)
        since = chat.since and datetime.fromtimestamp(chat.since - _OVERLAP, UTC)
        history: dict[str, Any] = {"since": since} if since else {"maxstanzas": 100}
        try:
            await self._muc.join_muc_wait(
                JID(chat.room), self._nick(chat), timeout=_SECONDS, **history
            )
        except (PresenceError, TimeoutError):
            raise PeerUnreachable(f"{chat.room} does not let us in.") from None

    async def leave(self, chat: Chat) -> None:
        event, heard = self._handlers.pop(chat, ("", lambda message: None))
        if event:
            self._xmpp.del_event_handler(event, heard)
            self._muc.leave_muc(JID(chat.room), self._nick(chat))

    async def say(self, chat: Chat, text: str) -> None:
        """Say it to all in the room; it comes back to us as to everybody."""
        self._xmpp.send_message(mto=JID(chat.room), mbody=text, mtype="groupchat")

    @property
    def _muc(self) -> Any:
        return self._xmpp.plugin["xep_0045"]


def as_visitor(chat: Chat, own: Room, *, tag: str) -> Chat:
    """
    On a display: let a chat join under the account of the visitor who brought it.

    Args:
        chat: Any.
        own: Where it joins if its visitor let the display in as a guest.
        tag: As for `Room`.

    """

    async def join(chat: Chat) -> None:
        account = chat.session and chat.session.account
        room = Room(account.xmpp, tag=tag) if account else own
        await room.connect(chat).join(chat)

    chat.join = join
    return chat


def _line(message: Message) -> Line:
    """What the room sent: from history with its stamp, or just now."""
    sent = message["delay"]["stamp"]
    at = sent.timestamp() if isinstance(sent, datetime) else time.time()
    id = str(message["stanza_id"]["id"] or message["id"] or "")
    return Line(str(message["from"]), str(message["body"]), at, id)
