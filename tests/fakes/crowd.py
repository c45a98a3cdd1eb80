"""
Many devices of one account at little cost: a socket and a hundred lines each.

Each says of itself what a device says: in its presence, to whoever asks, and, if told
so, in the account's list. It takes nothing and decides nothing. Its connection is
resumable, so that the server waits for one that was cut.

`python -m tests.fakes.crowd` is the program; `Crowd` starts it and tells it what to do.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import json
import secrets
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from xml.etree.ElementTree import Element, SubElement, tostring

from mobility.protocol.device import DeviceDescription, describe
from mobility.protocol.directory import Entry
from mobility.protocol.scram import Scram, salted_password
from mobility.xmpp import ns
from mobility.xmpp.devices import stanza as device_xml
from mobility.xmpp.directory import stanza as session_xml
from mobility.xmpp.parser import Parser
from mobility.xmpp.pep import stanza as pep_xml
from mobility.xmpp.pep.stanza import Item
from mobility.xmpp.resources import stanza as resource_xml
from tests.fakes.programs import heard
from tests.fakes.telling import tell
from tests.integration.people import Running, address

__all__ = ["Crowd"]

NODE: Final = "http://slixmpp.com/ver/1.17.0"  # as devices of ours say
_CLIENT: Final = "{jabber:client}"
_SM: Final = "urn:xmpp:sm:3"
_SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
_BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
_MECHANISMS: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1")
_AT_ONCE: Final = 4  # logins
_DEADLINE: Final = 20.0

salted = functools.cache(salted_password)


@dataclass
class Where:
    """An account, and its server."""

    jid: str
    password: str = field(repr=False)
    host: str
    port: int
    ca_file: str
    app: str
    schema: int

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


class Resource:
    """One device."""

    def __init__(self, where: Where, name: str) -> None:
        self._where = where
        self._domain = where.jid.partition("@")[2]
        self._heard = 0
        self._counting = False
        self._numbers = iter(range(1, 2**31))
        self._answers: dict[str, asyncio.Future[Element]] = {}
        self._listener: asyncio.Task[None] | None = None
        self.jid = f"{where.jid}/{secrets.token_hex(6)}"
        apps = {where.app: where.schema}
        key = secrets.token_bytes(32)
        self.device = describe(key, name=name, kind="pc", apps=apps, size=10**9)
        self._query = _query(self.device)
        self.ver = _ver(self._query)

    async def come(self, *, listed: bool) -> None:
        async with asyncio.timeout(_DEADLINE):
            await self._log_in()
        self._listener = asyncio.create_task(self._listen())
        if listed:
            seen = datetime.now(UTC).replace(microsecond=0)
            listing = device_xml.Listing(self.device, self.jid, seen, self.ver)
            item = Item(self.device.id, device_xml.to_xml(listing))
            await self._publish(ns.DEVICES, item)
        caps = f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{NODE}'"
        self._say(
            f"<presence><priority>-1</priority>{caps} ver='{self.ver}'/></presence>"
        )

    async def _log_in(self) -> None:
        host, port = self._where.host, self._where.port
        self._reader, self._writer = await asyncio.open_connection(host, port)
        await self._open()
        self._say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await self._next()
        await self._writer.start_tls(self._where.tls, server_hostname=self._domain)
        await self._prove(await self._open())
        await self._open()
        bind = Element(f"{{{_BIND}}}bind")
        SubElement(bind, f"{{{_BIND}}}resource").text = self.jid.partition("/")[2]
        iq = Element("iq", type="set", id="bind")
        iq.append(bind)
        self._say(tostring(iq, encoding="unicode"))
        bound = (await self._next()).findtext(f".//{{{_BIND}}}jid")
        assert bound is not None
        self.jid = bound
        self._say(f"<enable xmlns='{_SM}' resume='true'/>")
        await self._next()
        self._counting = True

    async def _open(self) -> Element:
        self._parser = Parser()
        self._stanzas = self._read()
        self._say(
            f"<stream:stream to='{self._domain}' version='1.0' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        return await self._next()

    async def _prove(self, features: Element) -> None:
        offered = {each.text for each in features.iter(f"{{{_SASL}}}mechanism")}
        mechanism = next(each for each in _MECHANISMS if each in offered)
        local = self._where.jid.partition("@")[0]
        scram = Scram(mechanism, local, secrets.token_hex(16))
        self._say(_sasl("auth", scram.first, f" mechanism='{mechanism}'"))
        challenge = scram.receive_challenge(_raw(await self._next()))
        proof = scram.prove(salted(mechanism, self._where.password, challenge))
        self._say(_sasl("response", proof))
        scram.receive_success(_raw(await self._next()))

    def _say(self, text: str) -> None:
        self._writer.write(text.encode())

    async def _read(self) -> Any:
        while data := await self._reader.read(65536):
            self._parser.feed(data)
            for kind, element in self._parser.read_events():
                if kind == "end" and element is not None:
                    yield element

    async def _next(self) -> Element:
        element: Element = await anext(self._stanzas)
        return element

    # --- what it hears -------------------------------------------------------------

    async def _listen(self) -> None:
        try:
            async for element in self._stanzas:
                self._hear(element)
        except (ConnectionError, ssl.SSLError):
            pass  # it was cut

    def _hear(self, element: Element) -> None:
        if element.tag == f"{{{_SM}}}r":
            self._say(f"<a xmlns='{_SM}' h='{self._heard}'/>")
        elif element.tag.startswith(_CLIENT):
            self._heard += 1
            if element.tag == f"{_CLIENT}iq":
                self._hear_iq(element)

    def _hear_iq(self, iq: Element) -> None:
        if iq.get("type") in {"result", "error"}:
            answer = self._answers.pop(iq.get("id", ""), None)
            if answer is not None:
                answer.set_result(iq)
            return
        result = Element("iq", type="result", id=iq.get("id", ""))
        result.set("to", iq.get("from", self._where.jid))
        asked = iq.find(f"{resource_xml.INFO}query")
        if asked is not None:
            self._query.attrib = dict(asked.attrib)
            result.append(self._query)
        elif iq.get("type") == "get" and iq.find("{urn:xmpp:ping}ping") is None:
            result.set("type", "error")
            error = SubElement(result, "error", type="cancel")
            SubElement(error, f"{{{_ERRORS}}}service-unavailable")
        self._say(tostring(result, encoding="unicode"))

    async def _publish(self, node: str, item: Item) -> None:
        if await self._ask(pep_xml.publish(node, item)):
            return
        for _ in range(5):  # ejabberd cannot make it for two at the same moment
            await self._ask(pep_xml.create(node))
            if await self._ask(pep_xml.publish_to_existing(node, item)):
                return
        raise AssertionError("the server does not keep it")

    async def _ask(self, element: Element) -> bool:
        """Whether our server does so."""
        number = f"c{next(self._numbers)}"
        self._answers[number] = asyncio.get_running_loop().create_future()
        iq = Element("iq", type="set", id=number)
        iq.append(element)
        self._say(tostring(iq, encoding="unicode"))
        async with asyncio.timeout(_DEADLINE):
            answer = await self._answers[number]
        return answer.get("type") == "result"

    # --- what it does --------------------------------------------------------------

    async def run(self, session: str) -> None:
        """List a session that runs here, as its owner does."""
        me = (self.device.id, self.device.name, self.device.name)
        about = (session, self._where.app, self._where.schema, 0, *me, time.time())
        entry = Entry(*about, title=session, device=self.device.id)
        await self._publish(ns.SESSIONS, Item(session, session_xml.to_item(entry)))

    async def leave(self) -> None:
        """With a goodbye."""
        self._say("</stream:stream>")
        await self._end()

    async def cut(self) -> None:
        """As a pulled cable would."""
        self._writer.transport.abort()
        await self._end()

    async def _end(self) -> None:
        assert self._listener is not None
        await asyncio.wait({self._listener}, timeout=_DEADLINE)
        self._writer.close()


def _query(device: DeviceDescription) -> Element:
    """What it answers who asks what it is."""
    query = Element(f"{resource_xml.INFO}query")
    about = {"category": "client", "type": "pc", "name": "Mobility"}
    SubElement(query, f"{resource_xml.INFO}identity", about)
    SubElement(query, f"{resource_xml.INFO}feature", var="urn:xmpp:ping")
    query.append(resource_xml.to_form(device))
    return query


def _ver(query: Element) -> str:
    """What a presence says that stands for this (XEP-0115 §5.1)."""
    (form,) = resource_xml.forms(query)
    values = {
        each.get("var", ""): sorted(value.text or "" for value in each)
        for each in form.iterfind("{jabber:x:data}field")
    }
    (kind,) = values.pop("FORM_TYPE")
    words = ["client/pc//Mobility", "urn:xmpp:ping", kind]
    for name in sorted(values):
        words += [name, *values[name]]
    text = "".join(f"{word}<" for word in words)
    return base64.b64encode(
        hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    ).decode()


def _sasl(name: str, data: bytes, attributes: str = "") -> str:
    text = base64.b64encode(data).decode()
    return f"<{name} xmlns='{_SASL}'{attributes}>{text}</{name}>"


def _raw(element: Element) -> bytes:
    return base64.b64decode(element.text or "")


# --- the program -------------------------------------------------------------------


async def main() -> None:
    where = Where(**json.loads(await heard()))
    there: dict[str, Resource] = {}
    one_of_few = asyncio.Semaphore(_AT_ONCE)

    async def come(name: str, *, listed: bool) -> None:
        there[name] = Resource(where, name)
        async with one_of_few:
            await there[name].come(listed=listed)

    while line := await heard():
        (verb, names), *options = json.loads(line).items()
        if verb == "come":
            listed = dict(options).get("listed", [])
            await asyncio.gather(*(come(name, listed=name in listed) for name in names))
        elif verb == "run":
            await asyncio.gather(*(there[name].run(f"of-{name}") for name in names))
        else:
            ways = {"leave": Resource.leave, "cut": Resource.cut}
            await asyncio.gather(*(ways[verb](there.pop(name)) for name in names))
        tell("done", ids={name: each.device.id for name, each in there.items()})


class Crowd:
    """
    The program, and what a test says to it.

    Attributes:
        ids: Of the devices that are there, by their names.

    """

    def __init__(self, server: Running, account: tuple[str, str], app: Any) -> None:
        about = {"jid": account[0], "password": account[1]} | address(server)
        about |= {"app": app.uri, "schema": app.schema}
        self.ids: dict[str, str] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.crowd"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(about)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _say(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order, default=str) + "\n")
        self._process.stdin.flush()

    def obey(self, **order: Any) -> None:
        """Have it done, and wait for that: names to `come`, `run`, `leave` or `cut`."""
        self._say(order)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the crowd has ended"
        self.ids = json.loads(line)["ids"]

    async def does(self, **order: Any) -> None:
        """The same, while others go on."""
        await asyncio.to_thread(functools.partial(self.obey, **order))

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    asyncio.run(main())
