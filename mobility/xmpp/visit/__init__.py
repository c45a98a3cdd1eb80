"""The meeting of a phone and a public display."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityVisit

register_plugin(MobilityVisit)

__all__ = ["MobilityVisit"]
