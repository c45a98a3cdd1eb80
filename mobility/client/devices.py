"""A device and the user's others: who they are, what they have, and what they ask."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
)
from contextlib import aclosing

from mobility.app import App
from mobility.client.others import Others
from mobility.dispatch import bare
from mobility.errors import (
    InvalidInvitation,
)
from mobility.own.acquaintances import found
from mobility.own.announcing import Announcing
from mobility.own.asking import Asking
from mobility.own.codes import Codes
from mobility.own.device import Device
from mobility.own.devices import OwnDevices
from mobility.own.directory import Directory, ListedSession
from mobility.own.holding import Holding
from mobility.own.lost import Losses, LostSession
from mobility.own.requesting import Requesting
from mobility.protocol.code import DeviceCode, SessionCode, check_own
from mobility.session import Session
from mobility.transfer import Report, timing, unseen
from mobility.xmpp.codes.stanza import Scanned
from mobility.xmpp.stream import within

__all__ = ["Devices"]

LISTED = 5.0  # seconds for a server to let others see a session


class Devices(Others):
    """What a device does with the user's other devices: it knows, asks and obeys."""

    def _wire(self) -> None:
        super()._wire()
        self.codes = Codes(bare(self._account), self._identity)
        self.stream.codes.receive = self.codes.receive
        if self._own is not None:
            self.codes.on_scanned = self._own.known.compared
            self._wire_directory(self._own)
            self._wire_asking()

    def _wire_directory(self, own: OwnDevices) -> None:
        self._announcing = Announcing(
            *(self.stream, self._store, self._tasks, self._away), name=self.name
        )
        self._owned.watch(lambda: self._announcing.add_own(self._owned))
        self._directory = self._announcing.directory = Directory(
            *(self.stream, self.devices, own.known.watchers),
            us=lambda: self._announcing.id,
            ours=self._announcing.entries,
            screens=self._running.lent,
        )
        self._directory.on_news = self._announcing.changed
        self._losses = Losses(self.sessions)
        self._arrivals.on_lost = self._losses.add

    def _wire_asking(self) -> None:
        self._requesting = Requesting(
            self.stream.asking, self._arrivals, self._factories
        )
        holding = Holding(
            *(self._store, self._announcing, self._owned, self._away),
            *(self._arrivals, self._running),
            own=self.devices,
            goes=self._offered,
            shared=self._shares,
            give=self._give,
        )
        self._asking = Asking(
            *(holding, lambda: self.stream.jid, self._tasks, self._on_ask),
            check=self.codes.check,
        )
        self.stream.asking.receive = self._asking.receive
        self.stream.offers.receive = self._arrivals.receive_offer
        if self._factories:  # the server tells only who asks before it is there
            self.stream.offers.watch(self.codes.key, self._arrivals.news.set)

    async def _begin(self) -> None:
        if self._own is not None and (self._factories or self._store.kept()):
            self._announcing.start()
        await super()._begin()

    async def _end(self) -> None:
        await super()._end()
        if self._own is not None:
            await self._announcing.close()
            await within(timing.GOODBYE, self._own.goodbye())

    def _on_change(self, online: bool) -> None:
        super()._on_change(online)
        if online and self._own is not None and not self.stream.resumed:
            self._announcing.online()

    async def devices(self) -> list[Device]:
        """
        The user's devices: this one first, then those that are online.

        Where the server keeps no list, those that are online, or were seen before.

        Raises:
            DirectoryUnavailable: A guest has none.

        """
        return await self._devices().all()

    async def device(self, wanted: str) -> Device:
        """
        The one of `devices` with that name or id.

        Raises:
            UnknownDevice: There is none, or several; the sentence names them.

        """
        return found(await self.devices(), wanted)

    async def watch_devices(self) -> AsyncGenerator[list[Device], None]:
        """The user's devices now, and again whenever something about them changes."""
        own = self._devices()
        await own.all()
        async with aclosing(own.known.watch()) as lists:
            async for devices in lists:
                yield devices

    async def rename(self, device: Device, name: str) -> None:
        """
        Call a device so, on all devices of the account; by its own name, if empty.

        Raises:
            InvalidState: That cannot be shown as a name.
            DirectoryUnavailable, PeerUnreachable: The server does not keep it.

        """
        await self._devices().known.rename(device, name)

    async def forget(self, device: Device) -> None:
        """
        Take a device that is away off the list, on all devices of the account.

        If it comes back, it is on the list again: only a new password keeps it out.

        Raises:
            LocalProtocolError: It is connected.
            DirectoryUnavailable, PeerUnreachable: The server does not do so.

        """
        await self._devices().known.forget(device)
        await self._announcing.disown(device.id)

    async def verify(self, code: str) -> Device:
        """
        Note that a device is the one that the user has in hand.

        Args:
            code: Its `Device.id` or `Device.fingerprint`, as that device shows it.

        Raises:
            UnknownDevice: No device of the account has it.

        """
        return await self._devices().known.verify(code)

    @property
    def busy(self) -> bool:
        """Whether this device says that it can take no more sessions now."""
        return self.stream.busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        self.stream.busy = busy

    async def sessions(self) -> list[ListedSession]:
        """
        What runs on the user's devices now, the latest first; as far as they say so.

        Where the server keeps no directory, the devices that are online are asked.

        Raises:
            PeerUnreachable: If the server does not answer.

        """
        self._devices()
        return await self._directory.all()

    async def watch_sessions(self) -> AsyncGenerator[list[ListedSession], None]:
        """What runs now, and again whenever that has changed, for ever."""
        self._devices()
        async with aclosing(self._directory.watch()) as lists:
            async for listed in lists:
                yield listed

    async def list_session(self, app: App, *, title: str = "") -> Session:
        """
        Let the user's other devices see a running app, until it or this device ends.

        One that is offered to own devices is listed without that.

        Args:
            app: Runs here, or was handed over from here.
            title: What a person calls it; otherwise it is `App.title`.

        Raises:
            DirectoryUnavailable: A guest has no other devices.
            LocalProtocolError: It belongs to another device.

        """
        self._devices()
        moved = app.session is not None and app.session.id in self._away
        session = app.session if moved and app.session else self._ours(app)
        app.title = title or app.title
        self._announcing.add(session)
        await self._list()  # who may be asked for it
        if self.stream.online:
            await within(LISTED, self._announcing.written())
        return session

    async def request(
        self, listed: ListedSession, *, proof: bytes = b"", progress: Report = unseen
    ) -> Session:
        """
        Ask the device that decides about a session for it: continue here.

        Args:
            listed: One of `sessions`.
            proof: That its code was scanned; then nobody is asked there.
            progress: Called now and then with how far it has come.

        Returns:
            The session, which runs here, and is this device's own.

        Raises:
            TransferRefused: It is not given; condition and sentence say why.
            PeerUnreachable: The device that has it is away, or cannot give it now.
            TransferAborted, TransferExpired: It stays there.
            LocalProtocolError: It is this device's own.

        """
        own = await self._list()
        session = await self._requesting.request(listed, own, proof, progress)
        session.app.title = session.app.title or listed.title
        return session

    def unlist_session(self, app: App) -> None:
        """List it no more; it runs on."""
        if self._own is not None and app.session is not None:
            self._announcing.remove(app.session)

    async def lost(self) -> AsyncGenerator[LostSession, None]:
        """
        Sessions of other devices that ran here and were taken back, for ever.

        Also those that were taken back while this device was offline, once it learns of
        it; and while it was off, once `arriving` has been asked and gone on with.
        """
        self._devices()
        async with aclosing(self._losses.all()) as losses:
            async for lost in losses:
                yield lost

    def device_code(self) -> AsyncGenerator[DeviceCode, None]:
        """
        The code of this device: "send to me", to be shown until the next one comes.

        What shows it ends the stream; nothing else does.

        Raises:
            DirectoryUnavailable: A guest has no other devices that could scan it.

        """
        self._devices()
        return self.codes.devices()

    def session_code(self, app: App) -> AsyncGenerator[SessionCode, None]:
        """
        The code of a session that runs here: "take this", likewise.

        Raises:
            LocalProtocolError: It does not run here, or another device decides.
            DirectoryUnavailable: As `device_code`.

        """
        self._devices()
        return self.codes.sessions(self._ours(app).id)

    async def scanned(self, code: DeviceCode) -> Device:
        """
        Find the own device whose code was scanned, and tell it that it was us.

        Then it `expects` an offer of this device, and each has the other marked as
        compared (`verify`): a code without a token marks it here only.

        Raises:
            InvalidInvitation: It is no other device of the user's.
            CodeRefused: The code is not good any more.
            DirectoryUnavailable, PeerUnreachable: As `devices`; or it is away.

        """
        self._devices()
        check_own(code, bare(self._account))
        known = {device.id: device for device in await self.devices()}
        if code.key not in known or code.key == self.codes.key:
            raise InvalidInvitation("This code is not of one of your other devices.")
        device = known[code.key]
        if proof := self.codes.proof(code):
            await self.stream.codes.ask(device.jid, Scanned(self.codes.key, proof))
        return await self.verify(device.id)

    def expects(self, device: str) -> bool:
        """Whether the device with that id has just scanned the code of this one."""
        return self.codes.expects(device)
