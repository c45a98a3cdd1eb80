"""Visits that go on, as the user's devices tell one another of them."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityVisits

register_plugin(MobilityVisits)

__all__ = ["MobilityVisits"]
