"""The user's own devices: they know one another, and hand sessions on."""
