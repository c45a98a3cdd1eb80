"""Which session and which devices a person means by what they type."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from mobility.app import App
from mobility.errors import InvalidInvitation, TransferRefused, UnknownSession
from mobility.own.acquaintances import found
from mobility.own.device import Device
from mobility.own.directory import ListedSession
from mobility.protocol.code import DeviceCode, SessionCode, check_own, read

__all__ = [
    "ALL",
    "chosen",
    "device_names",
    "once_online",
    "scanned",
    "session_code",
    "targets",
]

ALL = "all"
SEEN = 3.0  # seconds after our login until a server has surely told who is there


def chosen(listed: Sequence[ListedSession], wanted: str) -> ListedSession:
    """
    The one session with that id, number in the list, or beginning of its title.

    Raises:
        UnknownSession: There is none, or several; the sentence names them.

    """
    match _meant(listed, wanted):
        case [session]:
            return session
        case []:
            raise UnknownSession(_none(listed, wanted))
        case several:
            names = ", ".join(f"{_named(each)} ({each.id})" for each in several)
            raise UnknownSession(
                f"{wanted} may be any of {names}. Name it by its id, or by its "
                "number in mobility sessions."
            )


def _meant(listed: Sequence[ListedSession], wanted: str) -> list[ListedSession]:
    by_id = [each for each in listed if each.id == wanted]
    if by_id:
        return by_id
    if wanted.isdecimal() and 0 < int(wanted[:9]) <= len(listed):
        return [listed[int(wanted[:9]) - 1]]
    wanted = wanted.casefold() or "\0"  # nothing names nothing
    exact = [each for each in listed if each.title.casefold() == wanted]
    return exact or [
        each for each in listed if each.title.casefold().startswith(wanted)
    ]


def _none(listed: Sequence[ListedSession], wanted: str) -> str:
    if not listed:
        return "None of your devices lists a session."
    names = ", ".join(map(_named, listed))
    return f"No session is called {wanted}. There are: {names}."


def _named(session: ListedSession) -> str:
    """What a person calls it, and where it is."""
    return f"{session.title or session.app} on {session.place}"


def scanned(listed: Sequence[ListedSession], code: SessionCode) -> ListedSession:
    """
    The session whose code was scanned.

    Raises:
        UnknownSession: The device that showed it does not decide about it any more.

    """
    for each in listed:
        if (each.id, each.owner) == (code.session, code.key):
            return each
    raise UnknownSession(
        "What this code stands for has ended, or has gone elsewhere: mobility "
        "sessions shows what runs now."
    )


async def once_online(
    wanted: ListedSession, lists: AsyncGenerator[list[ListedSession], None]
) -> ListedSession:
    """The same, once its owner is seen; as it is, if that is not soon."""
    if wanted.online:
        return wanted
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SEEN), aclosing(lists):
            async for now in lists:
                for each in now:
                    if each.id == wanted.id and each.online:
                        return each
    return wanted


def session_code(text: str, account: str) -> SessionCode | None:
    """
    The code of a session of this account, if the text is a code.

    Raises:
        InvalidInvitation: It is another one, or somebody else's.

    """
    if not text.lower().startswith("xmpp:"):
        return None
    code = read(text)
    if not isinstance(code, SessionCode):
        raise InvalidInvitation("This is not the code of a session.")
    check_own(code, account)
    return code


def device_names(texts: Sequence[str], account: str) -> list[str]:
    """
    Names or ids of devices, where some may be given by their code.

    Raises:
        InvalidInvitation: A code is another one, or somebody else's.

    """
    return [_device_name(text, account) for text in texts]


def _device_name(text: str, account: str) -> str:
    if not text.lower().startswith("xmpp:"):
        return text
    code = read(text)
    if not isinstance(code, DeviceCode):
        raise InvalidInvitation("This is not the code of a device.")
    check_own(code, account)
    return code.key


def targets(
    devices: Sequence[Device], listed: ListedSession, wanted: Sequence[str]
) -> tuple[list[Device], list[str]]:
    """
    The devices that shall have a session, and why others cannot.

    Args:
        devices: The user's.
        listed: The session.
        wanted: Names or ids; ``all`` are those that are online and do not have it.

    Raises:
        UnknownDevice: One of them is not known.
        TransferRefused: None of them can take it.

    """
    if ALL in wanted:
        has = {"", listed.device, listed.owner}
        meant = [d for d in devices if d.id not in has and d.online]
    else:
        named = (found(devices, each) for each in wanted)
        meant = list({device.id: device for device in named}.values())
    problems = [_problem(device, listed) for device in meant]
    able = [device for device, why in zip(meant, problems, strict=True) if not why]
    why_not = [problem for problem in problems if problem]
    if not able:
        text = " ".join(why_not) or "None of your other devices is online."
        raise TransferRefused(text, condition="not-acceptable")
    return able, why_not


def _problem(device: Device, listed: ListedSession) -> str:
    if device.id == listed.device:
        return f"It runs on {device.name} already."
    if device.id == listed.owner:
        return f"{device.name} has lent it to {listed.place}. Take it back there."
    if not device.online:
        return f"{device.name} is not online."
    return device.problem(_app(listed), size=listed.size)


def _app(listed: ListedSession) -> App:
    """As far as a list says what it is."""
    app = App()
    app.uri, app.schema = listed.app, listed.schema
    return app
