"""
Devices, a network and a clock of their own, to test an app's transfers with.

Nothing here needs a server, a socket or a second of real time; see docs/testing.md.
"""

from mobility.testing import hostile
from mobility.testing.device import Device
from mobility.testing.display import Display
from mobility.testing.faults import Faults
from mobility.testing.ledger import Ledger
from mobility.testing.loop import Deadlock
from mobility.testing.phone import Phone
from mobility.testing.power import PowerCut
from mobility.testing.simulation import Simulation, Stuck

__all__ = [
    "Deadlock",
    "Device",
    "Display",
    "Faults",
    "Ledger",
    "Phone",
    "PowerCut",
    "Simulation",
    "Stuck",
    "hostile",
]
