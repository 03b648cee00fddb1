"""
The first draft of a review: the log's facts and the playbook's questions, as Markdown that people go on with.

Pure. What people typed is escaped, so that it can be neither a heading nor an answer; restricted notes stay out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents.clock import rfc3339
from incidents.measures import Measures, spelled
from incidents.review_questions import UNANSWERED
from incidents.timeline import Row

Json = Mapping[str, Any]
SHOWN_MOMENTS, SHOWN_WINDOWS = 200, 200
WHAT = {"off": "off", "regions": "off in some regions", "throttled": "throttled"}
BANDS = {
    "real": "Real incident",
    "drill": "DRILL, a rehearsal: no live access was touched",
    "test": "TEST: nothing was held, nobody was told",
}


def draft(about: Json, ask: Sequence[str], figures: Measures, rows: Sequence[Row], now: datetime) -> str:
    """
    Args:
        about: ``{id, title, summary, kind, severity, playbook, tasks}`` as the views have them.
        ask: The playbook's questions.
        rows: The timeline as everybody may read it.
    """
    parts = [
        f"# Review of {about['id']}: {plain(about['title'] or 'title redacted')}",
        f"_{BANDS[about['kind']]}, {about['severity']}, playbook {plain(about['playbook'])}. Facts from the log as of"
        f" {minute(rfc3339(now))} UTC._",
        "## Summary",
        *([plain(about["summary"])] if about["summary"].strip() else []),
        " ".join(in_short(figures)),
        "## Key moments",
        *moments(about["id"], rows),
        "## Durations",
        *durations(figures),
        "## Who was affected",
        *affected(figures),
        "## What worked",
        *_list(worked(figures)),
        "## What did not",
        *_list(did_not(figures)),
    ]
    for question in ask:
        parts += [f"## {plain(question)}", UNANSWERED]
    return "\n\n".join([*parts, "## Follow-ups", *follow_ups(about["tasks"])]) + "\n"


def in_short(figures: Measures) -> Iterator[str]:
    """One sentence for each thing that leadership asks first."""
    declared = figures.first("declared")
    if declared is not None:
        yield f"Declared {minute(rfc3339(declared.at))} UTC by {plain(declared.by)}."
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
        yield f"{_count(partners, 'partner')} affected on {_count(flags, 'capability flag')}{longest}."
    if figures.standing:
        yield f"{_count(figures.standing, 'hold')} still in force."


def moments(id: str, rows: Sequence[Row]) -> Iterator[str]:
    """The turning points, each with a link to its line."""
    shown = sorted((r for r in rows if r.key or r.pinned), key=lambda r: (r.at, r.seq))
    lines = [
        f"| {minute(row.at)}{_corrected(row)} | {plain(row.text)} | [{row.seq}](/incidents/{id}#line-{row.seq}) |"
        for row in shown[:SHOWN_MOMENTS]
    ]
    yield _table("| when (UTC) | what | line |", lines)
    if len(shown) > SHOWN_MOMENTS:
        yield f"{len(shown) - SHOWN_MOMENTS} more are on the timeline."


def _corrected(row: Row) -> str:
    was = next((c.was_at for c in row.corrections if c.was_at), None)
    return f" (first told as {minute(was)})" if was else " (late entry)" if row.late else ""


def durations(figures: Measures) -> Iterator[str]:
    lines = [f"| {plain(span.words)} | {spelled(span.ms)} |" for span in figures.spans]
    yield _table("| from, to | how long |", lines) if lines else "Nothing can be measured yet."


def affected(figures: Measures) -> Iterator[str]:
    windows = figures.affected.windows
    lines = [
        f"| {plain(w.partner)} | {plain(w.flag)} | {WHAT[w.what]} | {minute(rfc3339(w.since))} |"
        f" {minute(rfc3339(w.until)) if w.until else 'still'} | {spelled(w.ms)} |"
        + (f" {plain(w.then)} |" if w.then else " |")
        for w in windows[:SHOWN_WINDOWS]
    ]
    head = "| partner | capability flag | what | from (UTC) | until | how long | denied since then by |"
    yield _table(head, lines) if lines else "Nobody: no grant's answer changed."
    if left := max(0, len(windows) - SHOWN_WINDOWS) + figures.affected.uncounted:
        yield f"{left} more are not listed here."


def worked(figures: Measures) -> Iterator[str]:
    for found in figures.containments:
        slowest = f", slowest {plain(found.slowest)} after {spelled(found.slowest_ms or 0)}" if found.slowest else ""
        yield (
            f"Contained {minute(rfc3339(found.at))} UTC, {spelled(found.ms)} after the order: {found.confirmed} of"
            f" {found.total} points confirmed revision {found.revision}{slowest}."
        )
        if found.ask_live:
            yield f"{_count(len(found.ask_live), 'point')} asked live, so denied at once: {_names(found.ask_live)}."
    approved = [m for m in figures.moments if m.name == "restore-approved"]
    for moment in approved:
        yield f"{moment.about} was approved by a second person, {plain(moment.by)}."


def did_not(figures: Measures) -> Iterator[str]:
    """What the figures alone show; people know more."""
    short = figures.shortcomings
    for found in figures.containments:
        if found.lapsed:
            yield f"Did not confirm, their leases ran out: {_names(found.lapsed)}."
    for row in short.contradicted:
        when = minute(rfc3339(row.at))
        yield f"Containment was contradicted by {plain(row.about)} at {when} UTC: {plain(row.because)}."
    for task in short.overdue:
        end = "settled" if task.settled_at else "still open"
        yield f"Task {task.number} was due {minute(rfc3339(task.due_at))} UTC, {end} {spelled(task.late_ms)} late."
    for update in short.late_updates:
        end = "came" if update.came_at else "did not come"
        late = f" {spelled(update.late_ms)} late" if update.came_at else ""
        yield f"The update due {minute(rfc3339(update.due_at))} UTC {end}{late}."
    for row in short.denied:
        yield f"An approval of {row.about} did not count: {plain(row.because)}."
    for row in short.stopped:
        yield f"{row.about} was stopped: {plain(row.because)}."
    for row in short.taken_over:
        yield f"{plain(row.about)} took command over at {minute(rfc3339(row.at))} UTC."
    if short.late_entries:
        yield f"{_count(len(short.late_entries), 'line')} written down well after it happened."


def follow_ups(tasks: Iterable[Json]) -> Iterator[str]:
    lines = [
        f"| {task['number']} | {plain(task['title'])} | {plain(task['owner'] or 'nobody yet')} |"
        f" {minute(task['due_at']) if task['due_at'] else 'no date'} | {task['state']} |"
        for task in tasks
        if task["follow_up"]
    ]
    yield _table("| # | what | owner | due (UTC) | state |", lines) if lines else "None yet."


def minute(at: str) -> str:
    """``2026-11-23 14:02:07`` of RFC 3339 in UTC."""
    return at[:19].replace("T", " ")


_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&!])")


def plain(text: str) -> str:
    """Somebody's words on one line, with nothing in them that Markdown would understand."""
    line = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def _table(head: str, lines: Sequence[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *lines])


def _list(lines: Iterable[str]) -> list[str]:
    return ["\n".join(f"- {line}" for line in lines) or "Nothing that the log shows."]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(map(plain, names[:10])) + more


def _count(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"
