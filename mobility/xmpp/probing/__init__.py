"""Whether the account's server filters as we asked: messages to ourselves."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityProbing

register_plugin(MobilityProbing)

__all__ = ["MobilityProbing"]
