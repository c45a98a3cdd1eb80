"""Streams of bytes between two devices: SOCKS5 (XEP-0065) and in-band (XEP-0047)."""

from slixmpp.plugins.base import register_plugin

from .plugin import Bytestreams, Expected

register_plugin(Bytestreams)

__all__ = ["Bytestreams", "Expected"]
