"""Writes the tables and diagrams of the machines into docs/protocol/generated/."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from mobility.protocol import firstwins, login, mobilis, split, transfer, visit

FOLDER = Path(__file__).parents[1] / "docs/protocol/generated"
Table: TypeAlias = Mapping[Any, Mapping[tuple[Any, type], Any]]
NOTE = "<!-- written by scripts/diagrams.py from {source}: change the table there -->"


def word(kind: type) -> str:
    return kind.__name__.lower()


def edges(table: Table) -> Iterator[tuple[Any, Any, list[str]]]:
    """From a state to another, and all that leads there."""
    for state, row in table.items():
        for new in dict.fromkeys(row.values()):
            said = [
                f"{role.value} {word(kind)}"
                for (role, kind), to in row.items()
                if to is new
            ]
            yield state, new, said


def diagram(table: Table) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {next(iter(table)).value}"
    for state, new, said in edges(table):
        yield f"    {state.value} --> {new.value} : {', '.join(said)}"
    for state, row in table.items():
        if not row:
            yield f"    {state.value} --> [*]"
    yield "```"


def rows(header: list[str], body: Iterator[list[str]]) -> Iterator[str]:
    for cells in (header, ["---"] * len(header), *body):
        yield f"| {' | '.join(cells)} |"


def steps(table: Table) -> Iterator[list[str]]:
    for state, row in table.items():
        for (role, kind), new in row.items():
            yield [state.value, role.value, f"`{word(kind)}`", new.value]
        if not row:
            yield [state.value, "", "", "over"]


def crashes() -> Iterator[list[str]]:
    for phase in transfer.Phase:
        after = [
            transfer.recovered(role, phase, memory).value
            for role in transfer.Role
            for memory in reversed(transfer.Memory)
        ]
        yield [phase.value, *after]


def running() -> Iterator[list[str]]:
    for phase in transfer.Phase:
        runs = [phase in transfer.RUNS[role] for role in transfer.Role]
        words = [
            transfer.Transfer(role, state=phase).standing for role in transfer.Role
        ]
        yield [
            phase.value,
            *("runs it" if r else "" for r in runs),
            *(f"`{word(w)}`" if w else "" for w in words),
        ]


def outcomes() -> Iterator[list[str]]:
    for phase in firstwins.Phase:
        if phase is firstwins.Phase.WON:
            after = "won; done or lapsed, if the winner's transfer has come so far"
        else:
            after = firstwins.RECOVERY.get(phase, phase).value
        yield [phase.value, after]


def page(title: str, source: str, *parts: Iterator[str] | str) -> str:
    lines = [f"# {title}", "", NOTE.format(source=source)]
    for part in parts:
        lines += ["", *([part] if isinstance(part, str) else part)]
    return "\n".join(lines) + "\n"


def values(kind: type[enum.Enum]) -> str:
    return " and ".join(str(member.value) for member in kind)


STEPS = ["in", "who", "says", "then both are"]


def pages() -> dict[Path, str]:
    """The content of each file."""
    return {
        FOLDER / "visit.md": page(
            "A visit: table and diagram",
            "mobility/protocol/visit.py",
            f"Roles: {values(visit.Role)}. A step that is not here is refused.",
            diagram(visit.TRANSITIONS),
            rows(STEPS, steps(visit.TRANSITIONS)),
        ),
        FOLDER / "first-wins.md": page(
            "An offer to several devices: table and diagram",
            "mobility/protocol/firstwins.py",
            "All of this is the initiator's. What a responder says is heard in its "
            "transfer: `accept` is its word there; `leave` is a refuse, an abort or "
            "unknown of one that has not won, and `lapse` the end of the winner's "
            "transfer before its commit.",
            diagram(firstwins.TRANSITIONS),
            rows(STEPS, steps(firstwins.TRANSITIONS)),
            "## What a crash does",
            rows(["journalled phase", "after"], outcomes()),
        ),
        FOLDER / "split.md": page(
            "A split: table and diagram",
            "mobility/protocol/split.py",
            "All of this is the coordinator's. What a responder says is heard in its "
            "transfer: `ready` is its word there, `leave` the end of a transfer before "
            "the decision, and `settle` its end thereafter.",
            diagram(split.TRANSITIONS),
            rows(STEPS, steps(split.TRANSITIONS)),
            "## What a crash does",
            rows(
                ["journalled phase", "after"],
                (
                    [phase.value, split.RECOVERY.get(phase, phase).value]
                    for phase in split.Phase
                ),
            ),
        ),
        FOLDER / "login.md": page(
            "A login through the phone: table and diagram",
            "mobility/protocol/login.py",
            f"Roles: {values(visit.Role)}. A step that is not here is refused; nothing "
            "leads back, so there is one proof in a visit.",
            diagram(login.TRANSITIONS),
            rows(STEPS, steps(login.TRANSITIONS)),
        ),
        FOLDER / "mobilis.md": page(
            "A handover of Mobilis: table and diagram",
            "mobility/protocol/mobilis.py",
            f"Roles: {values(mobilis.Role)}. A step that is not here is refused. "
            "Either side may fall silent; the other notices that by its clock.",
            diagram(mobilis.TRANSITIONS),
            rows(STEPS, steps(mobilis.TRANSITIONS)),
        ),
        FOLDER / "transfer.md": page(
            "A transfer: table and diagram",
            "mobility/protocol/transfer.py",
            f"Roles: {values(transfer.Role)}. A step that is not here is refused; one "
            "that was allowed earlier is late, and changes nothing.",
            diagram(transfer.TRANSITIONS),
            rows(STEPS, steps(transfer.TRANSITIONS)),
            "## Who runs the session, and what a side stands by",
            rows(
                ["in", "initiator", "responder", "initiator says", "responder says"],
                running(),
            ),
            "## What a crash does",
            "A device that has all frames of the transfer on disk goes on where it "
            "was. One that has the state only can say again what it committed. A "
            "public display has nothing.",
            rows(
                [
                    "journalled phase",
                    *(
                        f"{role.value}, {memory.value}"
                        for role in transfer.Role
                        for memory in reversed(transfer.Memory)
                    ),
                ],
                crashes(),
            ),
        ),
    }


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, "utf-8")
        print(path.relative_to(FOLDER.parents[2]))


if __name__ == "__main__":
    main()
