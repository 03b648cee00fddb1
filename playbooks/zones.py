"""
Whether a name is a time zone. The list of all zones takes long to read, so it is only read to name the nearest.
"""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from playbooks.words import nearest, shown


@cache
def _all_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_fault(text: str) -> str | None:
    """What is wrong with the name of a time zone (IANA), or None."""
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):  # unknown, not a file's name, or a folder of zones
        return f"unknown time zone {shown(text)}.{nearest(text, _all_zones())}"
    return None
