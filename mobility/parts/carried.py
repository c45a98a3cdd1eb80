"""What stands for a part here while it runs elsewhere."""

from __future__ import annotations

from mobility.app import App
from mobility.protocol.session import Stanza, State

__all__ = ["Carried"]


class Carried(App):
    """
    The state of a part that passes here on its way, and shows nothing.

    Args:
        app: The part here, which knows how its states are laid out.

    """

    def __init__(self, app: App) -> None:
        self.app: App = app.app if isinstance(app, Carried) else app
        self.title = app.title
        self.formats = app.formats
        self._state = State()

    async def snapshot(self) -> State:
        return self._state

    async def restore(self, state: State) -> None:
        self._state = state

    async def close(self) -> None:
        self._state = State()

    def migrate(self, state: State, schema: int) -> State:
        return self.app.migrate(state, schema)

    async def replay(self, stanza: Stanza) -> None:
        """Nothing is applied here: see `Piece`."""
