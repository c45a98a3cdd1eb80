"""What flows while a session runs elsewhere."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilitySession

register_plugin(MobilitySession)

__all__ = ["MobilitySession"]
