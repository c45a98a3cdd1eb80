"""A group chat (XEP-0045) that moves between devices with its history."""
