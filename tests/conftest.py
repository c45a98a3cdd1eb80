"""What all tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# No test asserts a time: a slow machine is not a bug.
settings.register_profile("mobility", deadline=None)
settings.load_profile("mobility")


def skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if reporter else 0


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip fails the run: a missing component must not look like success."""
    if "CI" in os.environ and skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if "CI" in os.environ and (count := skipped(terminalreporter.config)):
        terminalreporter.write_line(f"{count} skipped: a failure in CI", red=True)
