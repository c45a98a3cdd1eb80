"""The desk: a talk in four parts, each of which can be on a device of its own."""

from __future__ import annotations

from collections.abc import Sequence

from examples.desk.parts import Notes, Remote, Slides, Timer
from mobility import PartedApp, part

__all__ = ["URI", "Desk", "read_notes"]

URI = "https://mobility.example/apps/desk"


class Desk(PartedApp):
    """
    A talk: its slides, what the speaker wants to say, how long it takes, and a remote.

    What each part listens to is all that its device is sent: the notes never reach the
    wall, and whoever points at the slides does not wake the timer's tablet.
    """

    uri = URI
    schema = 1

    slides = part(
        Slides,
        allow=("turn", "pages", "point", "write"),
        says=("turn", "pages", "point", "write"),  # there may be keys at the wall
    )
    notes = part(Notes, allow=("turn", "pages"), says=())
    timer = part(Timer, allow=("clock",), says=("clock",))
    remote = part(Remote, allow=("turn", "pages", "clock"), says=("turn", "clock"))

    def __init__(
        self, document: bytes = b"", *, title: str = "", notes: Sequence[str] = ()
    ) -> None:
        self.title = title
        self.slides.document = document
        self.slides.title = title or self.slides.title
        self.notes.notes = tuple(notes)


def read_notes(text: str) -> tuple[str, ...]:
    """Notes as a person writes them: those to the next page come after ``---``."""
    return tuple(page.strip() for page in f"\n{text}\n".split("\n---\n"))
