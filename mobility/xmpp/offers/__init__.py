"""Offers that wait for a device of the user until it is there."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityOffers
from .stanza import Waiting

register_plugin(MobilityOffers)

__all__ = ["MobilityOffers", "Waiting"]
