"""
Which declarations have the words that somebody looks for. Plain: every word somewhere, case ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DECLARED = "incident:life:declared"


def matching(rows: Iterable[tuple[str, str, str | None]], words: Sequence[str]) -> set[str]:
    """Incidents among ``rows`` (incident, data as JSON, text as JSON or None) that have every word."""
    wanted = [word.casefold() for word in words]
    found = set()
    for incident, data, text in rows:
        all_of_it = f"{incident} {data} {text or ''}".casefold()
        if all(word in all_of_it for word in wanted):
            found.add(incident)
    return found
