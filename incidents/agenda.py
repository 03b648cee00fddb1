"""
Which clock wants something next: one look-up, however many are pending.

Two sorted lists over all open clocks in memory, derived from the log and kept up by whoever folds it: by the moment at
which something has to be done, and by strict due moment for people. A list with ``bisect`` moves pointers on a change,
some tens of microseconds at 100,000 clocks, and answers both questions from its front.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from datetime import UTC, datetime

NEVER = datetime.max.replace(tzinfo=UTC)
Row = tuple[datetime, str]


class Agenda:
    """Not locked: used under the desk's lock, where the state stands still."""

    def __init__(self) -> None:
        self._wakes: list[Row] = []
        self._wake_of: dict[str, datetime] = {}
        self._dues: list[Row] = []
        self._due_of: dict[str, datetime] = {}

    def __len__(self) -> int:
        """How many clocks have something to be done ahead of them."""
        return len(self._wakes)

    def fill(self, rows: Sequence[tuple[str, datetime | None, datetime | None]]) -> None:
        """Everything at once, from (clock, due, wake); sorts instead of inserting."""
        self._due_of = {clock: due or NEVER for clock, due, _ in rows}
        self._wake_of = {clock: wake for clock, _, wake in rows if wake is not None}
        self._dues = sorted((due, clock) for clock, due in self._due_of.items())
        self._wakes = sorted((wake, clock) for clock, wake in self._wake_of.items())

    def put(self, clock: str, due: datetime | None, wake: datetime | None) -> None:
        """What a clock is due at, and when it next wants something (None: nothing by itself)."""
        _place(self._dues, self._due_of, clock, due or NEVER)
        _place(self._wakes, self._wake_of, clock, wake)

    def drop(self, clock: str) -> None:
        _place(self._dues, self._due_of, clock, None)
        _place(self._wakes, self._wake_of, clock, None)

    def awake(self, now: datetime, limit: int) -> list[str]:
        """The clocks whose moment lies before ``now``, the longest waiting first; they stay until they are put anew."""
        return [clock for _, clock in self._wakes[: min(limit, bisect_left(self._wakes, (now, "")))]]

    def next(self) -> datetime | None:
        return self._wakes[0][0] if self._wakes else None

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
