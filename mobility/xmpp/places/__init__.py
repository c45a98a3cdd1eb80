"""The list of displays that a venue's server keeps."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityPlaces

register_plugin(MobilityPlaces)

__all__ = ["MobilityPlaces"]
