"""What the commands of ``mobility-kiosk`` print; each gives its exit code."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from kiosk.reporting import records
from kiosk.settings.settings import Settings, load
from mobility import SettingsError

__all__ = ["command"]

MISTAKE = 2  # the settings cannot be used


def command(arguments: argparse.Namespace) -> int:
    """Whatever ``mobility-kiosk`` does beside running."""
    try:
        return COMMANDS[arguments.command](arguments)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return MISTAKE


def _check(arguments: argparse.Namespace) -> int:
    load(arguments.settings)
    print(f"{arguments.settings}: this is right.")
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    """For the supervisor: it is about to run, so the folders are made too."""
    kiosk = load(arguments.settings)
    for display in kiosk.displays:
        _make(display)
    print(kiosk.plan().encode())
    return 0


def _make(display: Settings) -> None:
    try:
        display.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        display.data.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"data: {display.data} cannot be used ({error.strerror}). "
            "Name a folder that the kiosk may write to."
        ) from None


def _history(arguments: argparse.Namespace) -> int:
    visits = [
        {"display": display.id, **visit}
        for display in load(arguments.settings).displays
        for visit in records.history(display.data)
    ]
    visits.sort(key=lambda visit: str(visit.get("began")))
    if arguments.json:
        print(json.dumps(visits, indent=2))
        return 0
    for visit in visits:
        print(_line(visit))
    ends = Counter(str(visit.get("ended")) for visit in visits)
    how = ", ".join(f"{number} {name}" for name, number in ends.most_common())
    count = "1 visit" if len(visits) == 1 else f"{len(visits)} visits"
    print(f"{count}{': ' if how else ''}{how}.")
    return 0


def _line(visit: Mapping[str, Any]) -> str:
    receipt = "wiped" if visit.get("receipt") else "not confirmed as wiped"
    apps = ", ".join(map(str, visit.get("apps", ()))) or "nothing shown"
    return (
        f"{visit.get('began')}  {visit['display']}  {visit.get('visit')}  "
        f"{visit.get('level')}  {visit.get('seconds')} s  {visit.get('ended')}, "
        f"{receipt}  {apps}"
    )


def _unit(arguments: argparse.Namespace) -> int:
    from kiosk.systemd.unit import units, unseen

    file = arguments.settings.resolve()
    kiosk = load(file)
    print(units(file, kiosk), end="")
    found = list(unseen(file, kiosk))
    for sentence in found:
        print(sentence, file=sys.stderr)
    if found:
        print("Move that, to /etc and /opt for instance, first.", file=sys.stderr)
    return 0


def _policy(arguments: argparse.Namespace) -> int:
    from kiosk.chromium.policy import policy

    print(json.dumps(policy(load(arguments.settings)), indent=2))
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    """0 if nothing failed; warnings are for a person to judge."""
    from kiosk.doctor import examine

    findings = asyncio.run(examine(load(arguments.settings)))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print("\n".join(map(str, findings)))
    return int(any(finding.result == "failed" for finding in findings))


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "doctor": _doctor,
    "history": _history,
    "plan": _plan,
    "policy": _policy,
    "unit": _unit,
}
