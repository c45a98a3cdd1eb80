"""
Journals (SQLite): what a device must still know after a crash.

A phone keeps its sessions with their last checkpoint and the secret of the visit. A
public display keeps its identity and, of each transfer, an identifier, an epoch and a
phase: nothing that names a visitor and none of their content.

`database` is the file, `tables` what is in it. `transfers`, `splits`, `visits` and
`devices` write down what they are called after; `store` has the sessions, and what is
written down together with them.
"""

from mobility.store.kept import Kept
from mobility.store.splits import Parted
from mobility.store.store import Store
from mobility.store.transfers import Arriving
from mobility.store.visits import Line

__all__ = ["Arriving", "Kept", "Line", "Parted", "Store"]
