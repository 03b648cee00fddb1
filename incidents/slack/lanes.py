"""
One write a second and channel, whoever writes: the incidents' messages and the notices share a channel's turns.

Pure but for the clock handed in; safe for threads. Who says that something is off goes first; else those who wait take
turns, so that neither a storm of changes nor a row of notices keeps the other out.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from incidents.clock import Clock

EVERY_S = 1.0
WAITS_S = 2.0  # whoever has not asked again for so long waits no more


@dataclass(slots=True)
class _Lane:
    free_at: float = float("-inf")
    last: str = ""
    waiting: dict[str, tuple[float, bool]] = field(default_factory=dict)  # who -> asked when, goes first


class Lanes:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def take(self, channel: str, who: str, *, first: bool = False) -> bool:
        """The channel's next turn, if it has come and is ``who``'s; else ask again soon."""
        now = self._clock.boot()
        with self._lock:
            lane = self._lanes.setdefault(channel, _Lane())
            if lane.free_at > now or self._others_go_first(lane, who, first, now):
                lane.waiting[who] = (now, first)
                return False
            lane.waiting.pop(who, None)
            lane.free_at, lane.last = now + EVERY_S, who
            return True

    def hold(self, channel: str, seconds: float) -> None:
        """Slack asked to wait."""
        with self._lock:
            lane = self._lanes.setdefault(channel, _Lane())
            lane.free_at = max(lane.free_at, self._clock.boot() + seconds)

    def wait_s(self, channel: str) -> float:
        """Until the channel's next turn, whoever takes it."""
        with self._lock:
            lane = self._lanes.get(channel)
            return max(0.0, lane.free_at - self._clock.boot()) if lane is not None else 0.0

    def _others_go_first(self, lane: _Lane, who: str, first: bool, now: float) -> bool:
        others = [goes for other, (at, goes) in lane.waiting.items() if other != who and now - at < WAITS_S]
        if first or not others:
            return False
        return any(others) or lane.last == who
