"""The negotiation that moves a session."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityTransfer

register_plugin(MobilityTransfer)

__all__ = ["MobilityTransfer"]
