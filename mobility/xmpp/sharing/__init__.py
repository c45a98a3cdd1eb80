"""What people who share a session say to one another."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilitySharing

register_plugin(MobilitySharing)

__all__ = ["MobilitySharing"]
