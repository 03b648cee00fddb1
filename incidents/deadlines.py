"""
From an anchor and a period to the moment at which something is due. Pure: no clock is read.

Two answers are kept apart. ``strict``: nothing is rolled over; alarms and sorting use it. ``latest``: what the regime's
rule would still allow; it only explains. Hours are elapsed time, added in UTC, so a change of the clocks moves nothing;
days and months are the recipient's, day zero not counted, and end with that day.

Rules, by name (``playbooks.regime_terms.Rule``):
  none                    latest is strict
  eu-1182-71              Regulation (EEC, Euratom) 1182/71, Article 3: the hour of the event does not count (1);
                          months end with the same date, or the month's last day (2)(c); a last day that is no working
                          day moves to the end of the next one, not for hours (4); two days or more hold two working
                          days (5)
  us-federal              business days of the federal government; 8-K General Instruction B.1 comes out the same
  noon-next-working-day   Delegated Regulation (EU) 2025/301, Article 5(4): noon of the next working day
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from playbooks.calendars import FreeDays
from playbooks.regime_terms import Counting, Period, Rule, Unit

RULES_VERSION = 1
"""Rises with every change of what a rule means; stands in the log beside what was computed."""

_DAY = timedelta(days=1)
_NOON = time(12, 0)


@dataclass(frozen=True, slots=True)
class Due:
    """Aware UTC moments, ``latest`` never before ``strict``; ``skipped``: free days that were passed over."""

    strict: datetime
    latest: datetime
    skipped: tuple[date, ...] = ()


def due(anchor: datetime, after: Period | None, counting: Counting, *, from_year_end: bool = False) -> Due:
    """
    When a period ends.

    Args:
        anchor: Aware; when that happened which starts the period.
        after: None: due at the anchor itself.
        from_year_end: Days and months run from the end of the anchor's calendar year at the recipient's.

    Raises:
        OverflowError: It ends after the year 9999.
    """
    start = anchor.astimezone(UTC)
    if after is None:
        return Due(start, start)
    zone, free = ZoneInfo(counting.zone), FreeDays.of(counting)
    if after.unit is Unit.HOURS:
        return _of_hours(start, timedelta(hours=after.amount), zone, free, counting)
    day = start.astimezone(zone).date()
    return _of_days(date(day.year, 12, 31) if from_year_end else day, after, zone, free, counting)


def _of_hours(start: datetime, hours: timedelta, zone: ZoneInfo, free: FreeDays, counting: Counting) -> Due:
    strict = start + hours
    if counting.rule is Rule.EU_1182_71:
        return Due(strict, _next_full_hour(start, zone) + hours)
    if counting.rule is Rule.NOON:
        return _noon(strict, zone, free)
    return Due(strict, strict)


def _next_full_hour(start: datetime, zone: ZoneInfo) -> datetime:
    """The end of the hour in which something happened, by the recipient's clock."""
    local = start.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return start - past + timedelta(hours=1)


def _of_days(day: date, after: Period, zone: ZoneInfo, free: FreeDays, counting: Counting) -> Due:
    if after.unit is Unit.BUSINESS_DAYS:
        last = free.nth_working(day, after.amount)
        strict = _end_of(last, zone, counting)
        return Due(strict, strict, _passed_over(day, last, free))
    last = day + after.amount * _DAY if after.unit is Unit.DAYS else _months_later(day, after.amount)
    strict = _end_of(last, zone, counting)
    match counting.rule:
        case Rule.NONE | Rule.US_FEDERAL:
            return Due(strict, strict)
        case Rule.EU_1182_71:
            rolled = _rolled(day, last, free)
            return Due(strict, _end_of(rolled, zone, counting), _passed_over(last - _DAY, rolled, free))
        case Rule.NOON:
            return _noon(strict, zone, free)
    assert_never(counting.rule)


def _rolled(day: date, last: date, free: FreeDays) -> date:
    """Articles 3(4) and 3(5) of Regulation 1182/71, for a period whose days run from the one after ``day``."""
    rolled = last if free.works(last) else free.next_working(last)
    return max(rolled, free.nth_working(day, 2)) if last - day >= 2 * _DAY else rolled


def _noon(strict: datetime, zone: ZoneInfo, free: FreeDays) -> Due:
    day = strict.astimezone(zone).date()
    if free.works(day):
        return Due(strict, strict)
    last = free.next_working(day)
    return Due(strict, _local(last, _NOON, zone), _passed_over(day - _DAY, last, free))


def _months_later(day: date, months: int) -> date:
    """The same date that many months on, or that month's last day where it has no such date."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))


def _end_of(day: date, zone: ZoneInfo, counting: Counting) -> datetime:
    """The last second of a day at the recipient's, or when its day is over by its own rule."""
    if counting.day_ends is not None:
        return _local(day, time.fromisoformat(counting.day_ends), zone)
    return _local(day + _DAY, time(0, 0), zone) - timedelta(seconds=1)


def _local(day: date, at: time, zone: ZoneInfo) -> datetime:
    """In UTC. Of a time that is there twice the first; one that is left out counts as if the clocks had not moved."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def _passed_over(first: date, last: date, free: FreeDays) -> tuple[date, ...]:
    """The free days between two days, neither counted."""
    between = ((first + n * _DAY) for n in range(1, (last - first).days))
    return tuple(day for day in between if not free.works(day))
