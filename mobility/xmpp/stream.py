"""One XMPP connection that is kept alive: TLS, stream management, reconnection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID, InvalidJID

from mobility.errors import ConnectionFailed
from mobility.xmpp.asking import MobilityAsking
from mobility.xmpp.bytestreams import Bytestreams
from mobility.xmpp.codes import MobilityCodes
from mobility.xmpp.connection import Connection
from mobility.xmpp.delegation import MobilityDelegation
from mobility.xmpp.devices import MobilityDevices
from mobility.xmpp.directory import MobilityDirectory
from mobility.xmpp.login import MobilityLogin
from mobility.xmpp.offers import MobilityOffers
from mobility.xmpp.places import MobilityPlaces
from mobility.xmpp.probing import MobilityProbing
from mobility.xmpp.published import MobilityPublished
from mobility.xmpp.requests import MobilityRequests
from mobility.xmpp.resources import MobilityResources
from mobility.xmpp.rooms import MobilityRooms
from mobility.xmpp.sasl import Anonymous, Login, MobilitySasl, Password, Pin
from mobility.xmpp.session import MobilitySession
from mobility.xmpp.sharing import MobilitySharing
from mobility.xmpp.sifting import MobilitySifting
from mobility.xmpp.split import MobilitySplit
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.upload import Uploads
from mobility.xmpp.visit import MobilityVisit
from mobility.xmpp.visits import MobilityVisits

__all__ = ["Stream", "within"]

log = logging.getLogger(__name__)
FEATURES: Final = (
    MobilityRequests,
    MobilitySasl,
    MobilityVisit,
    MobilityTransfer,
    MobilitySession,
    MobilityPublished,
    MobilityLogin,
    MobilityDelegation,
    MobilitySharing,
    MobilitySifting,
    MobilityProbing,
    MobilitySplit,
    MobilityRooms,
    MobilityAsking,
    MobilityCodes,
    Bytestreams,
    Uploads,
    MobilityDevices,
    MobilityOffers,
    MobilityVisits,
    MobilityPlaces,
    MobilityResources,
    MobilityDirectory,
)
PING = 30.0  # seconds between signs of life
PONG = 10.0  # seconds to wait for one, or for a connection
DOUBT = 4.0  # seconds to wait for one where we have a reason to think that none comes
PREPARE = 5.0  # seconds at most until we show that we are there
FIRST = 15.0  # seconds to wait for the first connection
REPLACED = 60.0  # seconds until we come back after another connection took our place
_SLOWEST = 5.0  # seconds between two attempts to connect again
_UNWELCOME = {  # conditions of RFC 6120 §6.5 that are not about the proof
    "account-disabled": "has disabled the account",
    "credentials-expired": "wants a new password for",
    "temporary-auth-failure": "cannot check logins now; try again later as",
}


class Stream:
    """
    A connection to the account's server.

    Args:
        jid: Account, with or without a resource.
        login: How to prove that it is ours. A text is the password, which is used for
            SCRAM and never leaves this device.
        host, port: Where the server is, if not where DNS says.
        ca_file: PEM file of the authority to trust instead of the system's.
        priority: Of our initial presence. Bare-JID messages are for people, so it is
            negative by default: neither they nor the offline store come to this
            resource then (RFC 6121 §8.5). With None there is no presence at all.
        reach: Whether its server may be anywhere, or at a public address only: a
            stranger's DNS may lead into our own network.
        patience: Seconds more for the first login, once its server is reached, since a
            person decides it.
        on_change: Called with True when we are online (again), False when not.

    Attributes:
        prepare: What is done on a new session before anybody sees that we are there.

    Raises (on entering):
        ConnectionFailed: With a sentence that names the server and the reason.

    """

    def __init__(
        self,
        jid: str,
        login: str | Login,
        *,
        host: str | None = None,
        port: int | None = None,
        ca_file: Path | None = None,
        priority: int | None = -1,
        reach: Literal["any", "public"] = "any",
        patience: float = 0.0,
        on_change: Callable[[bool], None] = lambda online: None,
    ) -> None:
        self._account = _account(jid, login)
        self._priority = self._usual = priority
        self._patience = patience
        self._address = (host, port or 5222) if host else (None, None)
        self._on_change = on_change
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._gone = asyncio.Event()
        self._doubted = asyncio.Event()  # the next sign of life is not waited for
        self.resumed = False  # whether nothing can have been lost since the last cut
        self._replaced = False  # whether the server has ended it for another one
        self._nameless = False  # whether DNS does not know the server
        self._failure: ConnectionFailed | None = None
        self.prepare: Callable[[], Awaitable[None]] | None = None
        self._busy = False
        self._said: tuple[int | None, bool] = (None, False)  # priority, busy
        self._starting: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.xmpp = xmpp = _connection(self._account, host, ca_file, reach)
        self._sasl = MobilitySasl.of(xmpp)
        self._sasl.login = _login(self._account, login)
        self._name_features()
        self.uploads.ca_file = ca_file
        xmpp.add_event_handler("disconnected", xmpp.keep_unsent)
        for event, handler in self._handlers().items():
            xmpp.add_event_handler(event, handler)

    def _name_features(self) -> None:
        xmpp = self.xmpp
        self.visits = MobilityVisit.of(xmpp)
        self.logins = MobilityLogin.of(xmpp)
        self.delegation = MobilityDelegation.of(xmpp)
        self.transfers = MobilityTransfer.of(xmpp)
        self.sessions = MobilitySession.of(xmpp)
        self.bytestreams = Bytestreams.of(xmpp)
        self.uploads = Uploads.of(xmpp)
        self.codes = MobilityCodes.of(xmpp)
        self.devices = MobilityDevices.of(xmpp)
        self.resources = MobilityResources.of(xmpp)
        self.offers = MobilityOffers.of(xmpp)
        self.running = MobilityVisits.of(xmpp)
        self.published = MobilityPublished.of(xmpp)
        self.places = MobilityPlaces.of(xmpp)
        self.sharing = MobilitySharing.of(xmpp)
        self.sifting = MobilitySifting.of(xmpp)
        self.probing = MobilityProbing.of(xmpp)
        self.splitting = MobilitySplit.of(xmpp)
        self.rooms = MobilityRooms.of(xmpp)
        self.asking = MobilityAsking.of(xmpp)
        self.directory = MobilityDirectory.of(xmpp)

    def _handlers(self) -> dict[str, Callable[[Any], None]]:
        return {
            "session_start": self._on_start,
            "session_resumed": self._on_resumed,
            "disconnected": self._on_disconnected,
            "stream_error": self._on_error,
            "connection_failed": self._on_failed,
            "reconnect_delay": self._on_all_failed,
            "rule_broken": lambda _: self._fail(
                f"What answers at {self._server} does not keep to the rules of XMPP. "
                "Check the address."
            ),
            "login_refused": self._fail,
            "login_failed": lambda condition: self._fail(self._unwelcome(condition)),
            "ssl_invalid_chain": lambda _: self._fail(
                f"The certificate of {self._server} is not trusted here. "
                "If the server is yours, name its CA file."
            ),
        }

    @property
    def jid(self) -> str:
        """Our full JID, as the server bound it."""
        return str(self.xmpp.boundjid)

    @property
    def login(self) -> Login:
        return self._sasl.login

    @property
    def pin(self) -> Pin | None:
        """What our own login is like, if it was by a password that we know."""
        return self.login.pin if isinstance(self.login, Password) else None

    @property
    def certificate(self) -> bytes:
        """SHA-256 of the server's, as DER; empty before we were connected."""
        return self._sasl.offered.certificate if self._sasl.offered else b""

    def prefer_resource(self, resource: str) -> None:
        """What to ask the server for, if the account was given without one."""
        if not self._account.resource:
            self.xmpp.requested_jid = JID(f"{self._account.bare}/{resource}")

    @property
    def online(self) -> bool:
        return self._up.is_set()

    @property
    def _server(self) -> str:
        host, port = self._address
        return f"{host}:{port}" if host else self._account.domain

    async def __aenter__(self) -> Self:
        self.reopen()
        try:
            if not await self._in_time(FIRST, self._down, self._up):
                raise ConnectionFailed(
                    f"No XMPP server answers at {self._server}. "
                    "Check the address and your network."
                )
            if self._failure is not None:
                raise self._failure
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    def reopen(self) -> None:
        """Connect, also after `close`, and go on trying until that comes to be."""
        self._down.clear()  # what failed before is past
        self._failure = None
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())

    async def wait_online(self) -> None:
        await self._up.wait()

    async def wait_offline(self) -> None:
        while self.online:
            await self._gone.wait()

    def check(self) -> None:
        """
        Doubt the connection: ask for a sign of life now, or connect again now.

        For after a suspend, or where the network is another one. A connection that
        holds stays, and an attempt that is under way is made anew if it does not
        come to one soon.
        """
        self._doubted.set()

    async def ping(self, jid: str, *, seconds: float) -> bool | None:
        """Whether somebody answers there (XEP-0199); None if nothing comes in time."""
        try:
            async with asyncio.timeout(seconds):
                await self.xmpp.plugin["xep_0199"].send_ping(JID(jid), timeout=seconds)
        except (TimeoutError, IqTimeout):
            return None
        except IqError:
            return False
        return True

    async def close(self) -> None:
        """Say goodbye, so that the server forgets the session at once."""
        self._fail(f"The connection to {self._server} was closed.")
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self.xmpp.cancel_connection_attempt()
        try:
            if self.xmpp.is_connected():
                await self._say_goodbye()
        finally:
            self.xmpp.abort()  # whoever waits no longer does not leave it open
        await self._stop_filters()

    async def _say_goodbye(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                # WORKAROUND: slixmpp 1.17 overlooks what it is filtering.
                await self.xmpp.waiting_queue.join()
                await self.xmpp.disconnect(wait=1.0)

    async def _stop_filters(self) -> None:
        # WORKAROUND: slixmpp 1.17 leaves its sending task to the garbage collector.
        task = self.xmpp._run_out_filters
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=1)

    async def _in_time(self, seconds: float, *events: asyncio.Event) -> bool:
        """Whether one of them comes; a login that a person decides may take longer."""
        if await within(seconds, *(event.wait() for event in events)):
            return True
        if self._sasl.offered is None:
            return False
        return await within(self._patience, *(event.wait() for event in events))

    async def _keep(self) -> None:
        """Connect, watch, and connect again, for as long as we are open."""
        pause = 0.1
        while True:
            self._gone = asyncio.Event()
            self._doubted.clear()
            self._replaced = False
            self.xmpp.connect(*self._address)
            if await self._connected():
                await self._watch()
                pause = REPLACED if self._replaced else 0.1
            self.xmpp.cancel_connection_attempt()
            if self.xmpp.is_connected():
                self.xmpp.abort()
            if await within(pause, self._doubted.wait()):
                pause = 0.1
            else:
                pause = min(_SLOWEST, pause * 2)

    async def _connected(self) -> bool:
        """Whether we are online in time; an attempt that is doubted has less of it."""
        await self._in_time(PONG, self._up, self._gone, self._doubted)
        if self._doubted.is_set():
            left = DOUBT + self._patience
            await within(left, self._up.wait(), self._gone.wait())
        return self.online

    async def _watch(self) -> None:
        """Until the connection is gone, or the server does not answer any more."""
        while True:
            await within(PING, self._gone.wait(), self._doubted.wait())
            if self._gone.is_set():
                return
            patience = DOUBT if self._doubted.is_set() else PONG
            self._doubted.clear()
            ping = self.xmpp.plugin["xep_0199"].send_ping(JID(self._account.domain))
            if not await within(patience, ping):
                log.info("the server does not answer; connecting again")
                return

    def _on_start(self, _: Any) -> None:
        if self.prepare is None:
            self._start()
        else:
            self._starting = asyncio.create_task(self._prepared(self.prepare))

    async def _prepared(self, prepare: Callable[[], Awaitable[None]]) -> None:
        gone = self._gone
        await within(PREPARE, prepare())
        if not gone.is_set():
            self._start()

    def _start(self) -> None:
        self._priority = self._usual  # no filter of the last session holds any more
        self.show()
        self._online(resumed=False)

    def show(self) -> None:
        """Say that we are there, and what our presence stands for."""
        self._said = self._priority, self._busy
        if self._priority is not None:
            show = "dnd" if self._busy else None
            self.xmpp.send_presence(ppriority=self._priority, pshow=show)

    @property
    def busy(self) -> bool:
        """Whether our presence says that we can take no more now."""
        return self._busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        changed, self._busy = busy != self._busy, busy
        if changed and self.online:
            self.show()

    @property
    def priority(self) -> int | None:
        """Of our presence."""
        return self._priority

    def raise_priority(self) -> None:
        """
        Have what is for the account brought here too, until `lower_priority`.

        For who has seen that the server keeps people's messages from us: otherwise they
        would end here (RFC 6121 §8.5.2). A new session begins with the usual priority.
        """
        if self._usual is not None:
            self._prioritise(max(self._usual, 0))

    def lower_priority(self) -> None:
        """What is for the account is for others."""
        self._prioritise(self._usual)

    def _prioritise(self, priority: int | None) -> None:
        changed, self._priority = priority != self._priority, priority
        if changed and self.online:
            self.show()

    @property
    def shown(self) -> bool:
        """Whether others are told that we are there."""
        return self._usual is not None

    def _on_resumed(self, _: Any) -> None:
        if self._said != (self._priority, self._busy):
            self.show()
        self._online(resumed=True)

    def _online(self, *, resumed: bool) -> None:
        self.resumed = resumed
        self._patience = 0.0
        self._up.set()
        self._on_change(True)

    def _on_disconnected(self, _: Any) -> None:
        self._gone.set()
        if self._starting is not None:
            self._starting.cancel()
        if self._up.is_set():
            self._up.clear()
            self._on_change(False)

    def _on_error(self, error: Any) -> None:
        # Were we back at once, the two would throw each other out for ever: so it is
        # where a server lets in only so many devices of an account (ejabberd: 10).
        if error["condition"] == "conflict":
            self._replaced = True
            log.warning(
                "another device of %s has taken the place of this one, as far as %s "
                "is concerned; it is tried again in a minute",
                self._account.bare,
                self._server,
            )

    def _on_failed(self, reason: Any) -> None:
        # slixmpp gives a text where there is no such name, otherwise the exception.
        self._nameless = isinstance(reason, str)

    def _on_all_failed(self, _: Any) -> None:
        """No address answers: the pause before the next attempt is ours to choose."""
        self._gone.set()
        self._fail(
            f"There is no server called {self._server}. Check the address."
            if self._nameless
            else f"No XMPP server answers at {self._server}. "
            "Check the address and your network."
        )

    def _unwelcome(self, condition: str) -> str:
        if isinstance(self.login, Anonymous):
            return f"{self._server} lets no more guests in now. Try again in a minute."
        proof = "password" if isinstance(self.login, Password) else "login"
        why = _UNWELCOME.get(condition, f"does not accept the {proof} of")
        return f"{self._server} {why} {self._account.bare}."

    def _fail(self, sentence: str) -> None:
        if not self._down.is_set():
            self._failure = ConnectionFailed(sentence)
            self._down.set()


