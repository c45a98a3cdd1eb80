"""Private nodes of the account: what the user's devices tell one another."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityPep

register_plugin(MobilityPep)

__all__ = ["MobilityPep"]
