from slixmpp.plugins.base import register_plugin

from .sift import XEP_0273
from .stanza import (
    Allow,
    Sift,
    SiftIq,
    SiftMessage,
    SiftPresence,
    SiftRule,
    SiftSub,
)

register_plugin(XEP_0273)

__all__ = [
    "XEP_0273",
    "Allow",
    "Sift",
    "SiftIq",
    "SiftMessage",
    "SiftPresence",
    "SiftRule",
    "SiftSub",
]
