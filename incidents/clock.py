"""
The only place that reads a clock.

Two clocks, for two questions: ``now`` for what people read (aware UTC), ``boot`` for how long something has been
true (seconds that also pass while the machine sleeps).
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the service asks about time."""

    def now(self) -> datetime: ...

    def boot(self) -> float: ...


_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot(self) -> float:
        """Seconds since boot, sleep included where the platform can tell (Linux), else its monotonic clock."""
        return time.clock_gettime(_BOOT) if _BOOT is not None else time.monotonic()


class ManualClock:
    """A clock that only moves when it is told to. Tests move it; drills may compress it."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        self._boot = 1000.0

    def now(self) -> datetime:
        return self._now

    def boot(self) -> float:
        return self._boot

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._boot += seconds


def rfc3339(moment: datetime) -> str:
    """``2026-11-23T14:02:07.123Z``: milliseconds, UTC, as every answer writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z")


def readable(words: str) -> str:
    """Words for people: each moment in them that ``rfc3339`` wrote becomes ``2026-11-23 14:02:07 UTC``."""
    return _WRITTEN.sub(r"\1 \2 UTC", words)


def parse_rfc3339(text: str) -> datetime:
    """
    An aware UTC time from RFC 3339 text.

    Raises:
        ValueError: Not a time, or one without a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"'{text}' has no time zone; write it like 2026-11-23T14:02:07Z")
    return moment.astimezone(UTC)
