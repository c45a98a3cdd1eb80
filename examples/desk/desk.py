"""The desk: a talk in four parts, each of which can be on a device of its own."""

from __future__ import annotations

from collections.abc import Sequence

from examples.desk.parts import URI, Notes, Remote, Slides, Timer, packet
from mobility import Part, PartedApp

__all__ = ["URI", "Desk", "read_notes"]

TURN, PAGES, POINT = packet("turn"), packet("pages"), packet("point")
WRITE, CLOCK = packet("write"), packet("clock")
SLIDES = (TURN, PAGES, POINT, WRITE)


class Desk(PartedApp):
    """
    A talk: its slides, what the speaker wants to say, how long it takes, and a remote.

    What each part listens to is all that its device is sent: the notes never reach the
    wall, and whoever points at the slides does not wake the timer's tablet.
    """

    uri = URI
    schema = 1
    parts = (
        Part("slides", SLIDES, Slides, says=SLIDES),  # there may be keys at the wall
        Part("notes", (TURN, PAGES), Notes, says=()),
        Part("timer", (CLOCK,), Timer, says=(CLOCK,)),
        Part("remote", (TURN, PAGES, CLOCK), Remote, says=(TURN, CLOCK)),
    )

    def __init__(
        self, document: bytes = b"", *, title: str = "", notes: Sequence[str] = ()
    ) -> None:
        self.title = title
        slides, spoken = self.part("slides"), self.part("notes")
        assert isinstance(slides, Slides)
        assert isinstance(spoken, Notes)
        slides.document, slides.title = document, title or slides.title
        spoken.notes = tuple(notes)


def read_notes(text: str) -> tuple[str, ...]:
    """Notes as a person writes them: those to the next page come after ``---``."""
    return tuple(page.strip() for page in f"\n{text}\n".split("\n---\n"))
