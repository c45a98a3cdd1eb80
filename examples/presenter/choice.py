"""What a person is asked, one question at a time, and how the answer is put to use."""

from __future__ import annotations

import asyncio
from typing import Any

from mobility import Approval, Introduction, MovedSession, Screen

__all__ = ["Choice", "farewell", "question", "story"]


class Choice:
    """
    A question with its possible answers.

    An answer that is not offered now is refused: it must not wait for a later question.
    """

    def __init__(self) -> None:
        self._offered: tuple[str, ...] = ()
        self._answer: asyncio.Future[tuple[str, Approval | None]] | None = None

    def offer(self, *actions: str) -> asyncio.Future[tuple[str, Approval | None]]:
        self._offered = actions
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    async def made(self, moved: MovedSession, *actions: str) -> str:
        """Which of these the person chose, or that the screen ``ended`` it before."""
        answer = self.offer(*actions)
        ended = asyncio.create_task(moved.ended())
        first: set[asyncio.Future[Any]] = {answer, ended}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            return answer.result()[0] if answer.done() else "ended"
        finally:
            ended.cancel()
            self.withdraw()

    def withdraw(self) -> None:
        self._offered = ()

    def take(self, action: str, approval: Approval | None = None) -> None:
        """
        The person has chosen; to approve is to say what.

        Raises:
            ValueError: If this is not offered now.

        """
        if self._answer is None or action not in self._offered:
            raise ValueError("This is not to be done now.")
        self._offered = ()  # a second tap is not for what comes next
        self._answer.set_result((action, approval))


def question(introduction: Introduction) -> dict[str, Any]:
    """What a page has to show of who wants to be let in."""
    return {
        "domain": introduction.domain,
        "name": introduction.name,
        "operator": introduction.operator,
        "place": introduction.place,
        "hours": round(introduction.lifetime.total_seconds() / 3600, 1),
        "tries": introduction.tries_left,
        "level": introduction.level.value,
        "levels": [_option(introduction.at(level)) for level in introduction.levels],
    }


def _option(introduction: Introduction) -> dict[str, Any]:
    """One way to let it in."""
    return {
        "level": introduction.level.value,
        "enters": introduction.enters,
        "gives": introduction.gives,
        "harmless": introduction.harmless,
    }


def story(place: str, moved: MovedSession, wish: str) -> str:
    """How a document came back from `place`, if not as it was wanted."""
    again = "here again, as it was last saved." if moved.as_saved else "here again."
    if wish == "ended":
        return f"{place} ended the visit. The document is {again}"
    if not moved.as_saved:
        return ""
    if wish == "reclaim":
        return f"The document is {again}"
    return f"{place} had lost the document. It is {again}"


def farewell(screen: Screen) -> str:
    if screen.clean:
        return f"{screen.name} reports that nothing of yours is left there."
    return f"{screen.name} could not confirm that it is clean."
