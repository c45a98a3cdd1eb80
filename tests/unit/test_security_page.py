"""What docs/security.md says is proved is: each name in it is one of our tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


def functions() -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for path in ROOT.glob("tests/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def is_attack(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    decorators = map(ast.unparse, function.decorator_list)
    return any(name.startswith("attacks.stopped_by(") for name in decorators)


def rows() -> list[list[str]]:
    """The cells of each row."""
    table = [line for line in PAGE.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in table if "Proved by" not in line]


def proofs() -> set[str]:
    return {name for row in rows() for name in re.findall(r"`(\w+)`", row[-1])}


def test_each_row_names_what_proves_it() -> None:
    for row in rows():
        assert len(row) == 3, row[0]
        assert re.fullmatch(r"`\w+`(, `\w+`)*", row[2]), row[0]


def test_each_proof_is_there() -> None:
    assert proofs() <= {function.name for function in functions()}


def test_no_attack_is_left_out() -> None:
    attacks = {function.name for function in functions() if is_attack(function)}
    assert len(attacks) > 50
    assert attacks <= proofs()
