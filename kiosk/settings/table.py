"""One table of the settings file, and how to speak of its mistakes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mobility import SettingsError

__all__ = ["KINDS", "Table"]

# How a wrong type is called in a sentence; also the list of types a key may have.
KINDS: Mapping[type, str] = {
    str: "text in quotes",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
    dict: "a table",
    list: "a list",
}

LONGEST = 100  # characters of a name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table of the file.

    Args:
        where: How a sentence calls it.
        keys: What it says.

    """

    where: str
    keys: Mapping[str, Any]

    @classmethod
    def of(cls, where: str, keys: Mapping[str, Any], known: Sequence[str]) -> Table:
        """Refuse what is not known, so that a slip is not silently a default."""
        for key in keys:
            if key == "password":
                raise SettingsError(
                    f"{where}: a password does not belong in this file. Put it into a "
                    "file of its own that only the kiosk can read, and name that file "
                    "as password_file."
                )
            if key not in known:
                raise SettingsError(
                    f"{where}: there is no setting {key!r}. Known are "
                    f"{', '.join(known)}."
                )
        return cls(where, keys)

    def table(self, key: str, known: Sequence[str]) -> Table:
        return Table.of(f"{self.where}, [{key}]", self.get(key, dict, {}), known)

    def get(self, key: str, kind: type[T], default: T) -> T:
        value = self.keys.get(key, default)
        # bool is a subclass of int, and `port = true` is a mistake
        if type(value) is not kind:
            raise SettingsError(f"{self.where}: {key} must be {KINDS[kind]}.")
        return value

    def tables(self, key: str, known: Sequence[str]) -> list[Table]:
        """A list of tables, each headed ``[[key]]``."""
        entries = self.get(key, list, [])
        for number, entry in enumerate(entries, 1):
            if not isinstance(entry, dict):
                where = f"{self.where}, [[{key}]] number {number}"
                raise SettingsError(f"{where}: must be {KINDS[dict]}.")
        return [
            Table.of(f"{self.where}, [[{key}]] number {number}", entry, known)
            for number, entry in enumerate(entries, 1)
        ]

    def over(self, other: Table, keys: Sequence[str]) -> Table:
        """This table, with what it does not say taken from another one."""
        own = {key: value for key, value in self.keys.items() if key in keys}
        return Table(self.where if own else other.where, {**other.keys, **own})

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """A list of texts, each in one line."""
        values = self.get(key, list, list(default))
        if not all(isinstance(value, str) and value.isprintable() for value in values):
            raise SettingsError(
                f"{self.where}: {key} must be a list of texts in quotes."
            )
        return tuple(values)

    def text(self, key: str) -> str:
        """Text in one line, or none; a screen or a path cannot have anything else."""
        value = self.get(key, str, "").strip()
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise SettingsError(f"{self.where}: {key} must be one line of plain text.")
        return value

    def claim(self, key: str) -> str:
        """What visitors read; their phones show no more than so much of it."""
        value = self.text(key)
        if len(value) > LONGEST:
            raise SettingsError(
                f"{self.where}: {key} may have {LONGEST} characters, not {len(value)}."
            )
        return value

    def need(self, key: str) -> str:
        value = self.text(key)
        if not value:
            raise SettingsError(f"{self.where}: {key} is missing.")
        return value

    def number(self, key: str, default: int, low: int, high: int) -> int:
        value = self.get(key, int, default)
        if not low <= value <= high:
            raise SettingsError(
                f"{self.where}: {key} must be from {low} to {high}, not {value}."
            )
        return value

    def decimal(self, key: str, low: float, high: float) -> float | None:
        """A number that may have a fraction; None if there is none."""
        if key not in self.keys:
            return None
        value = self.keys[key]
        value = float(value) if type(value) is int else self.get(key, float, 0.0)
        if not low <= value <= high:  # nor is NaN
            raise SettingsError(
                f"{self.where}: {key} must be from {low:g} to {high:g}, not {value}."
            )
        return value
