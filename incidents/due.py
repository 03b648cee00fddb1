"""
What is due next, out of any number of things: a look-up, not a search.

A heap in which what was changed or dropped stays until it comes up. Pure; not safe for threads, its owner is.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class DueList(Generic[K]):
    """Keys by the moment at which each is due; of those that are due, lower ``rank`` first."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, int, K]] = []
        self._at: dict[K, tuple[datetime, int, int, K]] = {}  # the very entries of the heap that count
        self._puts = 0

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: object) -> bool:
        return key in self._at

    def fill(self, due: Iterable[tuple[K, datetime]]) -> None:
        """Everything at once, in place of what is entered: at a start there may be a hundred thousand."""
        self._at = {key: (at, 0, number, key) for number, (key, at) in enumerate(due, 1)}
        self._puts = len(self._at)
        self._heap = list(self._at.values())
        heapq.heapify(self._heap)

    def put(self, key: K, at: datetime, rank: int = 0) -> None:
        """Enter it, or move it to another moment; where that is the same nothing is touched."""
        before = self._at.get(key)
        if before is not None and before[0] == at and before[1] == rank:
            return
        self._puts += 1  # keys need no order of their own, and equals come in the order in which they were put
        entry = self._at[key] = (at, rank, self._puts, key)
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 64 + 2 * len(self._at):
            self._heap = list(self._at.values())
            heapq.heapify(self._heap)

    def drop(self, key: K) -> None:
        self._at.pop(key, None)

    def next_at(self) -> datetime | None:
        """When the next one is due; None where nothing is entered."""
        self._skip_stale()
        return self._heap[0][0] if self._heap else None

    def take(self, now: datetime, limit: int) -> list[K]:
        """At most ``limit`` of what is due, removed; the lowest rank first, then the earliest."""
        found = list(self._due(now, limit))
        return [key for _, _, _, key in sorted(found, key=lambda entry: (entry[1], entry[0], entry[2]))]

    def _due(self, now: datetime, limit: int) -> Iterator[tuple[datetime, int, int, K]]:
        while limit > 0:
            self._skip_stale()
            if not self._heap or self._heap[0][0] > now:
                return
            entry = heapq.heappop(self._heap)
            del self._at[entry[3]]
            limit -= 1
            yield entry

    def _skip_stale(self) -> None:
        while self._heap and self._at.get(self._heap[0][3]) is not self._heap[0]:
            heapq.heappop(self._heap)
