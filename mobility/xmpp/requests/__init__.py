"""Requests to our own account, which are answered in the same session or never."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityRequests

register_plugin(MobilityRequests)

__all__ = ["MobilityRequests"]
