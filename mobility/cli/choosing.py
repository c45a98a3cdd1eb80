"""Which session and which devices a person means by what they type."""

from __future__ import annotations

from collections.abc import Sequence

from mobility.app import App
from mobility.device import Device
from mobility.devices import found
from mobility.directory import ListedSession
from mobility.errors import TransferRefused, UnknownSession

__all__ = ["ALL", "chosen", "named", "targets"]

ALL = "all"


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
            names = ", ".join(f"{named(each)} ({each.id})" for each in several)
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
    wanted = wanted.casefold()
    exact = [each for each in listed if each.title.casefold() == wanted]
    return exact or [
        each for each in listed if wanted and each.title.casefold().startswith(wanted)
    ]


def _none(listed: Sequence[ListedSession], wanted: str) -> str:
    if not listed:
        return "None of your devices lists a session."
    names = ", ".join(map(named, listed))
    return f"No session is called {wanted}. There are: {names}."


def named(session: ListedSession) -> str:
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
        wanted: Names or ids; ``all`` are those that are online and do not have it.

    Raises:
        UnknownDevice: One of them is not known.
        TransferRefused: None of them can take it.

    """
    if ALL in wanted:
        meant = [d for d in devices if d.id and d.name != listed.place and d.online]
    else:
        meant = [found(devices, each) for each in wanted]
    problems = [_problem(device, listed) for device in meant]
    able = [device for device, why in zip(meant, problems, strict=True) if not why]
    why_not = [problem for problem in problems if problem]
    if not able:
        text = " ".join(why_not) or "None of your other devices is online."
        raise TransferRefused(text, condition="not-acceptable")
    return able, why_not


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
