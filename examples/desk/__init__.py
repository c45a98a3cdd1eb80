"""One person's talk on several of their devices: each shows the part that fits it."""
