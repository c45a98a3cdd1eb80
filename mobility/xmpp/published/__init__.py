"""States that live in a node of a pubsub service (XEP-0060)."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityPublished

register_plugin(MobilityPublished)

__all__ = ["MobilityPublished"]
