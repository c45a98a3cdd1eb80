"""`mobility history`: where this phone has been."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mobility.cli.settings import GUEST, load_data
from mobility.protocol.delegation import Level
from mobility.store import Store
from mobility.visit.history import Ending, History, Visited

__all__ = ["LEVELS", "duration", "history", "moment", "screen"]

console = Console(highlight=False)
LEVELS: Final = {
    Level.GUEST: "guest",
    Level.TOKEN: "logged in as you, by a pass",
    Level.LOGIN: "logged in as you",
}
_ENDINGS: Final = {
    None: "goes on",
    Ending.LEFT: "you left",
    Ending.REVOKED: "revoked",
    Ending.TIME: "time was over",
    Ending.IDLE: "nothing happened for long",
    Ending.DISPLAY: "the screen ended it",
    Ending.DECLINED: "you did not let it in",
    Ending.REFUSED: "the screen refused",
    Ending.UNREACHABLE: "the screen did not answer",
    Ending.FAILED: "it could not be let in",
    Ending.UNKNOWN: "unknown: this phone was off",
}


def history(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: one JSON array.")
    ] = False,
) -> None:
    """List the screens that this phone has visited in the last year."""
    data = load_data()
    found = _read(data)
    if (data / GUEST).is_dir():  # what was visited without the account
        found = sorted(found + _read(data / GUEST), key=lambda visited: visited.began)
    if as_json:
        print(json.dumps([_fields(visited) for visited in found], indent=2))
    elif not found:
        console.print("This phone has visited no screen within the last year.")
    else:
        console.print(_table(found))


def _read(data: Path) -> list[Visited]:
    with Store(data) as store:
        visits = History(store)
        visits.settle()
        return visits.all()


def _table(found: list[Visited]) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), pad_edge=False)
    table.add_column("When", no_wrap=True)
    table.add_column("Screen's server", overflow="fold")
    table.add_column("Visit", overflow="fold")
    for visited in reversed(found):
        what = Group(*_asked(visited), *_end(visited))
        table.add_row(_when(visited), screen(visited.domain, visited.name), what)
    return table


def _when(visited: Visited) -> str:
    began = moment(visited.began)
    if visited.ended is None or visited.clean is None:
        return began
    return f"{began}\nfor {duration(visited.ended - visited.began)}"


def _asked(visited: Visited) -> list[str | Text]:
    apps = ["any app"] if visited.apps is None else visited.apps
    longest = f"for at most {duration(visited.lifetime)}"
    return [LEVELS[visited.level], *map(_cut, apps), longest]


def _cut(uri: str) -> Text:
    """On one line: a URI that is broken in two cannot be read."""
    return Text(uri, no_wrap=True, overflow="ellipsis")


def _end(visited: Visited) -> list[str]:
    ending = f"[bold]{_ENDINGS[visited.how]}[/]"
    if visited.clean is None:
        return [ending]
    if visited.clean:
        return [ending, "the screen reports that it is clean"]
    return [ending, "the screen could not confirm that it is clean"]


def screen(domain: str, name: str) -> str:
    """What is verified of a screen, and what it says of itself."""
    says = f"\n[dim]calls itself[/] {escape(name)}" if name else ""
    return f"[bold]{escape(domain)}[/]{says}"


def moment(time: datetime) -> str:
    """By this device's clock and zone."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"


def duration(span: timedelta) -> str:
    """Roughly, as a person says it."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _fields(visited: Visited) -> dict[str, Any]:
    return {
        "id": visited.id,
        "domain": visited.domain,
        "claimed_name": visited.name,
        "level": visited.level.value,
        "apps": visited.apps,
        "lifetime_seconds": visited.lifetime.total_seconds(),
        "began": visited.began.isoformat(timespec="seconds"),
        "ended": visited.ended and visited.ended.isoformat(timespec="seconds"),
        "how": visited.how and visited.how.value,
        "clean": visited.clean,
    }
