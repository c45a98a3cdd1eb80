"""What the account's own server has to offer (XEP-0030)."""

from slixmpp.plugins.base import register_plugin

from .plugin import Services

register_plugin(Services)

__all__ = ["Services"]
