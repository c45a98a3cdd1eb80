"""Tests on a machine that stands still for moments (`python -m tests.unsteady`)."""
