"""`mobility qr`: a code in the terminal, as a picture, or for a tag."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer
from slixmpp.jid import JID, InvalidJID

from mobility import qr as pictures
from mobility.cli.drawing import print_code, print_codes
from mobility.cli.settings import AGENT, load_data, load_jid
from mobility.errors import InvalidInvitation, SettingsError
from mobility.own import tag
from mobility.own.codes import Codes
from mobility.protocol.code import DeviceCode, SessionCode
from mobility.protocol.uri import link
from mobility.store import Store

__all__ = ["qr"]

_Live: TypeAlias = AsyncGenerator[DeviceCode, None] | AsyncGenerator[SessionCode, None]
_FORMS: Final[dict[str, Callable[[str], bytes]]] = {
    "svg": lambda text: pictures.svg(text).encode(),
    "png": pictures.png,
    "ndef": tag.encode,
}
_BELOW: Final = "Scan it with another device of yours. Ctrl-C ends this."


def qr(
    address: Annotated[
        str | None, typer.Argument(help="An address, or a whole xmpp: URI.")
    ] = None,
    device: Annotated[
        bool, typer.Option("--device", help="The code of this device: send to me.")
    ] = False,
    session: Annotated[
        str, typer.Option(metavar="ID", help="Of what runs on this device: take this.")
    ] = "",
    agent: Annotated[
        bool, typer.Option("--agent", help="With --device: of the agent here.")
    ] = False,
    svg: Annotated[Path | None, typer.Option(help="Write it as a drawing.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write it as a picture.")] = None,
    ndef: Annotated[Path | None, typer.Option(help="Write it for an NFC tag.")] = None,
) -> None:
    """Show the code of an address, of this device, or of its session."""
    if (address is not None) + device + bool(session) != 1:
        raise SettingsError(
            "Name what the code shall be of: an address, --device or --session ID."
        )
    if agent and not device:
        raise SettingsError("--agent goes with --device: it is of the agent here.")
    given = {"svg": svg, "png": png, "ndef": ndef}
    files = {form: path for form, path in given.items() if path is not None}
    if address is not None:
        _address(_link(address), files)
    elif device:
        codes = _codes(load_data() / AGENT if agent else load_data())
        _show(codes.device(), codes.devices(), files)
    else:
        folder, id = _kept(session)
        codes = _codes(folder)
        _show(codes.session(id), codes.sessions(id), files)


def _address(uri: str, files: dict[str, Path]) -> None:
    if files:
        _write(uri, files)
    else:
        print_code(uri)


def _show(now: DeviceCode | SessionCode, live: _Live, files: dict[str, Path]) -> None:
    """A file holds no token: in a minute it would be good no more."""
    if files:
        _write(str(replace(now, token=b"")), files)
        return
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(print_codes(_texts(live), _BELOW))


async def _texts(live: _Live) -> AsyncIterator[str]:
    async for code in live:
        yield str(code)


def _write(uri: str, files: dict[str, Path]) -> None:
    for form, path in files.items():
        content = _FORMS[form](uri)
        try:
            path.write_bytes(content)
        except OSError as exc:
            raise SettingsError(f"{path} cannot be written: {exc.strerror}.") from None
        print(f"{path}: {len(content)} bytes.")
    print(uri)


def _codes(folder: Path) -> Codes:
    """Of the device with this journal, also while another program has it."""
    account = load_jid().partition("/")[0]
    with Store(folder) as journal:
        return Codes(account, journal.identity(secrets.token_bytes(32)))


def _kept(begins: str) -> tuple[Path, str]:
    """The journal with the session whose identifier begins so, and all of it."""
    found = [
        (folder, id)
        for folder in (load_data(), load_data() / AGENT)
        for id in _sessions(folder)
        if id.startswith(begins)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInvitation(f"There are several sessions {begins!r}: write more.")
    raise InvalidInvitation(
        f"This device has no session {begins!r}. The code of a session is shown by the "
        "device that it belongs to."
    )


def _sessions(folder: Path) -> list[str]:
    if not (folder / "journal.db").exists():
        return []
    with Store(folder) as journal:
        return [kept.id for kept in journal.kept()]


def _link(jid: str) -> str:
    return jid if jid.startswith("xmpp:") else link(_checked(jid))


def _checked(jid: str) -> str:
    try:
        parsed = JID(jid)
    except InvalidJID:
        parsed = JID("")
    if not parsed.local or not parsed.domain:
        raise InvalidInvitation(f"{jid!r} is not an XMPP address like me@example.org.")
    return str(parsed)
