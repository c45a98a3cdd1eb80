"""What is large of the sessions of a device's own lies beside its journal, and goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mobility.contents import Contents
from mobility.errors import JournalError
from mobility.own.owned import _Keeping
from mobility.protocol.session import State
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import Link
from mobility.xmpp.transfer import MobilityTransfer


class Blob:
    """Something large; `meanwhile` happens while it is written down."""

    size = 5
    sha256 = "5" * 64

    def __init__(self, meanwhile: Any = lambda: None) -> None:
        self._meanwhile = meanwhile

    def chunks(self) -> Iterator[bytes]:
        yield b"large"
        self._meanwhile()


def state(blob: Any) -> State:
    return State(blobs={"film": blob})


def test_what_a_session_needs_is_there_until_it_is_dropped(tmp_path: Path) -> None:
    contents = Contents(tmp_path / "contents")
    contents.put("talk", state(Blob()))
    contents.drop("talk", but=[Blob.sha256])
    assert list(contents.of("talk")) == [Blob.sha256]
    contents.drop("talk")
    assert contents.of("talk") == {}
    assert list((tmp_path / "contents").iterdir()) == []


def test_what_is_dropped_while_it_is_written_is_not_there(tmp_path: Path) -> None:
    contents = Contents(tmp_path / "contents")
    with pytest.raises(JournalError):
        contents.put("talk", state(Blob(lambda: contents.drop("talk"))))
    assert contents.of("talk") == {}


def test_what_vanishes_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = Contents(tmp_path / "contents")
    contents.put("talk", state(Blob()))
    (folder,) = (tmp_path / "contents").iterdir()
    iterdir = Path.iterdir

    def looked(self: Path) -> Iterator[Path]:
        """A file had another name a moment ago."""
        return iter([*iterdir(self), folder / "fresh.new"])

    monkeypatch.setattr(Path, "iterdir", looked)
    contents.drop("talk", but=["other"])
    monkeypatch.undo()
    assert contents.of("talk") == {}


def test_the_frames_of_each_transfer_that_came_to_nothing_go(tmp_path: Path) -> None:
    link = Link(
        *(object.__new__(MobilityTransfer), Store(None), Tasks(), b""), frames=tmp_path
    )
    session: Any = SimpleNamespace(app=SimpleNamespace())
    keeping = _Keeping(session, link)
    for sid in ("sid-1", "sid-2"):  # it was not saved between them
        path = link.path(sid)
        assert path is not None
        path.touch()
        keeping.back(sid)
        assert list(tmp_path.iterdir()) == [path]
    keeping.end()
    assert list(tmp_path.iterdir()) == []
