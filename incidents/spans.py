"""
Counts and lengths of time in words, for whoever reads them. Pure; for pages, pictures, messages and exports alike.
"""

from __future__ import annotations

NOT_MEASURED = "–"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 point``, ``200 points``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def span(seconds: float) -> str:
    """How far off something is, the two largest units: ``22 h 41 min``, ``4 min 10 s``, ``6 days 2 h``."""
    whole = int(seconds)
    if whole >= 10 * 86_400:
        return plural(whole // 86_400, "day")
    return _exactly(whole // 60 * 60 if whole >= 600 else whole)


def spelled(ms: int) -> str:
    """How long something took, the two largest units: ``240 ms``, ``2.1 s``, ``4 min 10 s``, ``3 days 4 h``."""
    if ms < 0:
        return f"{spelled(-ms)} before"
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 10_000:
        return f"{ms / 1000:.1f} s".replace(".0 s", " s")
    return _exactly(round(ms / 1000))


def took(ms: int | None) -> str:
    """The same; a dash for what was not measured."""
    return NOT_MEASURED if ms is None else spelled(ms)


def in_full(seconds: int) -> str:
    """In whole words, as a letter has it: ``30 minutes``, ``2 hours 5 minutes``, ``3 days``."""
    parts = []
    for length, word in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(plural(count, word))
    return " ".join(parts[:2]) or "0 seconds"


def _exactly(seconds: int) -> str:
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return plural(days, "day") + (f" {hours} h" if hours else "")
    if hours:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    if minutes:
        return f"{minutes} min" + (f" {seconds % 60} s" if seconds % 60 else "")
    return f"{seconds} s"
