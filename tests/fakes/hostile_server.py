"""A server that speaks just enough XMPP to be trusted, and then attacks its client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import enum
import hashlib
import hmac
import re
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mobility.server.certificates import CA_FILE, ensure_certificates
from mobility.tasks import Tasks

__all__ = ["PASSWORD", "HostileServer", "Stage"]

PASSWORD = "secret"
JID = "user1@localhost"
_HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'"
    " xmlns='jabber:client' version='1.0' id='s' from='localhost'>"
)
_TLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"


class Stage(enum.Enum):
    """When it attacks: before its header, TLS or SASL, or in a session."""

    CONNECTED = enum.auto()
    PLAIN = enum.auto()
    ENCRYPTED = enum.auto()
    OPEN = enum.auto()


class HostileServer:
    """
    Attacks once, and is a good server to whoever connects again.

    Attributes:
        attack: What it sends, and when.
        mechanisms: What it offers to log in with.
        challenge: What it asks in SCRAM; ``{nonce}`` is the client's. With nothing here
            it asks nothing, and lets everybody in.
        failure: Why it lets nobody in, if so (RFC 6120 §6.5).
        password: What it proves that it knows.
        heard: All that clients have ever told it.
        left: Whether a client has gone.
        said: What the client had to say to that, until it closed the connection.

    """

    def __init__(self, folder: Path) -> None:
        ensure_certificates(folder, ["localhost", "127.0.0.1"])
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(folder / "server.crt", folder / "server.key")
        self.ca_file = folder / CA_FILE
        self.attack: tuple[Stage, bytes] | None = None
        self.mechanisms = ["SCRAM-SHA-256"]
        self.challenge = "r={nonce}server,s=c2FsdA==,i=4096"
        self.failure = ""
        self.password = PASSWORD
        self.heard = bytearray()
        self.left = asyncio.Event()
        self.said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.close()
        await self._tasks.__aexit__(typ, exc, tb)

    @property
    def address(self) -> dict[str, Any]:
        port = self._server.sockets[0].getsockname()[1]
        return {"host": "127.0.0.1", "port": port, "ca_file": self.ca_file}

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._tasks.start(self._serve(_Talk(reader, writer, self.heard)))

    async def _serve(self, talk: _Talk) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                await self._session(talk)
            talk.writer.close()
            with contextlib.suppress(OSError):
                await talk.writer.wait_closed()
        finally:
            talk.writer.transport.abort()
            self.left.set()

    async def _session(self, talk: _Talk) -> None:
        await talk.hear(rb"<stream:stream[^>]*>")
        if await self._attacked(talk, Stage.CONNECTED):
            return
        talk.say(_HEADER)
        if await self._attacked(talk, Stage.PLAIN):
            return
        talk.say(f"<stream:features>{_TLS}</stream:features>")
        await talk.hear(rb"<starttls[^>]*>")
        talk.say("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await talk.writer.start_tls(self._tls)
        await talk.hear(rb"<stream:stream[^>]*>")
        talk.say(_HEADER)
        if await self._attacked(talk, Stage.ENCRYPTED):
            return
        await self._log_in(talk)
        bind = await talk.hear(rb"<iq[^>]* id=\"([^\"]*)\"[^>]*><bind.*?</iq>")
        talk.say(
            f"<iq type='result' id='{bind[1].decode()}'>{_BIND[:-2]}><jid>{JID}/r</jid>"
            "</bind></iq>"
        )
        await talk.hear(rb"<presence")
        if not await self._attacked(talk, Stage.OPEN):
            await talk.rest()
        talk.say("</stream:stream>")

    async def _log_in(self, talk: _Talk) -> None:
        offered = "".join(f"<mechanism>{name}</mechanism>" for name in self.mechanisms)
        mechanisms = f"<mechanisms xmlns='{_SASL}'>{offered}</mechanisms>"
        talk.say(f"<stream:features>{mechanisms}</stream:features>")
        auth = await talk.hear(
            rb"<auth[^>]* mechanism=\"([^\"]*)\"[^>]*>([^<]*)</auth>"
        )
        additional = ""
        if self.failure:
            talk.say(f"<failure xmlns='{_SASL}'><{self.failure}/></failure>")
            raise EOFError
        if auth[1].startswith(b"SCRAM") and self.challenge:
            additional = await self._prove(talk, base64.b64decode(auth[2]))
        talk.say(f"<success xmlns='{_SASL}'>{additional}</success>")
        await talk.hear(rb"<stream:stream[^>]*>")
        talk.say(f"{_HEADER}<stream:features>{_BIND}</stream:features>")

    async def _prove(self, talk: _Talk, auth: bytes) -> str:
        """SCRAM-SHA-256 (RFC 5802) of the side that knows the password."""
        client_first = auth.split(b",", 2)[2]
        nonce = re.search(rb"r=([^,]*)", client_first)
        assert nonce
        first = self.challenge.replace("{nonce}", nonce[1].decode()).encode()
        talk.say(f"<challenge xmlns='{_SASL}'>{_b64(first)}</challenge>")
        response = await talk.hear(rb"<response[^>]*>([^<]*)</response>")
        final = base64.b64decode(response[1]).rpartition(b",p=")[0]
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), b"salt", 4096)
        key = hmac.digest(salted, b"Server Key", "sha256")
        proof = hmac.digest(key, b",".join((client_first, first, final)), "sha256")
        return _b64(b"v=" + base64.b64encode(proof))

    async def _attacked(self, talk: _Talk, stage: Stage) -> bool:
        if self.attack is None or self.attack[0] is not stage:
            return False
        (_, payload), self.attack = self.attack, None
        reading = asyncio.create_task(talk.rest())
        with contextlib.suppress(OSError):  # it does not listen any more
            for at in range(0, len(payload), 65536):
                talk.writer.write(payload[at : at + 65536])
                await talk.writer.drain()
        self.said.set_result(await reading)
        return True


class _Talk:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        record: bytearray,
    ) -> None:
        self.writer = writer
        self._reader = reader
        self._record = record
        self._heard = b""

    def say(self, text: str) -> None:
        self.writer.write(text.encode())

    async def hear(self, pattern: bytes) -> re.Match[bytes]:
        while (match := re.search(pattern, self._heard, re.DOTALL)) is None:
            if b"</stream:stream>" in self._heard:
                raise EOFError
            self._heard += await self._more()
        self._heard = self._heard[match.end() :]
        return match

    async def rest(self) -> bytes:
        """Everything until the client says goodbye."""
        with contextlib.suppress(OSError, EOFError):
            while b"</stream:stream>" not in self._heard:
                self._heard += await self._more()
        return self._heard

    async def _more(self) -> bytes:
        data = await self._reader.read(65536)
        if not data:
            raise EOFError
        self._record += data
        return data


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
