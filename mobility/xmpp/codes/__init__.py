"""The word of who has scanned the code of a device."""

from slixmpp.plugins.base import register_plugin

from mobility.xmpp.codes.plugin import MobilityCodes

__all__ = ["MobilityCodes"]

register_plugin(MobilityCodes)
