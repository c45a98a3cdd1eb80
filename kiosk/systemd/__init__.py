"""What systemd is given, and what it is told."""
