"""Public displays: they let visitors in, and host what these bring."""
