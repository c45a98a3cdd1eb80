"""A session whose parts run on several devices."""
