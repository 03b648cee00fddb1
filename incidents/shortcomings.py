"""
What did not go as it should have in an incident: too late, contradicted, refused, promised and not kept.

Pure, from one incident's own events; reads ``data`` alone. Says what happened, never who is to blame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incidents.clock import parse_rfc3339, rfc3339
from incidents.events import Event
from incidents.timeline import LATE_SECONDS

OVER = ("incident:life:ended", "incident:life:closed", "drill:run:ended")
QUIET = ("incident:life:resolved", *OVER)  # from here on nobody waits for a word, until it is reopened


@dataclass(frozen=True, slots=True)
class Overdue:
    """A task that was settled after its time (``settled_at``), or is past it and still open."""

    number: int
    due_at: datetime
    settled_at: datetime | None
    late_ms: int
    follow_up: bool

    def wire(self) -> dict[str, Any]:
        settled = rfc3339(self.settled_at) if self.settled_at else None
        row = {"number": self.number, "due_at": rfc3339(self.due_at), "settled_at": settled}
        return row | {"late_ms": self.late_ms, "follow_up": self.follow_up}


@dataclass(frozen=True, slots=True)
class LateUpdate:
    """The next word was due at ``due_at``, promised or by the playbook's cadence; None: it has not come at all."""

    due_at: datetime
    came_at: datetime | None
    late_ms: int

    def wire(self) -> dict[str, Any]:
        came = rfc3339(self.came_at) if self.came_at else None
        return {"due_at": rfc3339(self.due_at), "came_at": came, "late_ms": self.late_ms}


@dataclass(frozen=True, slots=True)
class Said:
    """A line that speaks for itself: ``about`` a point, a request or a person, and why."""

    seq: int
    at: datetime
    about: str
    because: str = ""

    def wire(self) -> dict[str, Any]:
        return {"seq": self.seq, "at": rfc3339(self.at), "about": self.about, "because": self.because}


@dataclass(frozen=True, slots=True)
class Shortcomings:
    """``late_entries``: lines that were written down well after they happened. ``taken_over``: command, by force."""

    overdue: tuple[Overdue, ...]
    late_entries: tuple[int, ...]
    late_updates: tuple[LateUpdate, ...]
    contradicted: tuple[Said, ...]
    denied: tuple[Said, ...]
    stopped: tuple[Said, ...]
    taken_over: tuple[Said, ...]

    @property
    def none(self) -> bool:
        return not any(getattr(self, name) for name in self.__slots__)

    def wire(self) -> dict[str, Any]:
        return {
            "tasks_overdue": [row.wire() for row in self.overdue],
            "late_entries": [*self.late_entries],
            "late_updates": [row.wire() for row in self.late_updates],
            "contradicted": [row.wire() for row in self.contradicted],
            "denied_approvals": [row.wire() for row in self.denied],
            "restores_stopped": [row.wire() for row in self.stopped],
            "command_taken_over": [row.wire() for row in self.taken_over],
        }


def shortcomings(events: Sequence[Event], corrected: Mapping[int, str], now: datetime) -> Shortcomings:
    """
    Args:
        corrected: Line -> when it happened (RFC 3339), as a correction says.
        now: Up to when what is still owed counts.
    """
    return Shortcomings(
        overdue=tuple(_overdue(events, now)),
        late_entries=tuple(e.seq for e in events if _is_late(e, corrected.get(e.seq))),
        late_updates=tuple(_Updates(now).over(events)),
        contradicted=_said(events, "incident:life:contradicted", "point"),
        denied=_said(events, "restore:approval:denied", "request"),
        stopped=_said(events, "restore:request:stopped", "request"),
        taken_over=_said([e for e in events if e.data.get("forced")], "incident:role:taken", "person"),
    )


def _said(events: Iterable[Event], kind: str, about: str) -> tuple[Said, ...]:
    return tuple(
        Said(e.seq, e.at, str(e.data[about]), str(e.data.get("because", ""))) for e in events if e.kind == kind
    )


def _is_late(event: Event, told: str | None) -> bool:
    """As the timeline has it: also what a correction moved back."""
    at = min(event.at, parse_rfc3339(told)) if told else event.at
    return (event.recorded_at - at).total_seconds() > LATE_SECONDS


# --- tasks ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Task:
    due_at: datetime | None = None
    follow_up: bool = False
    settled_at: datetime | None = None


def _overdue(events: Iterable[Event], now: datetime) -> Iterable[Overdue]:
    tasks: dict[int, _Task] = {}
    ended: datetime | None = None
    for event in events:
        _task(tasks, event)
        if event.kind in OVER:
            ended = event.at
        elif event.kind == "incident:life:reopened":
            ended = None
    for number, task in sorted(tasks.items()):
        until = task.settled_at or (now if task.follow_up or ended is None else min(now, ended))
        if task.due_at is not None and until > task.due_at:
            late = (until - task.due_at) // timedelta(milliseconds=1)
            yield Overdue(number, task.due_at, task.settled_at, late, task.follow_up)


def _task(tasks: dict[int, _Task], event: Event) -> None:
    data = event.data
    match event.kind:
        case "incident:duties:owed":
            for row in data["tasks"]:
                tasks[int(row["number"])] = _Task(_moment(row.get("due_at")))
        case "incident:task:added":
            tasks[int(data["number"])] = _Task(_moment(data.get("due_at")), bool(data["follow_up"]))
        case "incident:task:changed":
            task = tasks[int(data["number"])]
            task.due_at = _moment(data.get("due_at")) or task.due_at
            task.follow_up = data.get("follow_up", task.follow_up)
        case "incident:task:settled":
            tasks[int(data["number"])].settled_at = event.at if data["state"] != "open" else None


def _moment(text: str | None) -> datetime | None:
    return parse_rfc3339(text) if text else None


# --- updates --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Updates:
    """Follows when the next word was due, from the declaration until nobody waits for one any more."""

    now: datetime
    cadence: timedelta | None = None
    due: datetime | None = None
    found: list[LateUpdate] = field(default_factory=list)

    def over(self, events: Iterable[Event]) -> list[LateUpdate]:
        declared: datetime | None = None
        for event in events:
            match event.kind:
                case "incident:life:declared":
                    declared = event.at
                case "incident:duties:owed":
                    self.cadence = _cadence(event.data["notices"])
                    self._next(declared or event.at)
                case "incident:update:posted":
                    self._came(event.at)
                    self._next(event.at, _moment(event.data.get("next_at")))
                case "incident:life:reopened":
                    self._came(event.at, ended=True)
                    self._next(event.at)
                case kind if kind in QUIET:
                    self._came(event.at, ended=True)
                    self.due = None
        self._came(self.now, ended=True)
        return self.found

    def _next(self, since: datetime, promised: datetime | None = None) -> None:
        self.due = promised or (since + self.cadence if self.cadence is not None else None)

    def _came(self, at: datetime, *, ended: bool = False) -> None:
        if self.due is not None and at > self.due:
            late = (at - self.due) // timedelta(milliseconds=1)
            self.found.append(LateUpdate(self.due, None if ended else at, late))


def _cadence(notices: Iterable[Mapping[str, Any]]) -> timedelta | None:
    """The shortest time between two reminders of a status update that the playbook wants."""
    every = [int(n["every_s"]) for n in notices if n.get("remind") == "status-update" and "every_s" in n]
    return timedelta(seconds=min(every)) if every else None
