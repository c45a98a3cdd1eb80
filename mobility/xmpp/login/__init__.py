"""The login of a display under its visitor's account, through the phone."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityLogin

register_plugin(MobilityLogin)

__all__ = ["MobilityLogin"]
