"""The account's resources: who is there, and what each says of itself."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityResources
from .stanza import About

register_plugin(MobilityResources)

__all__ = ["About", "MobilityResources"]
