"""The browser before a display: how it is started, kept, locked and wiped."""
