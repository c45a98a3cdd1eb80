"""A session that is split: its parts, where they run, and who feeds them."""
