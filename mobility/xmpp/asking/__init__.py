"""Asking the device that has a session to give it."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityAsking

register_plugin(MobilityAsking)

__all__ = ["MobilityAsking"]
