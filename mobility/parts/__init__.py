"""An app in parts: where each runs, and the one order of all that they say."""
