"""
The rules of periods once more, counted out by hand: day by day, hour by hour, with no arithmetic on dates.

Written from the rules and not from ``incidents.deadlines``; slow on purpose. Calendars come in as a plain question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Works = Callable[[date], bool]
MINUTE = timedelta(minutes=1)


def tomorrow(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def last_second(day: date, zone: str) -> datetime:
    """Search the day's last second by looking at the recipient's calendar, second by second at the end."""
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for step in (timedelta(hours=1), MINUTE, timedelta(seconds=1)):
        while (moment + step).astimezone(ZoneInfo(zone)).date() <= day:
            moment += step
    return moment


def elapsed(start: datetime, hours: int) -> datetime:
    moment = start.astimezone(UTC)
    for _ in range(hours * 60):
        moment += MINUTE
    return moment


def hour_that_does_not_count(start: datetime, zone: str) -> datetime:
    """Walk on until the recipient's clock shows a full hour."""
    moment = start.astimezone(UTC).replace(microsecond=0)
    moment += timedelta(seconds=1)
    while (local := moment.astimezone(ZoneInfo(zone))).minute or local.second:
        moment += timedelta(seconds=1)
    return moment


def days_later(day: date, days: int) -> date:
    for _ in range(days):
        day = tomorrow(day)
    return day


def months_later(day: date, months: int) -> date:
    """Go through the calendar: that many first-of-months on, then to the same number or the month's end."""
    found, wanted = day, day.day
    for _ in range(months):
        found = found.replace(day=1)
        month = found.month
        while found.month == month:
            found = tomorrow(found)
    while found.day < wanted and tomorrow(found).month == found.month:
        found = tomorrow(found)
    return found


def business_days_later(day: date, count: int, works: Works) -> date:
    while count:
        day = tomorrow(day)
        count -= works(day)
    return day


def regulation_1182(day: date, last: date, works: Works) -> date:
    """Articles 3(4) and 3(5): the end of the period that began on the day after ``day``."""
    long_enough = last > tomorrow(day)
    while not works(last):
        last = tomorrow(last)
    if long_enough:
        while sum(works(d) for d in _from_to(tomorrow(day), last)) < 2:
            last = tomorrow(last)
            while not works(last):
                last = tomorrow(last)
    return last


def _from_to(first: date, last: date) -> list[date]:
    found = [first]
    while found[-1] < last:
        found.append(tomorrow(found[-1]))
    return found
