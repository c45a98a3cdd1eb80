"""Which sessions the user's devices run: a private list, or their own word."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityDirectory
from .stanza import Answer, Question

register_plugin(MobilityDirectory)

__all__ = ["Answer", "MobilityDirectory", "Question"]
