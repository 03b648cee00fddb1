"""
One write a second and channel, whoever writes. Pure but for the clock handed in; safe for threads.
"""

from __future__ import annotations

import threading

from incidents.clock import Clock

EVERY_S = 1.0


class Lanes:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    def is_free(self, channel: str) -> bool:
        with self._lock:
            return self._free_at.get(channel, float("-inf")) <= self._clock.boot()

    def take(self, channel: str) -> float:
        """Take the next turn in a channel; seconds until it comes, 0 where it is now."""
        now = self._clock.boot()
        with self._lock:
            turn = max(now, self._free_at.get(channel, now))
            self._free_at[channel] = turn + EVERY_S
            return turn - now

    def hold(self, channel: str, seconds: float) -> None:
        """Slack asked to wait."""
        with self._lock:
            until = self._clock.boot() + seconds
            self._free_at[channel] = max(until, self._free_at.get(channel, until))
