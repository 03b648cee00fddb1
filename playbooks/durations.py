"""
Spans of time as people write them: ``5s``, ``30m``, ``24h``, ``30d``, ``5 business days``.

Business days stay a count until a start is known; public holidays are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from playbooks.words import shown

_WRITTEN = re.compile(r"([1-9][0-9]{0,3})(?: ?(s|m|h|d|w)| (business days?))", re.ASCII)
_SATURDAY = 5
_EXAMPLES = "5s, 30m, 24h, 30d, 2w or 5 business days"


class Unit(StrEnum):
    """What a duration counts."""

    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    BUSINESS_DAY = "business days"


_ELAPSED = {
    Unit.SECOND: timedelta(seconds=1),
    Unit.MINUTE: timedelta(minutes=1),
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of units; at least one."""

    amount: int
    unit: Unit

    @property
    def elapsed(self) -> timedelta | None:
        """As elapsed time, or None for business days, which need a calendar."""
        return None if self.unit is Unit.BUSINESS_DAY else _ELAPSED[self.unit] * self.amount

    @property
    def business_days(self) -> int:
        """The number of business days; 0 for elapsed time."""
        return self.amount if self.unit is Unit.BUSINESS_DAY else 0

    def end(self, start: datetime) -> datetime:
        """
        The moment at which this much time is over, in UTC.

        Business days end with the last of them, Saturdays and Sundays left out; public holidays are not known.
        """
        moment = start.astimezone(UTC)
        if self.elapsed is not None:
            return moment + self.elapsed
        for _ in range(self.amount):
            moment += timedelta(days=1)
            while moment.weekday() >= _SATURDAY:
                moment += timedelta(days=1)
        return moment.replace(hour=23, minute=59, second=59, microsecond=0)

    def __str__(self) -> str:
        if self.unit is Unit.BUSINESS_DAY:
            return f"{self.amount} business day{'s' if self.amount > 1 else ''}"
        return f"{self.amount}{self.unit}"


def duration(written: object) -> Duration:
    """
    Read a duration.

    Raises:
        ValueError: It is not written like one; the message shows how.
    """
    if isinstance(written, Duration):
        return written
    found = _WRITTEN.fullmatch(written.strip()) if isinstance(written, str) else None
    if found is None:
        raise ValueError(f"{shown(written)} is not a duration: write {_EXAMPLES}")
    amount, unit, _ = found.groups()
    return Duration(int(amount), Unit(unit) if unit else Unit.BUSINESS_DAY)


def _elapsed_only(written: Duration) -> Duration:
    if written.elapsed is None:
        raise ValueError(
            f"'{written}' needs a calendar: write seconds, minutes, hours or days here (5s, 30m, 24h, 30d)"
        )
    return written


DurationField = Annotated[
    Duration, BeforeValidator(duration), PlainSerializer(str), WithJsonSchema({"type": "string", "examples": ["30m"]})
]
ElapsedField = Annotated[DurationField, AfterValidator(_elapsed_only)]
"""A duration that is elapsed time, never business days."""
