"""What the settings file says, checked."""
