"""`mobility open` and `mobility read`: what a code is, and the command for it."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mobility.cli.scan import read_file
from mobility.cli.settings import load_jid
from mobility.errors import InvalidInvitation, MobilityError
from mobility.protocol.code import Address, Code, DeviceCode, SessionCode, check_own
from mobility.protocol.code import read as read_code
from mobility.protocol.handshake import claim
from mobility.protocol.invitation import Invitation
from mobility.protocol.sharecode import ShareCode

__all__ = ["command", "open_uri", "read"]


def open_uri(
    ctx: typer.Context,
    uri: Annotated[str, typer.Argument(help="What a code says, or a link.")],
    stay: Annotated[
        bool,
        typer.Option("--stay", help="Wait for Enter in the end: the window closes."),
    ] = False,
) -> None:
    """Do what a code is for: visit a screen, take a session, send one."""
    try:
        name, *arguments = command(read_code(uri))
        subcommands = ctx.find_root().command
        assert isinstance(subcommands, typer.core.TyperGroup)
        subcommands.commands[name].main(arguments, name, standalone_mode=False)
    except MobilityError as exc:
        if not stay:
            raise
        print(exc, file=sys.stderr)
        raise SystemExit(1) from exc
    finally:
        if stay:
            with contextlib.suppress(EOFError, KeyboardInterrupt):
                input("Press Enter to close this. ")


def read(
    file: Annotated[Path, typer.Argument(help="A photo, or a file of an NFC tag.")],
) -> None:
    """Tell what the code in a photo or on a tag is."""
    text = read_file(file)
    code = read_code(text)
    print(_what(code))
    print(text)
    if not isinstance(code, Address):
        print(f"mobility open {shlex.quote(text)}")


def command(code: Code) -> list[str]:
    """
    The `mobility` command line that does what a code is for.

    Each of these commands asks its user before anything moves: any web page can have a
    link opened.

    Raises:
        InvalidInvitation: If there is none, or the code is of somebody else's device.

    """
    match code:
        case Invitation():
            return ["visit", str(code)]
        case ShareCode():
            return ["join", str(code)]
        case DeviceCode():
            check_own(code, load_jid().partition("/")[0])
            return ["send", "--to", str(code)]
        case SessionCode():
            check_own(code, load_jid().partition("/")[0])
            return ["continue", str(code)]
    raise InvalidInvitation(f"{code.warning} This command sends nothing there.")


def _what(code: Code) -> str:
    match code:
        case Invitation():
            return f"The code of a public screen at {code.domain}."
        case ShareCode():
            return f"The code of what {claim(code.account)} shares."
        case DeviceCode():
            return f"The code of a device of {claim(code.account)}."
        case SessionCode():
            return f"The code of a session on a device of {claim(code.account)}."
    return code.warning
