"""What a session that several people share is made of, at its host and at others."""
