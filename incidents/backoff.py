"""
How long to wait before the next try, and how much one channel is given in a minute. Pure: time and chance come in.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

FIRST_S, LONGEST_S = 5.0, 300.0
URGENT_FIRST_S, URGENT_LONGEST_S = 1.0, 30.0


def wait(tries: int, chance: Random, *, urgent: bool) -> timedelta:
    """
    Twice as long each time up to a bound, then between half of that and all of it.

    Args:
        tries: How often it was tried already, 1 or more.
    """
    first, longest = (URGENT_FIRST_S, URGENT_LONGEST_S) if urgent else (FIRST_S, LONGEST_S)
    full = min(longest, first * 2.0 ** min(tries - 1, 20))
    return timedelta(seconds=full * chance.uniform(0.5, 1.0))


class Allowance:
    """So many a minute, at most ``burst`` of them at once. Nothing urgent is ever asked to go through it."""

    def __init__(self, per_minute: float, burst: int) -> None:
        self._per_s, self._burst = per_minute / 60, float(burst)
        self._left = float(burst)
        self._at: datetime | None = None

    def take(self, wanted: int, now: datetime) -> int:
        """How many of ``wanted`` may go now; they are counted."""
        self._refill(now)
        given = min(wanted, int(self._left + 1e-9))
        self._left -= given
        return given

    def give_back(self, count: int) -> None:
        """What was counted and did not go after all."""
        self._left = min(self._burst, self._left + count)

    def next_at(self, now: datetime) -> datetime:
        """When one more may go."""
        self._refill(now)
        missing = max(0.0, 1.0 - self._left)
        return now + timedelta(seconds=missing / self._per_s)

    def _refill(self, now: datetime) -> None:
        since = self._at or now
        self._left = min(self._burst, self._left + max(0.0, (now - since).total_seconds()) * self._per_s)
        self._at = max(since, now)
