"""Agents hunt Mr. X through a city: a game whose map can be on a public display."""
