"""What the phone tells one part: the hub's order, and that of what it passes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mobility.errors import InvalidState
from mobility.parts.hub import Hub
from mobility.parts.inboxes import RELAYED
from mobility.protocol.numbering import Cursor, Heads
from mobility.protocol.session import Stanza

__all__ = ["Orders"]


class Orders:
    """
    Each order by its source, as this part is told it.

    Args:
        orders: None, but on the phone.
        allow: Qualified names of what the part listens to.

    """

    def __init__(self, orders: Mapping[str, Hub], allow: frozenset[str]) -> None:
        self._orders = orders
        self._allow = allow

    def check(self, cursors: Mapping[str, Cursor]) -> None:
        """
        Whoever claims to have heard what was never said would never hear again.

        Raises:
            InvalidState: One of the cursors does so.

        """
        for source, order in self._orders.items():
            cursor = cursors.get(source, Cursor(order.feed))
            over = source == RELAYED and cursor.feed != order.feed  # by a restart
            if not over and not order.has(cursor):
                raise InvalidState("This part has not heard what was said to it.")

    def since(self, had: Mapping[str, Cursor]) -> Iterator[Stanza]:
        """What came after that, as far as it is kept."""
        for source, order in self._orders.items():
            yield from order.since(had.get(source, Cursor()), self._allow)

    @property
    def ends(self) -> Mapping[str, Heads]:
        """Where each ends, of what the part listens to."""
        return {
            source: order.ends(self._allow) for source, order in self._orders.items()
        }

    def let_go(self, had: Mapping[str, Cursor]) -> bool:
        """Whether something that came after that is not kept any more."""
        return any(
            self._is_gone(order, had.get(source, Cursor()))
            for source, order in self._orders.items()
        )

    def _is_gone(self, order: Hub, cursor: Cursor) -> bool:
        had = cursor.heads if cursor.feed == order.feed else {}
        spans = order.ends(self._allow).spans
        return any(span.first > had.get(name, 0) + 1 for name, span in spans.items())
