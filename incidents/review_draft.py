"""
The first draft of a review: the log's facts and the playbook's questions, as Markdown that people go on with.

Pure. What people typed is escaped, so that it can be neither a heading nor an answer; restricted notes stay out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents.findings import did_not, in_short, minute, worked
from incidents.measures import Measures
from incidents.review_questions import UNANSWERED
from incidents.spans import spelled
from incidents.timeline import Row

Json = Mapping[str, Any]
SHOWN_MOMENTS, SHOWN_WINDOWS = 200, 200
WHAT = {"off": "off", "regions": "off in some regions", "throttled": "throttled"}
BANDS = {
    "real": "Real incident",
    "drill": "DRILL, a rehearsal: no live access was touched",
    "test": "TEST: nothing was held, nobody was told",
}


def draft(
    about: Json,
    ask: Sequence[str],
    figures: Measures,
    rows: Sequence[Row],
    names: Mapping[str, str],
    now: datetime,
) -> str:
    """
    Args:
        about: ``{id, title, summary, kind, severity, playbook, tasks}`` as the views have them.
        ask: The playbook's questions.
        rows: The timeline as everybody may read it.
        names: Person id -> name.
    """
    parts = [
        f"# Review of {about['id']}: {plain(about['title'] or 'title redacted')}",
        f"_{BANDS[about['kind']]}, {about['severity']}, playbook {plain(about['playbook'])}. Facts from the log as of"
        f" {minute(now)} UTC._",
        "## Summary",
        *([plain(about["summary"])] if about["summary"].strip() else []),
        plain(" ".join(in_short(figures, names))),
        "## Key moments",
        *moments(about["id"], rows),
        "## Durations",
        *durations(figures),
        "## Who was affected",
        *affected(figures),
        "## What worked",
        *_list(worked(figures, names)),
        "## What did not",
        *_list(did_not(figures)),
    ]
    for question in ask:
        parts += [f"## {plain(question)}", UNANSWERED]
    return "\n\n".join([*parts, "## Follow-ups", *follow_ups(about["tasks"])]) + "\n"


def moments(id: str, rows: Sequence[Row]) -> Iterator[str]:
    """The turning points, each with a link to its line."""
    shown = sorted((r for r in rows if r.key or r.pinned), key=lambda r: (r.at, r.seq))
    lines = [
        f"| {minute(row.at)}{_corrected(row)} | {plain(row.text)} | [{row.seq}]({_place(id, row.seq)}) |"
        for row in shown[:SHOWN_MOMENTS]
    ]
    yield _table("| when (UTC) | what | line |", lines)
    if len(shown) > SHOWN_MOMENTS:
        yield f"{len(shown) - SHOWN_MOMENTS} more are on the timeline."


def _place(id: str, seq: int) -> str:
    """Where the incident's page shows that line, on whichever page of its list."""
    return f"/incidents/{id}?line={seq}#line-{seq}"


def _corrected(row: Row) -> str:
    was = next((c.was_at for c in row.corrections if c.was_at), None)
    return f" (first told as {minute(was)})" if was else " (late entry)" if row.late else ""


def durations(figures: Measures) -> Iterator[str]:
    lines = [f"| {plain(span.words)} | {spelled(span.ms)} |" for span in figures.spans]
    yield _table("| from, to | how long |", lines) if lines else "Nothing can be measured yet."


def affected(figures: Measures) -> Iterator[str]:
    windows = figures.affected.windows
    lines = [
        f"| {plain(w.partner)} | {plain(w.flag)} | {WHAT[w.what]} | {minute(w.since)} |"
        f" {minute(w.until) if w.until else 'still'} | {spelled(w.ms)} |" + (f" {plain(w.then)} |" if w.then else " |")
        for w in windows[:SHOWN_WINDOWS]
    ]
    head = "| partner | capability flag | what | from (UTC) | until | how long | denied since then by |"
    yield _table(head, lines) if lines else "Nobody: no grant's answer changed."
    if left := max(0, len(windows) - SHOWN_WINDOWS) + figures.affected.uncounted:
        yield f"{left} more are not listed here."


def follow_ups(tasks: Iterable[Json]) -> Iterator[str]:
    lines = [
        f"| {task['number']} | {plain(task['title'])} | {plain(task['owner'] or 'nobody yet')} |"
        f" {minute(task['due_at']) if task['due_at'] else 'no date'} | {task['state']} |"
        for task in tasks
        if task["follow_up"]
    ]
    yield _table("| # | what | owner | due (UTC) | state |", lines) if lines else "None yet."


_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&!])")


def plain(text: str) -> str:
    """Somebody's words on one line, with nothing in them that Markdown would understand."""
    line = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def _table(head: str, lines: Sequence[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *lines])


def _list(lines: Iterable[str]) -> list[str]:
    return ["\n".join(f"- {plain(line)}" for line in lines) or "Nothing that the log shows."]
