"""
Which days are free at a recipient's: the only file that knows the ``holidays`` library.

Sets are built whole per year, because the library's own objects grow while they are asked, which two threads must not
see. What was counted as free goes into the log with the deadline, so a later release of the library changes no past.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version

from playbooks.regime_terms import Counting

WEEKEND = frozenset({5, 6})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FreeDays:
    """A recipient's calendar; without a country Saturdays and Sundays alone are free, which is never too late."""

    country: str | None = None
    subdivision: str | None = None
    closed: frozenset[date] = frozenset()
    opened: frozenset[date] = frozenset()

    @classmethod
    def of(cls, counting: Counting) -> FreeDays:
        return cls(
            counting.country,
            counting.subdivision,
            frozenset(map(date.fromisoformat, counting.closed)),
            frozenset(map(date.fromisoformat, counting.opened)),
        )

    def works(self, day: date) -> bool:
        if day in self.opened:
            return True
        if day in self.closed:
            return False
        if self.country is None:
            return day.weekday() not in WEEKEND
        try:
            weekend, holidays = _free(self.country, self.subdivision, day.year)
        except LookupError:  # the register complains of it; a deadline that is early by a holiday harms nobody
            weekend, holidays = WEEKEND, frozenset()
        return day.weekday() not in weekend and day not in holidays

    def next_working(self, day: date) -> date:
        """The first working day after ``day``."""
        day += _DAY
        while not self.works(day):
            day += _DAY
        return day

    def nth_working(self, day: date, count: int) -> date:
        """The ``count``-th working day after ``day``, which itself does not count."""
        for _ in range(count):
            day = self.next_working(day)
        return day


@lru_cache(maxsize=512)
def _free(country: str, subdivision: str | None, year: int) -> tuple[frozenset[int], frozenset[date]]:
    """
    Weekend days and public holidays of one year.

    Raises:
        LookupError: The library does not know the country or the part of it.
    """
    import holidays  # here: it takes as long to load as a kill at the command line takes altogether

    try:
        found = holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    except NotImplementedError as error:
        raise LookupError(f"no holidays are known for {country} {subdivision or ''}".rstrip()) from error
    return frozenset(found.weekend), frozenset(day for day in found if day.year == year)


def check_country(country: str, subdivision: str | None) -> str | None:
    """What is wrong with a country or its part, or None."""
    try:
        _free(country, subdivision, 2026)
    except LookupError as error:
        return str(error)
    return None


def source() -> str:
    """Library and release, for the record of what was computed with what."""
    return f"holidays {version('holidays')}"
