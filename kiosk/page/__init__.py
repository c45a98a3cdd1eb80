"""The page that is open on the screen: what it says, and what it is told."""
