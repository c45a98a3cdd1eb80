"""A device is scanned by another one of the user, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from mobility import (
    Client,
    CodeRefused,
    DeviceCode,
    InvalidInvitation,
    LocalProtocolError,
)
from mobility.errors import DirectoryUnavailable
from mobility.xmpp.codes.stanza import Scanned
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address


@pytest.fixture
def account(server: RunningServer) -> tuple[str, str]:
    return server.add()


@pytest.fixture
async def laptop(
    server: RunningServer, account: tuple[str, str]
) -> AsyncIterator[Client]:
    """Yield a device that is in the list, and shows its code."""
    async with Client(*account, device="Laptop", **address(server)) as laptop:
        await laptop.devices()
        yield laptop


@pytest.fixture
async def phone(
    server: RunningServer, account: tuple[str, str]
) -> AsyncIterator[Client]:
    """Yield the device that scans it."""
    async with Client(*account, device="Phone", **address(server)) as phone:
        yield phone


async def code_of(device: Client) -> DeviceCode:
    async with aclosing(device.device_code()) as codes:
        return await anext(codes)


async def test_one_scan_compares_both_and_the_scanned_one_expects_the_other(
    laptop: Client, phone: Client
) -> None:
    found = await phone.scanned(await code_of(laptop))
    assert (found.name, found.id) == ("Laptop", laptop.codes.key)
    assert found.verified
    (other,) = [d for d in await laptop.devices() if d.id == phone.codes.key]
    assert laptop.expects(other.id)
    assert other.verified
    assert not phone.expects(found.id)


async def test_a_code_is_good_for_one_scan(laptop: Client, phone: Client) -> None:
    code = await code_of(laptop)
    await phone.scanned(code)
    with pytest.raises(CodeRefused, match="used already"):
        await phone.scanned(code)


async def test_a_lasting_code_finds_the_device_and_says_nothing_there(
    laptop: Client, phone: Client
) -> None:
    found = await phone.scanned(replace(await code_of(laptop), token=b""))
    assert (found.name, found.verified) == ("Laptop", True)
    (other,) = [d for d in await laptop.devices() if d.id == phone.codes.key]
    assert not laptop.expects(other.id)
    assert not other.verified


async def test_a_code_with_another_key_is_of_no_device_of_the_user(
    laptop: Client, phone: Client
) -> None:
    code = replace(await code_of(laptop), key="_____________________w")
    with pytest.raises(InvalidInvitation, match="not of one of your other devices"):
        await phone.scanned(code)


async def test_who_is_not_of_the_account_is_not_heard(
    server: RunningServer, laptop: Client
) -> None:
    code = await code_of(laptop)
    async with Client(*server.add(), **address(server)) as stranger:
        with pytest.raises(InvalidInvitation, match="Scan one that a device of your"):
            await stranger.scanned(code)
        said = Scanned(stranger.codes.key, stranger.codes.proof(code))
        with pytest.raises(CodeRefused, match="Only your own devices"):
            await stranger.stream.codes.ask(laptop.jid, said)


async def test_a_proof_that_is_none_is_refused(laptop: Client, phone: Client) -> None:
    code = replace(await code_of(laptop), token=b"x" * 16)
    with pytest.raises(CodeRefused, match="not one that is shown here"):
        await phone.scanned(code)
    assert not any(d.verified for d in await phone.devices())
    assert not any(d.verified for d in await laptop.devices())


async def test_the_code_of_a_session_is_proved_by_who_scans_it(
    laptop: Client, phone: Client
) -> None:
    app = Board()
    async with aclosing(laptop.session_code(app)) as codes:
        code = await anext(codes)
    assert app.session is not None
    assert (code.session, code.key) == (app.session.id, laptop.codes.key)
    laptop.codes.check(phone.codes.proof(code), code.session, phone.codes.key)


async def test_what_does_not_run_here_has_no_code_here(
    laptop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Board()
    laptop.session_code(app)
    assert app.session is not None
    monkeypatch.setattr(laptop, "_offered", {app.session.id})
    with pytest.raises(LocalProtocolError, match="on its way there"):
        laptop.session_code(app)


async def test_a_device_does_not_scan_itself(laptop: Client) -> None:
    with pytest.raises(InvalidInvitation, match="not of one of your other devices"):
        await laptop.scanned(await code_of(laptop))


async def test_a_guest_has_no_devices_to_show_a_code_to() -> None:
    guest = Client.guest("guests.localhost")
    for attempt in (guest.device_code, lambda: guest.session_code(Board())):
        with pytest.raises(DirectoryUnavailable, match="A guest has no other devices"):
            attempt()
