"""All places where a secret of ours could show by accident."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Watch", "watching"]

_OURS = ("mobility", "kiosk", "examples")


class Watch(logging.Handler):
    """
    What we log, however little it matters, with its tracebacks.

    slixmpp logs each stanza if it is asked to, so it is not.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
        if record.exc_info is not None:
            self._lines += traceback.format_exception(record.exc_info[1])

    @property
    def seen(self) -> bytes:
        """That, how all our objects show themselves now, and all arguments."""
        return "\n".join([*self._lines, *_shown(), *_arguments()]).encode()


def _shown() -> Iterator[str]:
    for each in gc.get_objects():
        if str(type(each).__module__).partition(".")[0] in _OURS:
            with contextlib.suppress(AttributeError):  # it is being made
                yield repr(each)


def _arguments() -> Iterator[str]:
    """Of this program, and of those that it has started."""
    for pid in _family(os.getpid()):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield Path(f"/proc/{pid}/cmdline").read_text(errors="replace")


def _family(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                yield from _family(int(child))


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    watch = Watch()
    loggers = [logging.getLogger(name) for name in _OURS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(watch)
        logger.setLevel(logging.DEBUG)
    try:
        yield watch
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(watch)
            logger.setLevel(level)
