"""A session that is split: where each of its parts runs, and how that changes."""
