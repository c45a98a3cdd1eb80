"""`mobility` as a process that loses patience quickly: `python -m tests.fakes.…`."""

from __future__ import annotations

from mobility import changes
from mobility.cli import main
from mobility.own import awake
from mobility.transfer import timing
from mobility.xmpp import stream

if __name__ == "__main__":
    awake.TICK, awake.ASLEEP = 0.05, 0.5
    stream.DOUBT = 0.3
    timing.GOODBYE, timing.ASK = 1.0, 0.2
    changes.CHECKPOINT, changes.SOON = 0.2, 0.01
    main()
