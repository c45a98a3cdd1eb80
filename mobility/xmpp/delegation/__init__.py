"""Delegated logins, as the account's owner asks their server for them."""

from slixmpp.plugins.base import register_plugin

from .plugin import MobilityDelegation

register_plugin(MobilityDelegation)

__all__ = ["MobilityDelegation"]
