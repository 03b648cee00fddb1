"""
The small tables beside the log: answers, directory, state copy, instances, uses, usage, claims.

The SQL and nothing else: how a statement reaches the store is ``sqlite``'s business. None of it is evidence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from incidents.ledger import Answer, AnswerKey, Claim, Instance, PointUse, Usage, Wanted
from incidents.ledger.chain import stamp

FIND_ANSWER = "SELECT status, json, body FROM answer WHERE owner = ? AND route = ? AND key = ?"
ADD_ANSWER = "INSERT INTO answer (owner, route, key, body, status, json, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
ALL_ANSWERS = "SELECT owner, route, key, body, status, json, recorded_at FROM answer ORDER BY owner, route, key"
SET_DIRECTORY = (
    "INSERT INTO directory (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
DROP_DIRECTORY = "DELETE FROM directory WHERE name = ?"
_CLAIMS = "SELECT effect, ticket, phase, channel, tries, until, error FROM claim"
_TAKE = (
    "INSERT INTO claim (effect, ticket, phase, channel, tries, until, error) VALUES (?, ?, 'claimed', ?, 1, ?, '')"
    " ON CONFLICT (effect) DO UPDATE SET ticket = excluded.ticket, phase = 'claimed',"
    " tries = CASE WHEN channel = excluded.channel THEN tries + 1 ELSE 1 END,"
    " channel = excluded.channel, until = excluded.until"
    " WHERE phase IN ('claimed', 'waiting') AND until <= ?"
)


class SideTables(ABC):
    """The part of the Ledger protocol that is one statement each."""

    @abstractmethod
    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a SELECT finds."""

    @abstractmethod
    def _write(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each row, in one durable transaction; how many rows it changed."""

    @abstractmethod
    def _write_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> list[bool]:
        """Like ``_write``; for each row whether it changed anything."""

    def answer(self, key: AnswerKey) -> Answer | None:
        found = self._rows(FIND_ANSWER, (key.owner, key.route, key.key))
        return Answer(*found[0]) if found else None

    def keep_answers(self, answers: Sequence[tuple[AnswerKey, Answer]], *, now: datetime) -> list[Answer]:
        self._write(
            f"{ADD_ANSWER} ON CONFLICT (owner, route, key) DO NOTHING",
            [(k.owner, k.route, k.key, k.body, a.status, a.json, stamp(now)) for k, a in answers],
        )
        kept = [self.answer(key) for key, _ in answers]
        return [found or given for found, (_, given) in zip(kept, answers, strict=True)]

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

    def claims(self) -> list[Claim]:
        return [_claim(row) for row in self._rows(f"{_CLAIMS} ORDER BY effect")]

    def claim(self, wanted: Sequence[Wanted], *, now: datetime, until: datetime) -> list[Claim]:
        rows = [(want.effect, want.ticket, want.channel, stamp(until), stamp(now)) for want in wanted]
        taken = [want for want, done in zip(wanted, self._write_each(_TAKE, rows), strict=True) if done]
        found = (self._rows(f"{_CLAIMS} WHERE effect = ? AND ticket = ?", (w.effect, w.ticket)) for w in taken)
        return [_claim(rows[0]) for rows in found if rows]

    def begin_sending(self, claims: Sequence[tuple[str, str]], *, until: datetime) -> list[bool]:
        return self._write_each(
            "UPDATE claim SET phase = 'sending', until = ? WHERE effect = ? AND ticket = ? AND phase = 'claimed'",
            [(stamp(until), effect, ticket) for effect, ticket in claims],
        )

    def put_back(self, effect: str, ticket: str, *, until: datetime, error: str) -> bool:
        return (
            self._write(
                "UPDATE claim SET phase = 'waiting', until = ?, error = ? WHERE effect = ? AND ticket = ?",
                [(stamp(until), error, effect, ticket)],
            )
            == 1
        )

    def drop_claims(self, tickets: Sequence[str]) -> None:
        self._write("DELETE FROM claim WHERE ticket = ?", [(ticket,) for ticket in tickets])


def _claim(row: Sequence[Any]) -> Claim:
    effect, ticket, phase, channel, tries, until, error = row
    return Claim(effect, ticket, phase, channel, tries, datetime.fromisoformat(until), error)
