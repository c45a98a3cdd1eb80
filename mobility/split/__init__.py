"""An app in parts, each on the device that suits it."""
