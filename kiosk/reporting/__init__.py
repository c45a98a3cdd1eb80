"""What a display's process tells its supervisor, and what is kept of it."""
