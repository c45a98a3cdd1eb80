"""What is written down of this device, and of the user's others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mobility.store.database import Database

__all__ = ["Devices"]

_MOST_CAPS = 500  # descriptions of resources, those that were learnt last


class Devices(Database):
    """The key of this device, and what it knows of others."""

    def identity(self, fresh: bytes) -> bytes:
        """The private key of this device; `fresh` becomes it if there is none yet."""
        row = self._run("SELECT key FROM identity").fetchone()
        if row is None:
            self._run("INSERT INTO identity VALUES (?)", (fresh,))
            return fresh
        key: bytes = row[0]
        return key

    def acquaint(self, about: Mapping[str, dict[str, Any]]) -> None:
        """Write down what is known of the user's other devices, by their ids."""
        self._run(
            "INSERT INTO devices SELECT key, value, 0 FROM json_each(?) WHERE true"
            " ON CONFLICT (id) DO UPDATE SET about = excluded.about",
            (json.dumps(dict(about)),),
        )

    def acquaintances(self) -> dict[str, dict[str, Any]]:
        """What is known of the user's other devices."""
        rows = self._run("SELECT id, about FROM devices").fetchall()
        return {id: json.loads(about) for id, about in rows}

    def verify(self, id: str) -> None:
        """The user has compared that device's fingerprint."""
        self._run("INSERT OR IGNORE INTO devices VALUES (?, '{}', 1)", (id,))
        self._run("UPDATE devices SET verified = 1 WHERE id = ?", (id,))

    def verified(self) -> set[str]:
        """Devices whose fingerprints the user has compared."""
        rows = self._run("SELECT id FROM devices WHERE verified").fetchall()
        return {id for (id,) in rows}

    def unlearn(self, id: str) -> None:
        """Nothing is to be known of that device any more."""
        self._run("DELETE FROM devices WHERE id = ?", (id,))

    def learn(self, ver: str, query: str) -> None:
        """Write down what a presence stands for (XEP-0115)."""
        self._run("INSERT OR REPLACE INTO caps VALUES (?, ?)", (ver, query))
        self._run(
            "DELETE FROM caps WHERE rowid <= (SELECT max(rowid) FROM caps) - ?",
            (_MOST_CAPS,),
        )

    def learnt(self) -> dict[str, str]:
        """What presences stand for."""
        return dict(self._run("SELECT ver, query FROM caps").fetchall())
