"""
How often each grant has been used in the current windows: what usage caps compare with. And, by the hour, how often
something that is held was asked for: what an incident keeps out.

Counts are cumulative per instance, partner, flag and window and merged by the highest value, so a report that
arrives twice counts nothing twice. Telemetry: kept in a side table, written in batches, never in the chain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from incidents.catalog import PERIODS
from incidents.ledger import Usage

OWN = "andon"  # the instance name of decisions that this server itself made (authorize)
LARGEST = 10**12
REFUSED = "refused"  # a window of an hour, of questions that were denied because something is held
_LENGTH = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    REFUSED: timedelta(hours=1),
}


def window_start(moment: datetime, per: str) -> str:
    """The start of the UTC window that a moment lies in, RFC 3339 with whole seconds."""
    start = moment.astimezone(UTC).replace(second=0, microsecond=0)
    if per != "minute":
        start = start.replace(minute=0)
    if per == "day":
        start = start.replace(hour=0)
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Window:
    partner: str
    flag: str
    per: str
    start: str

    def row(self, count: int) -> dict[str, Any]:
        """As JSON values, for points and for people."""
        return {
            "partner": self.partner,
            "flag": self.flag,
            "per": self.per,
            "window_start": self.start,
            "count": count,
        }


class UsageBook:
    """Counts per window. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total: dict[Window, int] = {}
        self._by_instance: dict[tuple[str, Window], int] = {}
        self._refused: dict[tuple[str, str], dict[str, int]] = {}  # (partner, flag) -> start of the hour -> count
        self._unwritten: set[tuple[str, Window]] = set()
        self._starts: tuple[int, dict[str, str]] = (-1, {})

    def load(self, rows: Iterable[Usage]) -> None:
        with self._lock:
            for row in rows:
                self._raise_to(row.instance, Window(row.partner, row.flag, row.per, row.window_start), row.count)
            self._unwritten.clear()

    def used(self, partner: str, flag: str, per: str, now: datetime) -> int:
        return self._total.get(Window(partner, flag, per, self._start(per, now)), 0)

    def count(self, partner: str, flag: str, cap: Mapping[str, int], now: datetime) -> None:
        """One more decision that this server allowed."""
        with self._lock:
            for name in cap:
                per = PERIODS[name]
                window = Window(partner, flag, per, self._start(per, now))
                self._raise_to(OWN, window, self._by_instance.get((OWN, window), 0) + 1)

    def refuse(self, partner: str, flag: str, now: datetime) -> None:
        """One more question that this server denied because something is held."""
        with self._lock:
            window = Window(partner, flag, REFUSED, self._start(REFUSED, now))
            self._raise_to(OWN, window, self._by_instance.get((OWN, window), 0) + 1)

    def refused(self, partner: str, flag: str, since: datetime) -> int:
        """How often it was refused since, in whole hours, at most as far back as counts are kept."""
        first = window_start(since, REFUSED)
        with self._lock:
            return sum(count for start, count in self._refused.get((partner, flag), {}).items() if start >= first)

    def allowed(self, partner: str, flag: str, at: datetime) -> tuple[int, str] | None:
        """``(count, period)`` of the longest window around a moment in which uses were counted; None: none was."""
        for per in ("day", "hour", "minute"):
            if count := self._total.get(Window(partner, flag, per, window_start(at, per))):
                return count, per
        return None

    def report(self, instance: str, rows: Iterable[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
        """
        Take an instance's cumulative counts; returns the totals of the same windows.

        Rows that name no known period, what can be no id, or a window that is neither the current nor the last one, are
        passed over:
        they can change no decision.
        """
        totals = []
        with self._lock:
            for row in rows:
                window = self._window(row, now)
                if window is None:
                    continue
                self._raise_to(instance, window, min(int(row["count"]), LARGEST))
                totals.append(window.row(self._total[window]))
        return totals

    def _window(self, row: Mapping[str, Any], now: datetime) -> Window | None:
        per = row.get("per", "day")
        partner, flag, count = row.get("partner"), row.get("flag"), row.get("count")
        if not isinstance(per, str) or per not in _LENGTH:
            return None
        if not isinstance(partner, str) or not isinstance(flag, str) or not (partner.isascii() and flag.isascii()):
            return None
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            return None
        if row.get("window_start") not in (self._start(per, now), window_start(now - _LENGTH[per], per)):
            return None
        return Window(partner, flag, per, row["window_start"])

    def _start(self, per: str, now: datetime) -> str:
        minute = int(now.timestamp()) // 60
        if self._starts[0] != minute:
            self._starts = (minute, {p: window_start(now, p) for p in _LENGTH})
        return self._starts[1][per]

    def _raise_to(self, instance: str, window: Window, count: int) -> None:
        old = self._by_instance.get((instance, window), 0)
        if count > old or (instance, window) not in self._by_instance:
            self._by_instance[instance, window] = count
            self._total[window] = self._total.get(window, 0) + count - old
            if window.per == REFUSED:
                self._refused.setdefault((window.partner, window.flag), {})[window.start] = self._total[window]
            self._unwritten.add((instance, window))

    def take_unwritten(self) -> list[Usage]:
        """Rows that have changed since the last call."""
        with self._lock:
            rows = [Usage(i, w.partner, w.flag, w.per, w.start, self._by_instance[i, w]) for i, w in self._unwritten]
            self._unwritten.clear()
            return rows

    def write_changed(self, write: Callable[[list[Usage]], None]) -> None:
        """Hand what has changed to ``write``; where that fails it counts as changed still."""
        if not (rows := self.take_unwritten()):
            return
        try:
            write(rows)
        except BaseException:
            kept = {(row.instance, Window(row.partner, row.flag, row.per, row.window_start)) for row in rows}
            with self._lock:
                self._unwritten |= kept & self._by_instance.keys()
            raise

    def prune(self, now: datetime) -> str:
        """Forget windows that ended more than a day ago; returns the oldest start that is kept."""
        oldest = window_start(now - timedelta(days=1), "day")
        with self._lock:
            for window in [w for w in self._total if w.start < oldest]:
                del self._total[window]
                if window.per == REFUSED:
                    del self._refused[window.partner, window.flag][window.start]
            for key in [k for k in self._by_instance if k[1].start < oldest]:
                del self._by_instance[key]
                self._unwritten.discard(key)
        return oldest

    def of(self, partner: str | None = None, flag: str | None = None, *, now: datetime) -> list[dict[str, Any]]:
        """Live usage in the current windows, for people: one row per partner, flag and period."""
        current = {per: self._start(per, now) for per in _LENGTH}
        with self._lock:
            return [
                w.row(n)
                for w, n in sorted(self._total.items(), key=lambda item: (item[0].partner, item[0].flag, item[0].per))
                if w.per != REFUSED and w.start == current[w.per]
                if partner in (None, w.partner) and flag in (None, w.flag)
            ]
