"""
A session that came from another device.

`session` is the whole of its stay; `saving` is what its initiator hears of it
meanwhile, `adoption` how it becomes this device's own.
"""

from mobility.hosted.ground import Ground
from mobility.hosted.session import Hosted

__all__ = ["Ground", "Hosted"]
