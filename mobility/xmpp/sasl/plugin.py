"""Logs a stream in as its `Login` says, in place of slixmpp's own mechanisms."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from typing import Any, ClassVar, Final
from xml.etree.ElementTree import Element

from slixmpp import ClientXMPP
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import LoginRefused, MobilityError
from mobility.protocol.pin import Offered
from mobility.xmpp.feature import Feature
from mobility.xmpp.sasl import stanza
from mobility.xmpp.sasl.login import Anonymous, Login

__all__ = ["MobilitySasl"]

log = logging.getLogger(__name__)
_ORDER: Final = 100  # among the features of a stream: after TLS, before all others


class MobilitySasl(Feature):
    """
    One login for each connection.

    Two events tell how it failed: ``login_refused`` by us, with the sentence, and
    ``login_failed`` by the server, with its condition (RFC 6120 §6.5).

    Attributes:
        login: What to log in with.
        offered: What the server offered last.

    """

    name = "mobility_sasl"
    description = "Logins"
    dependencies: ClassVar[set[str]] = {"feature_mechanisms"}

    xmpp: ClientXMPP

    def plugin_init(self) -> None:
        self.login: Login = Anonymous()
        self.offered: Offered | None = None
        self._steps: asyncio.Queue[Element] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        # slixmpp's mechanisms compute, and answer at once; ours may ask somebody.
        self.xmpp.unregister_feature("mechanisms", _ORDER)
        self.xmpp.register_feature(
            "mechanisms", self._begin, restart=True, order=_ORDER
        )
        for step in ("Challenge", "Success", "Failure"):
            self.xmpp.remove_handler(f"SASL {step}")
        for tag in (stanza.CHALLENGE, stanza.SUCCESS, stanza.FAILURE):
            self.xmpp.register_handler(
                Callback(tag, MatchXPath(tag), self._hear, instream=True)
            )
        self.xmpp.add_event_handler("disconnected", self._stop)

    def _begin(self, features: Any) -> bool:
        if "mechanisms" in self.xmpp.features or self._task is not None:
            return False
        self._steps = asyncio.Queue()
        self._task = asyncio.create_task(self._log_in(features.xml))
        return True

    def _stop(self, _: Any) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _hear(self, step: Any) -> None:
        if self._task is not None and not self._task.done():
            self._steps.put_nowait(step.xml)

    async def _log_in(self, features: Element) -> None:
        try:
            self.offered = self._seen(features)
            mechanism, initial = await self.login.begin(self.offered)
            self._send(stanza.auth(mechanism, initial))
            while (step := await self._steps.get()).tag == stanza.CHALLENGE:
                answer = await self.login.respond(stanza.payload(step))
                self._send(stanza.response(answer))
            if step.tag == stanza.FAILURE:
                condition = stanza.condition(step)
                log.info("no login: %s", condition or "the server does not say why")
                self._leave("login_failed", condition)
                return
            await self.login.succeed(stanza.payload(step))
        except MobilityError as exc:
            # The sentence is not for a log: on a display it is about its visitor.
            log.info("no login: %s", type(exc).__name__)
            self._send(stanza.abort())
            self._leave("login_refused", str(exc))
        else:
            self._open()

    def _seen(self, features: Element) -> Offered:
        transport = self.xmpp.transport
        tls = transport and transport.get_extra_info("ssl_object")
        if not isinstance(tls, ssl.SSLObject):
            raise LoginRefused("The connection is not encrypted, so nothing was sent.")
        certificate = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").digest()
        domain = self.xmpp.requested_jid.domain
        return Offered(stanza.mechanisms(features), domain, certificate)

    def _send(self, step: bytes) -> None:
        # Not by slixmpp's `send_raw`, which logs what it sends.
        if self.xmpp.transport is not None:
            self.xmpp.transport.write(step)

    def _leave(self, event: str, why: str) -> None:
        self.xmpp.event(event, why)
        self.xmpp.disconnect()

    def _open(self) -> None:
        """What follows is a new stream (RFC 6120 §6.4.6)."""
        self.xmpp.authenticated = True
        self.xmpp.features.add("mechanisms")
        self.xmpp.event("auth_success")
        self.xmpp.init_parser()
        self.xmpp.send_raw(self.xmpp.stream_header)
