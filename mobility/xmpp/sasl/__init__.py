"""Logins: how a stream proves who it is (RFC 6120 §6)."""

from slixmpp.plugins.base import register_plugin

from mobility.protocol.pin import Offered, Pin

from .login import Anonymous, Login, Password, Token, fresh_nonce
from .plugin import MobilitySasl

register_plugin(MobilitySasl)

__all__ = [
    "Anonymous",
    "Login",
    "MobilitySasl",
    "Offered",
    "Password",
    "Pin",
    "Token",
    "fresh_nonce",
]
