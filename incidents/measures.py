"""
How an incident went, in figures: its moments, the time between any two of them, what worked and what did not.

Pure, from one incident's own events. Reads ``data`` alone, never free words, so that a redaction changes no figure.
Times are as corrected; durations whole milliseconds. What a person told afterwards counts as a note, never as evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incidents.affected import Affected, affected
from incidents.events import Event
from incidents.moments import Contained, Moment, Walk, corrections
from incidents.shortcomings import Shortcomings, shortcomings

# Name, words, from and to; ``*`` means the last one of its name, where nothing is said the first.
SPANS = (
    ("notice", "first sign that a note tells of, to the declaration", "first-sign", "declared"),
    ("acknowledge", "declared to acknowledged", "declared", "acknowledged"),
    ("command", "declared to command taken", "declared", "command-taken"),
    ("order", "declared to holds ordered", "declared", "ordered"),
    ("first-confirm", "ordered to the first point's confirmation", "ordered", "first-confirmed"),
    ("confirm", "ordered to the last point's confirmation", "ordered", "last-confirmed"),
    ("contain", "ordered to contained", "ordered", "contained"),
    ("update", "declared to the first update", "declared", "update"),
    ("notify", "declared to the first message that arrived", "declared", "notified"),
    ("mitigate", "declared to mitigated", "declared", "mitigated*"),
    ("resolve", "declared to resolved", "declared", "resolved*"),
    ("restore", "first asked to everything given back", "restore-asked", "given-back*"),
    ("hold", "ordered to everything given back", "ordered", "given-back*"),
    ("review", "resolved to the review's publication", "resolved*", "review-published*"),
    ("close", "declared to closed", "declared", "closed*"),
)
UNDONE = ("reopened", "contradicted", "ordered")  # after these what was said on top of a containment is said anew


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another; below zero where the second came first."""

    name: str
    words: str
    start: str
    end: str
    ms: int

    def wire(self) -> dict[str, Any]:
        return {"name": self.name, "words": self.words, "from": self.start, "to": self.end, "ms": self.ms}


@dataclass(frozen=True, slots=True)
class Measures:
    """``holds``: how many it placed; ``standing``: how many of those still stand."""

    moments: tuple[Moment, ...]
    affected: Affected
    containments: tuple[Contained, ...]
    shortcomings: Shortcomings
    holds: int
    standing: int

    def first(self, name: str) -> Moment | None:
        return next((m for m in self.moments if m.name == name), None)

    def last(self, name: str) -> Moment | None:
        return next((m for m in reversed(self.moments) if m.name == name), None)

    def between(self, start: str, end: str) -> int | None:
        """Milliseconds between two moments, by key; None where one of them never was."""
        at = {m.key: m.at for m in self.moments}
        return _ms(at[end] - at[start]) if start in at and end in at else None

    @property
    def spans(self) -> list[Span]:
        """Those that have happened, of all that people usually ask for; and each restore's own."""
        found = []
        for name, words, first, then in SPANS:
            start, end = self._named(first), self._named(then)
            if start is not None and end is not None:
                found.append(Span(name, words, start.key, end.key, _ms(end.at - start.at)))
        return found + list(self._restores())

    def _named(self, name: str) -> Moment | None:
        if name == "first-sign":
            notes, declared = [m for m in self.moments if m.name == "note"], self.first("declared")
            return min((n for n in notes if declared and n.at < declared.at), key=lambda n: n.at, default=None)
        if not name.endswith("*"):
            return self.first(name)
        found = self.last(name[:-1])
        return found if found is not None and self._stands(found) else None

    def _stands(self, moment: Moment) -> bool:
        """False where the incident has gone back behind it since."""
        if moment.name == "given-back":
            return not self.standing
        undone = UNDONE if moment.name in ("mitigated", "resolved") else UNDONE[:1]
        return all(m.seq < moment.seq for m in self.moments if m.name in undone)

    def _restores(self) -> Iterator[Span]:
        by_request = {(m.name, m.about): m for m in self.moments if m.name.startswith("restore-")}
        for (name, request), asked in by_request.items():
            approved = by_request.get(("restore-approved", request))
            if name != "restore-asked" or approved is None:
                continue
            words = f"{request} asked for to approved"
            yield Span("restore-approval", words, asked.key, approved.key, _ms(approved.at - asked.at))
            if (done := by_request.get(("restore-done", request))) is not None:
                words = f"{request} approved to done"
                yield Span("restore-carrying-out", words, approved.key, done.key, _ms(done.at - approved.at))

    def wire(self) -> dict[str, Any]:
        return {
            "moments": [m.wire() for m in self.moments],
            "durations": [s.wire() for s in self.spans],
            "affected": [w.wire() for w in self.affected.windows],
            "affected_uncounted": self.affected.uncounted,
            "containments": [c.wire() for c in self.containments],
            "holds": self.holds,
            "holds_standing": self.standing,
            **self.shortcomings.wire(),
        }

    def brief(self) -> dict[str, int | None]:
        """One figure per name, for comparing incidents: ``<span>_ms``, None where it has not happened, and counts."""
        known = {span.name: span.ms for span in self.spans}
        short = self.shortcomings
        return {f"{name.replace('-', '_')}_ms": known.get(name) for name, *_ in SPANS} | {
            "partners_affected": len(self.affected.partners),
            "flags_affected": len(self.affected.flags),
            "longest_off_ms": self.affected.longest_ms,
            "points": self.containments[0].total if self.containments else None,
            "points_confirmed": self.containments[0].confirmed if self.containments else None,
            "tasks_overdue": len(short.overdue),
            "late_entries": len(short.late_entries),
            "contradictions": len(short.contradicted),
            "denied_approvals": len(short.denied),
            "late_updates": len(short.late_updates),
        }


def measure(events: Sequence[Event], now: datetime) -> Measures:
    """
    Args:
        events: Every event of one incident, in order.
        now: Up to when what still goes on counts.
    """
    walk = Walk(corrections(events))
    for event in events:
        walk.take(event)
    moments = tuple(sorted(walk.moments, key=lambda m: (m.at, m.seq)))
    short = shortcomings(events, walk.corrected, now)
    return Measures(moments, affected(events, now), tuple(walk.containments), short, walk.placed, len(walk.standing))


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
