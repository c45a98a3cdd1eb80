"""The session mobility of Mobilis (2012), for devices that know no other."""

from slixmpp.plugins.base import register_plugin

from .plugin import GONE, MobilisTransfer

register_plugin(MobilisTransfer)

__all__ = ["GONE", "MobilisTransfer"]
