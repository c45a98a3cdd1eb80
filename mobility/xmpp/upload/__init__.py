"""Files that wait on the account's server (XEP-0363)."""

from slixmpp.plugins.base import register_plugin

from .plugin import Uploads

register_plugin(Uploads)

__all__ = ["Uploads"]