def _connection(
    account: JID, host: str | None, ca_file: Path | None, reach: str
) -> Connection:
    """With all features, and not connected yet."""
    xmpp = Connection(account, "", ssl_context=_tls(ca_file))
    xmpp.public_only = reach == "public"
    # A private server and most others speak STARTTLS; direct TLS is found by SRV.
    xmpp.enable_direct_tls = host is None
    # slixmpp accepts every contact request, and asks back; who is a contact of the
    # user is for the user to say.
    xmpp.auto_authorize, xmpp.auto_subscribe = None, False
    for name in ("xep_0198", "xep_0199", *(feature.name for feature in FEATURES)):
        xmpp.register_plugin(name)
    xmpp.plugin["xep_0198"].window = 1
    return xmpp


def _login(account: JID, login: str | Login) -> Login:
    return Password(account.local, login) if isinstance(login, str) else login


def _account(jid: str, login: str | Login) -> JID:
    try:
        account = JID(jid)
    except InvalidJID:
        account = JID("")
    if isinstance(login, Anonymous) and account.domain:
        return JID(account.domain)
    if not account.local or not account.domain:
        bare = jid.partition("/")[0]
        raise ConnectionFailed(f"{bare!r} is not an XMPP address like me@example.org.")
    return account


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise ConnectionFailed(
            f"The CA file {ca_file} cannot be used: {exc.strerror or 'not a PEM file'}."
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def within(seconds: float, *awaitables: Any) -> bool:
    """Whether one of them came to its end within so many seconds, without an error."""
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    try:
        done, _ = await asyncio.wait(
            tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for task in tasks:
            task.cancel()
    return any(task.exception() is None for task in done)
