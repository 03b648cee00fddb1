"""
When a scheduled drill is due: worked out from its entry alone, in any time zone, across changes of the clocks.

Pure. A local time that a change of the clocks leaves out falls on the next one that there is, and one that comes twice
counts once. Knows nothing of what was held already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import rfc8785
from cronsim import CronSim

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True)  # without slots: its digest is asked for every second and kept
class Spec:
    """
    One entry of the schedule, whole. Either ``cron`` (minute and hour fixed), or every ``every_days`` from ``since``.

    ``days`` and ``opens``/``closes`` (minutes of the local day): when it may be held at all. ``blackout``: first and
    last day of each. ``jitter_s``: it starts up to so many seconds after it is due; when, only who has the seed knows.
    """

    id: str
    playbook: str
    zone: str
    mode: str = "shadow"
    parameters: Mapping[str, str] = field(default_factory=dict)
    cron: str | None = None
    every_days: int = 0
    since: date | None = None
    at: int = 0  # minute of the local day
    days: tuple[str, ...] = DAYS
    opens: int = 0
    closes: int = 24 * 60
    blackout: tuple[tuple[date, date], ...] = ()
    unannounced: bool = False
    jitter_s: int = 0
    control: tuple[str, ...] = ()
    lasts_s: int = 0  # 0: as usual for the mode
    missed: str = "skip"
    compress: int = 1
    title: str = ""

    def data(self) -> dict[str, Any]:
        """As plain JSON values."""
        found = asdict(self) | {"blackout": [[str(first), str(last)] for first, last in self.blackout]}
        found |= {"since": str(self.since) if self.since else None, "parameters": dict(self.parameters)}
        found["compress"] = self.compress if self.compress > 1 else 0
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
        return {name: value for name, value in plain.items() if value or value is False}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON, hex: equal entries owe the same drills."""
        return hashlib.sha256(rfc8785.dumps(self.data())).hexdigest()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """``due_at`` is when its entry says; ``starts_at`` with its jitter. ``barred``: why it is not held."""

    id: str
    schedule: str
    due_at: datetime
    starts_at: datetime
    barred: str | None = None


def next_occurrences(spec: Spec, after: datetime, until: datetime, *, seed: bytes = b"") -> Iterator[Occurrence]:
    """
    Everything that is due after ``after`` and until ``until``, in order; those that are barred too, so that it is said.

    Args:
        seed: What the jitter is made from. The same seed gives the same times, whenever it is asked.
    """
    moments = _by_cron(spec, after) if spec.cron is not None else _by_days(spec, after)
    for local in moments:
        due_at = local.astimezone(UTC)
        if due_at > until:
            return
        if due_at > after:
            id = f"{spec.id}@{due_at:%Y%m%dT%H%MZ}"
            local = due_at.astimezone(ZoneInfo(spec.zone))
            barred = _barred(spec, local)
            starts_at = due_at if barred else due_at + _jitter(spec, id, local, seed)
            yield Occurrence(id, spec.id, due_at, starts_at, barred)


def _by_cron(spec: Spec, after: datetime) -> Iterator[datetime]:
    yield from CronSim(str(spec.cron), after.astimezone(ZoneInfo(spec.zone)))


def _by_days(spec: Spec, after: datetime) -> Iterator[datetime]:
    zone, day = ZoneInfo(spec.zone), spec.since or date.min
    behind = (after.astimezone(zone).date() - day).days
    if behind > 0:
        day += timedelta(days=behind // spec.every_days * spec.every_days)
    at = time(spec.at // 60, spec.at % 60)
    while True:
        yield _that_exists(datetime.combine(day, at, tzinfo=zone))
        day += timedelta(days=spec.every_days)


def _that_exists(local: datetime) -> datetime:
    """The first minute on the wall from then on that no change of the clocks leaves out."""
    while local.astimezone(UTC).astimezone(local.tzinfo).time() != local.time():
        local += timedelta(minutes=1)
    return local


def _barred(spec: Spec, local: datetime) -> str | None:
    day, minute = local.date(), local.hour * 60 + local.minute
    for first, last in spec.blackout:
        if first <= day <= last:
            return f"{day} is a blackout day"
    if DAYS[day.weekday()] not in spec.days or not spec.opens <= minute < spec.closes:
        return f"{DAYS[day.weekday()]} {local:%H:%M} is outside its window"
    return None


def _jitter(spec: Spec, id: str, local: datetime, seed: bytes) -> timedelta:
    """Within the jitter, and never past the end of the window."""
    left = (spec.closes - local.hour * 60 - local.minute) * 60 - 1
    room = min(spec.jitter_s, max(0, left))
    drawn = int.from_bytes(hashlib.sha256(seed + id.encode()).digest()[:8], "big")
    return timedelta(seconds=drawn % (room + 1))
