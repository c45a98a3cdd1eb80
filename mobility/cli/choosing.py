"""Which session and which devices a person means by what they type."""

from __future__ import annotations

from collections.abc import Sequence

from mobility.app import App
from mobility.device import Device
from mobility.devices import found
from mobility.directory import ListedSession
from mobility.errors import InvalidInvitation, TransferRefused, UnknownSession
from mobility.protocol.code import Code, DeviceCode, SessionCode, read

__all__ = ["ALL", "chosen", "scanned", "targets"]

ALL = "all"
_NO_CODE = "This is not the code of a {}. mobility open tells what it is."


def chosen(listed: Sequence[ListedSession], wanted: str) -> ListedSession:
    """
    The one session with that id, number in the list, beginning of its title, or code.

    Args:
        listed: What there is.
        wanted: As typed; if empty, the only one is meant.

    Raises:
        UnknownSession: There is none, or several; the sentence names them.
        InvalidInvitation: A code was given, and it is not one of a session.

    """
    code = scanned(wanted)
    if code is not None:
        return _shown(listed, code)
    if not wanted and len(listed) == 1:
        return listed[0]
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


def scanned(text: str) -> Code | None:
    """
    The code that was given in the place of a name; None if it is a name.

    Raises:
        InvalidInvitation: It begins as a code does, and is none.

    """
    return read(text) if text.strip().lower().startswith("xmpp:") else None


def _shown(listed: Sequence[ListedSession], code: Code) -> ListedSession:
    if not isinstance(code, SessionCode):
        raise InvalidInvitation(_NO_CODE.format("session"))
    for each in listed:
        if each.id == code.session and each.owner == code.key:
            return each
    raise UnknownSession(
        "The session of this code runs no more, or belongs to another device now. "
        "See mobility sessions."
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
    if not wanted:
        return f"Name a session. There are: {names}."
    return f"No session is called {wanted}. There are: {names}."


def _named(session: ListedSession) -> str:
    """What a person calls it, and where it is."""
    return f"{session.title or session.app} on {session.place}"


def targets(
    devices: Sequence[Device], listed: ListedSession, wanted: Sequence[str]
) -> tuple[list[Device], list[str]]:
    """
    The devices that shall have a session, and why others cannot.

    Args:
        devices: The user's.
        listed: The session.
        wanted: Names, ids or codes; ``all`` are those that are online and do not have
            it.

    Raises:
        UnknownDevice: One of them is not known.
        InvalidInvitation: A code was given, and it is not one of a device.
        TransferRefused: None of them can take it.

    """
    if ALL in wanted:
        meant = [d for d in devices if d.id and d.name != listed.place and d.online]
    else:
        named = (found(devices, _name(each)) for each in wanted)
        meant = list({device.id: device for device in named}.values())
    problems = [_problem(device, listed) for device in meant]
    able = [device for device, why in zip(meant, problems, strict=True) if not why]
    why_not = [problem for problem in problems if problem]
    if not able:
        text = " ".join(why_not) or "None of your other devices is online."
        raise TransferRefused(text, condition="not-acceptable")
    return able, why_not


def _name(wanted: str) -> str:
    code = scanned(wanted)
    if code is None:
        return wanted
    if not isinstance(code, DeviceCode):
        raise InvalidInvitation(_NO_CODE.format("device"))
    return code.key


def _problem(device: Device, listed: ListedSession) -> str:
    if device.name == listed.place:
        return f"It runs on {device.name} already."
    if not device.online:
        return f"{device.name} is not online."
    return device.problem(_app(listed), size=listed.size)


def _app(listed: ListedSession) -> App:
    """As far as a list says what it is."""
    app = App()
    app.uri, app.schema = listed.app, listed.schema
    return app
