"""XMPP: XML and slixmpp, a package a feature. Nothing above sees a stanza."""

import logging
import os

# slixmpp looks at this when it is imported: without it entities are expanded.
os.environ.setdefault("SLIXMPP_ENABLE_DEFUSEDXML", "true")

# What it has to say, we say in sentences; a program may still give it a handler.
logging.getLogger("slixmpp").addHandler(logging.NullHandler())
