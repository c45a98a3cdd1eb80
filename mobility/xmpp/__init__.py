"""XMPP: XML and slixmpp, a package a feature. Nothing above sees a stanza."""

import os

# slixmpp looks at this when it is imported: without it entities are expanded.
os.environ.setdefault("SLIXMPP_ENABLE_DEFUSEDXML", "true")
