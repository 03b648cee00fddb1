"""
Counts and lengths of time in words. Pure; for pages, pictures and exports alike.
"""

from __future__ import annotations


def plural(count: int, one: str, many: str = "") -> str:
    """``1 point``, ``200 points``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def span(seconds: float) -> str:
    """The two largest units: ``22 h 41 min``, ``4 min 10 s``, ``6 days 2 h``."""
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{plural(days, 'day')} {hours} h" if hours and days < 10 else plural(days, "day")
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {whole % 60} s" if whole % 60 and minutes < 10 else f"{minutes} min"
    return f"{whole} s"
