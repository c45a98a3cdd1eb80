"""The figures for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table

__all__ = ["print_tables"]

_SIZES = {15_000: "15 kB", 2**20: "1 MiB", 2**26: "64 MiB", 2**30: "1 GiB"}


def print_tables(result: dict[str, Any]) -> None:
    console = Console()
    if "error" in result:
        console.print(result["error"], markup=False)
        return
    console.print(_table("Ours", result["results"]), _table("Peers", result["peers"]))
    for row in result["left_out"]:
        console.print("left out:", _described(row), markup=False)
    for row in result["failed"]:
        console.print("failed:", _described(row), markup=False)
    console.print("valid" if result["ok"] else "not valid")


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, box=None)
    for name, value in rows[0].items() if rows else ():
        side: JustifyMethod = "left" if isinstance(value, str) else "right"
        table.add_column(name.replace("_", " "), justify=side)
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    return table


def _cell(name: str, value: Any) -> str:
    if name == "bytes":
        return _SIZES.get(value, str(value))
    if isinstance(value, float) and value >= 100:
        return f"{value:,.0f}"
    return str(value)


def _described(row: dict[str, Any]) -> str:
    *named, why = (_cell(name, value) for name, value in row.items())
    return f"{' '.join(named)}: {why}"
