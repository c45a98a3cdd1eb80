"""What all tests share."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# No test asserts a time: a slow machine is not a bug. In CI the same examples are run
# each time (Hypothesis' own profile for it); elsewhere others are found.
settings.register_profile(
    "mobility",
    settings.get_profile("ci" if "CI" in os.environ else "default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("mobility")


def pytest_configure(config: pytest.Config) -> None:
    # WORKAROUND: pytest parses the source for any other traceback, and before Python
    # 3.11.8 that may end the whole run with a SystemError (python/cpython#106905).
    if sys.version_info < (3, 11, 8) and config.option.tbstyle == "auto":
        config.option.tbstyle = "native"


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
