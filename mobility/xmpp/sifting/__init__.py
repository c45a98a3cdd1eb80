"""What the account's server keeps from us because we ask it to (XEP-0273)."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilitySifting

register_plugin(MobilitySifting)

__all__ = ["MobilitySifting"]
