"""Who types `mobility --help` finds each command in its place, in a line of its own."""

from __future__ import annotations

import re

import pytest
import typer.core
import typer.main
import typer.testing
from rich.console import Console

from mobility import cli

PANELS = (
    ("Public screens", "visit reclaim visits revoke history displays"),
    ("Your own devices", "sessions present continue send devices agent"),
    ("Other people", "share join"),
    ("Codes", "qr read open desktop"),
    ("Try it, run it", "demo server"),
)


def test_the_commands_are_in_groups_and_in_the_order_of_their_use() -> None:
    shown = typer.testing.CliRunner().invoke(cli.app, ["--help"]).output
    for (name, commands), panel in zip(PANELS, shown.split("╭─ ")[2:], strict=True):
        assert panel.startswith(name)
        assert re.findall(r"│ ([a-z]+)  ", panel) == commands.split()


def test_each_command_says_in_a_sentence_what_it_does() -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        first = (command.help or "").split("\n\n")[0]
        assert first.endswith("."), name
        assert len(first) <= 66, name


@pytest.mark.parametrize("width", [40, 80])
def test_a_refusal_is_wrapped_between_words_on_a_terminal_only(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "Lobby screen is in use; [b] try again in a minute. " * 3
    cli.refuse(sentence, Console(stderr=True, width=width, force_terminal=True))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert " ".join(" ".join(lines).split()) == sentence.strip()
    assert {word for line in lines for word in line.split()} == {*sentence.split()}
    cli.refuse(sentence, Console(stderr=True, width=width))
    assert capsys.readouterr().err == f"{sentence}\n"
