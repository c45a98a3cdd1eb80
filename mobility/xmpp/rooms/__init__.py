"""Rooms (XEP-0045) that only those who were let in can find, or enter."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityRooms

register_plugin(MobilityRooms)

__all__ = ["MobilityRooms"]
