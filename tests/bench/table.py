"""The figures for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
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
    table = Table(title=title)
    for name in rows[0] if rows else ():
        table.add_column(name, justify="left" if _is_name(rows, name) else "right")
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    return table


def _is_name(rows: list[dict[str, Any]], column: str) -> bool:
    return isinstance(rows[0][column], str)


def _cell(name: str, value: Any) -> str:
    return _SIZES.get(value, str(value)) if name == "bytes" else str(value)


def _described(row: dict[str, Any]) -> str:
    *named, why = (_cell(name, value) for name, value in row.items())
    return f"{' '.join(named)}: {why}"
