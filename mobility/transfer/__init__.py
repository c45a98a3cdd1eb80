"""
Conducting one transfer: the machine, the journal and the wire, brought together.

`side` is what both have in common, `outgoing` hands a session over, `incoming` takes
one; `mobility.protocol.transfer` is the table that they follow.
"""

from mobility.transfer.incoming import Incoming
from mobility.transfer.outgoing import Gate, Outgoing
from mobility.transfer.progress import Progress, Report, unseen
from mobility.transfer.sending import WINDOW
from mobility.transfer.side import Link, Tail, word
from mobility.transfer.ways import CARRIERS, Ways

__all__ = [
    "CARRIERS",
    "WINDOW",
    "Gate",
    "Incoming",
    "Link",
    "Outgoing",
    "Progress",
    "Report",
    "Tail",
    "Ways",
    "unseen",
    "word",
]
