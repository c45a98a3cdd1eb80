"""Sessions that several people take part in."""
