"""
A session of ours that is on another device.

`session` is what whoever sent it holds; `departure` is how it goes there, `returning`
how it comes back, and `retrieval` what comes of it meanwhile. `entry` is what this
device knows of it all the while.
"""

from mobility.moved.session import MovedSession

__all__ = ["MovedSession"]
