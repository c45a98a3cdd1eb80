"""A display that logs in under somebody's account, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any, TypeVar
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from slixmpp import Iq, Message, Presence

from mobility.protocol.delegation import Minted, Policy
from mobility.xmpp.connection import Connection
from mobility.xmpp.delegation import MobilityDelegation
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.people import soon

__all__ = ["Raw", "opened", "owner", "policy", "raw", "token_login"]

CLIENT = "jabber:client"
R = TypeVar("R", bound="Raw")


class Raw(Connection):
    """
    Sends what it is told, and keeps all that it hears.

    Attributes:
        heard: Every stanza since the login, in order.
        ended: The stream error that the server closed with: condition and text.

    """

    def __init__(self, server: RunningServer, jid: str, password: str = "") -> None:
        context = ssl.create_default_context(cafile=server.ca_file)
        super().__init__(jid, password, ssl_context=context)
        self.enable_direct_tls = False
        self.register_plugin("xep_0198")
        self.register_plugin("xep_0199")
        self.plugin["xep_0198"].window = 1
        self.heard: list[Element] = []
        self.ended: tuple[str, str] | None = None
        self.closed = asyncio.Event()
        self.opened = asyncio.Event()
        self.refused = asyncio.Event()
        self.resumed = asyncio.Event()
        self._news = asyncio.Event()
        self._numbers = iter(range(1, 10_000))
        self._where = (server.host, server.c2s_port)
        self.add_filter("in", self._hear)
        for event, flag in {
            "disconnected": self.closed,
            "session_start": self.opened,
            "session_resumed": self.resumed,
            "failed_all_auth": self.refused,
        }.items():
            self.add_event_handler(event, lambda _, flag=flag: flag.set())
        self.add_event_handler("stream_error", self._on_error)

    def through(self, network: Proxy) -> None:
        """Connect by way of something that can be cut."""
        self._where = ("127.0.0.1", network.port)

    def _hear(self, stanza: Any) -> Any:
        if stanza.name in {"iq", "message", "presence"}:
            self.heard.append(stanza.xml)
            self._news.set()
        return stanza

    def _on_error(self, error: Any) -> None:
        self.ended = (error["condition"], error["text"])

    async def open(self) -> bool:
        """Connect; whether that made a session (or resumed one)."""
        flags = (self.opened, self.resumed, self.refused, self.closed)
        for flag in flags:
            flag.clear()
        self.connect(*self._where)
        tasks = [asyncio.create_task(flag.wait()) for flag in flags]
        try:
            await soon(asyncio.wait(tasks, return_when="FIRST_COMPLETED"))
        finally:
            for task in tasks:
                task.cancel()
        return self.opened.is_set() or self.resumed.is_set()

    def say(self, text: str) -> None:
        """Send a stanza, which stream management counts."""
        element = fromstring(text.replace(" ", f" xmlns='{CLIENT}' ", 1))
        kind = {"iq": Iq, "message": Message, "presence": Presence}
        self.send(kind[element.tag.partition("}")[2]](self, xml=element))

    def wire(self, text: str) -> None:
        """Put it on the wire as it stands."""
        self.send_raw(text)

    async def ask(self, text: str, *, to: str | None = None, kind: str = "get") -> str:
        """
        Send an IQ with this payload.

        Returns:
            ``result``, or the condition of the error.

        """
        return verdict(await self.answer(text, to=to, kind=kind))

    async def answer(
        self, text: str, *, to: str | None = None, kind: str = "get"
    ) -> Element:
        """The answer to such an IQ."""
        id = f"raw{next(self._numbers)}"
        address = f" to='{to}'" if to else ""
        self.say(f"<iq type='{kind}' id='{id}'{address}>{text}</iq>")
        answers = {"result", "error"}
        return await self.hears(
            lambda heard: heard.get("id") == id and heard.get("type") in answers
        )

    async def hears(self, matches: Any) -> Element:
        """Wait for a stanza."""
        async with asyncio.timeout(10):
            while True:
                self._news.clear()
                for stanza in self.heard:
                    if matches(stanza):
                        return stanza
                await self._news.wait()

    async def is_heard_after(self, *others: Raw) -> None:
        """Wait until all that was sent so far has had its effect here and there."""
        for each in (self, *others):
            await each.ask("<ping xmlns='urn:xmpp:ping'/>", to=each.boundjid.domain)


def verdict(iq: Element) -> str:
    """``result``, or the condition of the error."""
    error = iq.find(f"{{{CLIENT}}}error")
    if error is None:
        return iq.get("type", "")
    return next(iter(error)).tag.partition("}")[2]


def policy(**changes: Any) -> Policy:
    """What a phone may ask for, with some of it changed."""
    ordinary: dict[str, Any] = {
        "resource": "d-x7Kq",
        "participants": {},
        "lifetime": 60,
        "idle": 60,
        "label": "Lobby screen (kiosk.example)",
    }
    return Policy(**ordinary | changes)


@contextlib.asynccontextmanager
async def opened(client: R) -> AsyncIterator[R]:
    """Close it in the end, whatever became of it."""
    try:
        yield client
    finally:
        client.cancel_connection_attempt()
        if client.is_connected():
            await client.disconnect(wait=0)
        if client._run_out_filters is not None:
            client._run_out_filters.cancel()


@contextlib.asynccontextmanager
async def raw(server: RunningServer, jid: str, password: str) -> AsyncIterator[Raw]:
    """An ordinary login, without initial presence."""
    async with opened(Raw(server, jid, password)) as client:
        assert await client.open()
        yield client


@contextlib.asynccontextmanager
async def token_login(
    server: RunningServer, jid: str, minted: Minted
) -> AsyncIterator[Raw]:
    """Somebody with a token; `open` says whether it was good."""
    client = Raw(server, jid)
    client.credentials["access_token"] = minted.token
    client.plugin["feature_mechanisms"].use_mechs = {"X-OAUTH2"}
    async with opened(client) as client:
        yield client


@contextlib.asynccontextmanager
async def owner(
    server: RunningServer, jid: str, password: str, resource: str = "phone"
) -> AsyncIterator[tuple[Raw, MobilityDelegation]]:
    """The user's phone, and its way to give resources away."""
    async with opened(Raw(server, f"{jid}/{resource}", password)) as client:
        client.register_plugin(MobilityDelegation.name)
        assert await client.open()
        yield client, MobilityDelegation.of(client)
