"""
The small tables beside the log: answers, directory, state copy, instances, uses, usage.

The SQL and nothing else: how a statement reaches the store is ``sqlite``'s business. None of it is evidence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from incidents.ledger import Answer, AnswerKey, Instance, PointUse, Usage
from incidents.ledger.chain import stamp

FIND_ANSWER = "SELECT status, json, body FROM answer WHERE owner = ? AND route = ? AND key = ?"
ADD_ANSWER = "INSERT INTO answer (owner, route, key, body, status, json, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
ALL_ANSWERS = "SELECT owner, route, key, body, status, json, recorded_at FROM answer ORDER BY owner, route, key"
SET_DIRECTORY = (
    "INSERT INTO directory (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
DROP_DIRECTORY = "DELETE FROM directory WHERE name = ?"


class SideTables(ABC):
    """The part of the Ledger protocol that is one statement each."""

    @abstractmethod
    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a SELECT finds."""

    @abstractmethod
    def _write(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each row, in one durable transaction; how many rows it changed."""

    def answer(self, key: AnswerKey) -> Answer | None:
        found = self._rows(FIND_ANSWER, (key.owner, key.route, key.key))
        return Answer(*found[0]) if found else None

    def forget_answers(self, before: datetime) -> int:
        return self._write("DELETE FROM answer WHERE recorded_at < ?", [(stamp(before),)])

    def directory(self) -> dict[str, str]:
        return dict(self._rows("SELECT name, value FROM directory ORDER BY name"))

    def save_state(self, seq: int, version: str, state: bytes) -> None:
        self._write(
            "INSERT OR REPLACE INTO state_copy (one, seq, version, state) VALUES (1, ?, ?, ?)", [(seq, version, state)]
        )

    def load_state(self, version: str) -> tuple[int, bytes] | None:
        found = self._rows("SELECT seq, state FROM state_copy WHERE version = ?", (version,))
        return (found[0][0], bytes(found[0][1])) if found else None

    def instances(self) -> list[Instance]:
        rows = self._rows("SELECT point, instance, first_at, last_at FROM instance ORDER BY point, instance")
        return [
            Instance(point, instance, datetime.fromisoformat(first), datetime.fromisoformat(last))
            for point, instance, first, last in rows
        ]

    def write_instances(self, rows: Sequence[Instance]) -> None:
        self._write(
            "INSERT INTO instance (point, instance, first_at, last_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (point, instance) DO UPDATE SET last_at = max(last_at, excluded.last_at)",
            [(row.point, row.instance, stamp(row.first_at), stamp(row.last_at)) for row in rows],
        )

    def drop_instances(self, rows: Sequence[tuple[str, str]], *, before: datetime) -> None:
        self._write(
            "DELETE FROM instance WHERE point = ? AND instance = ? AND last_at < ?",
            [(point, instance, stamp(before)) for point, instance in rows],
        )

    def point_uses(self) -> list[PointUse]:
        rows = self._rows("SELECT point, copies, flagd, asks, last_at FROM point_use ORDER BY point")
        return [
            PointUse(point, bool(copies), bool(flagd), bool(asks), datetime.fromisoformat(last))
            for point, copies, flagd, asks, last in rows
        ]

    def write_point_uses(self, rows: Sequence[PointUse]) -> None:
        self._write(
            "INSERT INTO point_use (point, copies, flagd, asks, last_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (point) DO UPDATE SET copies = max(copies, excluded.copies),"
            " flagd = max(flagd, excluded.flagd), asks = max(asks, excluded.asks),"
            " last_at = max(last_at, excluded.last_at)",
            [(row.point, int(row.copies), int(row.flagd), int(row.asks), stamp(row.last_at)) for row in rows],
        )

    def usage(self, *, since: str) -> list[Usage]:
        rows = self._rows(
            "SELECT instance, partner, flag, per, window_start, count FROM usage WHERE window_start >= ?"
            " ORDER BY window_start, instance, partner, flag, per",
            (since,),
        )
        return [Usage(*row) for row in rows]

    def write_usage(self, rows: Sequence[Usage]) -> None:
        self._write(
            "INSERT INTO usage (instance, partner, flag, per, window_start, count) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (window_start, instance, partner, flag, per)"
            " DO UPDATE SET count = max(count, excluded.count)",
            [(row.instance, row.partner, row.flag, row.per, row.window_start, row.count) for row in rows],
        )

    def drop_usage(self, *, before: str) -> None:
        self._write("DELETE FROM usage WHERE window_start < ?", [(before,)])
