"""
Attacks, each beside the defence that stops it.

Each is run twice: it fails, and it succeeds once its defence is switched off. So no
test of a defence is vacuous. The product has no switch for that: the one function that
holds the defence is replaced, in the process of the test only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

import pytest

from mobility.errors import MobilityError

__all__ = ["Attack", "Attacks"]

P = ParamSpec("P")


@dataclass(frozen=True)
class Attack(Generic[P]):
    """
    One attack.

    Args:
        attempt: All of it; whether the attacker got what they wanted.
        defences: Dotted names of what stops it, and what stands there without them.

    """

    attempt: Callable[P, Awaitable[bool]]
    defences: dict[str, Any]

    def __str__(self) -> str:
        return self.attempt.__name__

    def undefended(self, patch: pytest.MonkeyPatch) -> None:
        """Switch its defence off until the end of the test."""
        for name, instead in self.defences.items():
            patch.setattr(name, instead)

    async def succeeds(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        try:
            return await self.attempt(*args, **kwargs)
        except MobilityError:
            return False  # somebody noticed, and says so


class Attacks(list[Attack[P]]):
    """Those of one file."""

    def stopped_by(
        self, defences: dict[str, Any]
    ) -> Callable[[Callable[P, Awaitable[bool]]], Attack[P]]:
        def listed(attempt: Callable[P, Awaitable[bool]]) -> Attack[P]:
            self.append(Attack(attempt, defences))
            return self[-1]

        return listed
