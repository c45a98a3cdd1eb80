"""Visits of public displays, as the visitor's device sees them."""
