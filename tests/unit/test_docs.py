"""What the documentation says is true: its code type-checks, its commands exist."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.core
import typer.main

from mobility.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]

# A comment `<!-- given: ... -->` right before a block holds code that the block needs
# and the reader does not: `<!-- given: phone: mobility.Client -->`.
BLOCK = re.compile(
    r"(?:^<!-- given:(?P<given>.*?)-->\s*?\n)?"
    r"^(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    given: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> Iterator[Block]:
    for page in PAGES:
        content = page.read_text("utf-8")
        for match in BLOCK.finditer(content):
            if match["language"] in languages:
                yield Block(
                    page,
                    content.count("\n", 0, match.start("text")) + 1,
                    match["language"],
                    textwrap.dedent(match["given"] or "").strip(),
                    textwrap.dedent(match["text"]),
                )


def module(block: Block) -> str:
    """The block as a module whose lines are numbered as in the page.

    One that awaits at its top level becomes a function.
    """
    given, text = f"{block.given}\n", block.text
    if awaits(given + text):
        given = "async def example() -> None:\n" + textwrap.indent(given, "    ")
        text = textwrap.indent(text, "    ")
    return "\n" * (block.line - 1 - given.count("\n")) + given + text


def awaits(code: str) -> bool:
    kinds = ast.Await | ast.AsyncWith | ast.AsyncFor
    return any(isinstance(node, kinds) for node in outer(code))


def outer(code: str) -> Iterator[ast.AST]:
    """The nodes of a module that lie in no function."""
    waiting: list[ast.AST] = [ast.parse(code)]
    while waiting:
        yield (node := waiting.pop())
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def test_python_in_the_docs_type_checks(tmp_path: Path) -> None:
    examples = list(blocks("python", "py"))
    paths = [tmp_path / f"example_{n}.py" for n in range(len(examples))]
    for path, block in zip(paths, examples, strict=True):
        path.write_text(module(block), "utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml"]
    result = subprocess.run(
        [*command, "mobility/__init__.py", *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    # mypy's cache may name the folder of an earlier run, so only the number counts.
    report = re.sub(
        r"\S*/example_(\d+)\.py",
        lambda match: str(examples[int(match[1])].page.relative_to(ROOT)),
        result.stdout + result.stderr,
    )
    assert result.returncode == 0, report


def test_data_in_the_docs_parses(subtests: pytest.Subtests) -> None:
    parse: dict[str, Callable[[str], object]]
    parse = {"json": json.loads, "toml": tomllib.loads}
    for block in blocks("json", "toml"):
        with subtests.test(str(block)):
            parse[block.language](block.text)


def test_commands_in_the_docs_exist(subtests: pytest.Subtests) -> None:
    for block in blocks("console"):
        for line in re.findall(r"^[$#] (.*)$", block.text, re.MULTILINE):
            with subtests.test(f"{block}: {line}"):
                check_command(*shlex.split(line, comments=True))


def check_command(program: str, *arguments: str) -> None:
    """Commands of other projects are only split into words."""
    if program.removeprefix(".venv/bin/") == "mobility":
        check_mobility(list(arguments))
    elif program == "make":
        check_make(list(arguments))


def check_mobility(arguments: list[str]) -> None:
    """Walk down the subcommands, then look every option up."""
    command = typer.main.get_command(app)
    while (
        isinstance(command, typer.core.TyperGroup)
        and arguments
        and not arguments[0].startswith("-")
    ):
        name = arguments.pop(0)
        assert name in command.commands, f"no such command: {name}"
        command = command.commands[name]
    known = {
        "--help",
        *(o for p in command.params for o in (*p.opts, *p.secondary_opts)),
    }
    used = {word.partition("=")[0] for word in arguments if word.startswith("-")}
    assert used <= known


def check_make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in (word for word in arguments if "=" not in word):
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


def test_the_documentation_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    result = subprocess.run(
        [*command, "--site-dir", tmp_path], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_test_that_the_docs_name_exists() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"`(test_\w+)`", page.read_text("utf-8"))
    }
    assert named
    tests = "".join(p.read_text("utf-8") for p in ROOT.glob("tests/**/test_*.py"))
    assert not [name for name in named if f"def {name}(" not in tests]
