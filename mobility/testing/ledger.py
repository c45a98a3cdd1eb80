"""A small app to try devices with: a list of entries that only grows."""

from __future__ import annotations

from mobility.app import App
from mobility.errors import InvalidState
from mobility.protocol.session import Stanza, State

__all__ = ["Ledger"]


class Ledger(App):
    """
    Entries in the order in which they came.

    Attributes:
        entries: All of them; no entry is written twice.
        running: Whether it was started and not stopped since.

    """

    uri = "https://example.org/apps/ledger"

    def __init__(self, *entries: str) -> None:
        self.entries = list(entries)
        self.running = True

    async def snapshot(self) -> State:
        return State({"entries": list(self.entries)}, title="A ledger")

    async def restore(self, state: State) -> None:
        if not isinstance(state.data, dict):
            raise InvalidState("This is not a ledger.")
        self.entries = list(state.data["entries"])
        self.running = False

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def replay(self, stanza: Stanza) -> None:
        self.entries.append(stanza.text)
        self.changed()

    async def write(self, entry: str) -> None:
        """Add an entry, and let the other device know."""
        self.entries.append(entry)
        await self.send(Stanza("entry", text=entry))
        self.changed()
