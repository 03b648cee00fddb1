"""
Which clock wants something next: one look-up, however many are pending.

Over all open clocks in memory, derived from the log and kept up by whoever folds it: a heap by the moment at which
something has to be done, because thousands may have one in the same second, and a sorted list by strict due moment for
people, in whose order it is read. Moving a clock in that list moves pointers, tens of microseconds at 100,000 clocks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from datetime import UTC, datetime

from incidents.due import DueList

NEVER = datetime.max.replace(tzinfo=UTC)
Row = tuple[datetime, str]


class Agenda:
    """Not locked: used under the desk's lock, where the state stands still."""

    def __init__(self) -> None:
        self._wakes: DueList[str] = DueList()
        self._dues: list[Row] = []
        self._due_of: dict[str, datetime] = {}

    def __len__(self) -> int:
        """How many clocks have something to be done ahead of them."""
        return len(self._wakes)

    def fill(self, rows: Sequence[tuple[str, datetime | None, datetime | None]]) -> None:
        """Everything at once, from (clock, due, wake); sorts instead of inserting."""
        self._due_of = {clock: due or NEVER for clock, due, _ in rows}
        self._dues = sorted((due, clock) for clock, due in self._due_of.items())
        self._wakes.fill((clock, wake) for clock, _, wake in rows if wake is not None)

    def put(self, clock: str, due: datetime | None, wake: datetime | None) -> None:
        """What a clock is due at, and when it next wants something (None: nothing by itself)."""
        _place(self._dues, self._due_of, clock, due or NEVER)
        if wake is None:
            self._wakes.drop(clock)
        else:
            self._wakes.put(clock, wake)

    def drop(self, clock: str) -> None:
        _place(self._dues, self._due_of, clock, None)
        self._wakes.drop(clock)

    def take(self, now: datetime) -> list[str]:
        """The clocks whose moment lies before ``now``, the longest waiting first; whoever takes them puts them anew."""
        return self._wakes.take(now - datetime.resolution, len(self._wakes))

    def next(self) -> datetime | None:
        return self._wakes.next_at()

    def by_due(self, after: Row | None = None, limit: int = 1000) -> list[Row]:
        """Clocks by strict due moment, those without one last; ``after`` is the last row of the page before."""
        start = bisect_right(self._dues, after) if after is not None else 0
        return self._dues[start : start + limit]


def _place(rows: list[Row], known: dict[str, datetime], clock: str, moment: datetime | None) -> None:
    """Move a clock to its moment; where that is the same nothing is touched."""
    before = known.get(clock)
    if before == moment:
        return
    if before is not None:
        del rows[bisect_left(rows, (before, clock))]
        del known[clock]
    if moment is not None:
        insort(rows, (moment, clock))
        known[clock] = moment
