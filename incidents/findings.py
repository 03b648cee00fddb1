"""
What the figures of an incident say, in sentences.

Pure. Names stand in them as they are: whoever shows a sentence escapes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from incidents.clock import rfc3339
from incidents.measures import Measures
from incidents.spans import spelled


def in_short(figures: Measures, names: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each thing that leadership asks first. ``names``: person id -> name."""
    declared = figures.first("declared")
    if declared is not None:
        yield f"Declared {minute(declared.at)} UTC by {names.get(declared.by, declared.by)}."
    if figures.containments:
        first = figures.containments[0]
        lapsed = f", {len(first.lapsed)} by a lease that ran out" if first.lapsed else ""
        points = (
            f"{first.confirmed} of {first.total} points confirmed{lapsed}" if first.total else "no point held a copy"
        )
        yield f"Contained after {spelled(first.ms)}: {points}."
    elif figures.holds:
        yield "Not contained by evidence."
    else:
        yield "It held nothing."
    found = figures.affected
    if found.windows:
        partners, flags = len(found.partners), len(found.flags)
        longest = f", off for at most {spelled(found.longest_ms)}" if found.longest_ms else ""
        yield f"{counted(partners, 'partner')} affected on {counted(flags, 'capability flag')}{longest}."
    if figures.standing:
        yield f"{counted(figures.standing, 'hold')} still in force."


def worked(figures: Measures, names: Mapping[str, str]) -> Iterator[str]:
    for found in figures.containments:
        slowest = f", slowest {found.slowest} after {spelled(found.slowest_ms or 0)}" if found.slowest else ""
        yield (
            f"Contained {minute(found.at)} UTC, {spelled(found.ms)} after the order: {found.confirmed} of"
            f" {found.total} points confirmed revision {found.revision}{slowest}."
        )
        if found.ask_live:
            yield f"{counted(len(found.ask_live), 'point')} asked live, so denied at once: {_names(found.ask_live)}."
    approved = [m for m in figures.moments if m.name == "restore-approved"]
    for moment in approved:
        yield f"{moment.about} was approved by a second person, {names.get(moment.by, moment.by)}."


def did_not(figures: Measures) -> Iterator[str]:
    """What the figures alone show; people know more."""
    short = figures.shortcomings
    for found in figures.containments:
        if found.lapsed:
            yield f"Did not confirm, their leases ran out: {_names(found.lapsed)}."
    for row in short.contradicted:
        when = minute(row.at)
        yield f"Containment was contradicted by {row.about} at {when} UTC: {row.because}."
    for task in short.overdue:
        end = "settled" if task.settled_at else "still open"
        yield f"Task {task.number} was due {minute(task.due_at)} UTC, {end} {spelled(task.late_ms)} late."
    for update in short.late_updates:
        end = "came" if update.came_at else "did not come"
        late = f" {spelled(update.late_ms)} late" if update.came_at else ""
        yield f"The update due {minute(update.due_at)} UTC {end}{late}."
    for row in short.denied:
        yield f"An approval of {row.about} did not count: {row.because}."
    for row in short.stopped:
        yield f"{row.about} was stopped: {row.because}."
    for row in short.taken_over:
        yield f"{row.about} took command over at {minute(row.at)} UTC."
    if short.late_entries:
        yield f"{counted(len(short.late_entries), 'line')} written down only well after the fact."


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more


def counted(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"


def minute(at: str | datetime) -> str:
    """``2026-11-23 14:02:07`` of RFC 3339 in UTC, or of a moment."""
    return (at if isinstance(at, str) else rfc3339(at))[:19].replace("T", " ")
