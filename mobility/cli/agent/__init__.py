"""`mobility agent`: this machine as a device that can always be reached."""

from __future__ import annotations

from mobility.cli.agent.commands import agent

__all__ = ["agent"]
