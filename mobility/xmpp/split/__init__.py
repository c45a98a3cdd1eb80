"""Who feeds the parts of a split session, and numbered packets."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilitySplit

register_plugin(MobilitySplit)

__all__ = ["MobilitySplit"]
