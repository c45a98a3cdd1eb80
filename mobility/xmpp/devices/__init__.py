"""The user's devices: a private list of the account, and who is online."""

from slixmpp.plugins.base import register_plugin

from .plugin import NODES, MobilityDevices

register_plugin(MobilityDevices)

__all__ = ["NODES", "MobilityDevices"]
