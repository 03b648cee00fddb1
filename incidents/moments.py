"""
The moments of an incident that people count from and to, and each containment as its evidence has it.

Pure, from one incident's own events; reads ``data`` alone. What a note tells stays a note, whenever it happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incidents.clock import parse_rfc3339, rfc3339
from incidents.events import Event

NAMES = {
    "note": "note",
    "declared": "declared",
    "acknowledged": "acknowledged",
    "command-taken": "command taken",
    "ordered": "holds ordered",
    "first-confirmed": "first point confirmed",
    "last-confirmed": "last point confirmed",
    "contained": "contained",
    "contradicted": "containment contradicted",
    "update": "status update",
    "notified": "first told to somebody",
    "mitigated": "mitigated",
    "resolved": "resolved",
    "reopened": "reopened",
    "restore-asked": "restore asked for",
    "restore-approved": "restore approved",
    "restore-step": "restore step done",
    "restore-done": "restore done",
    "restore-refused": "restore refused",
    "restore-stopped": "restore stopped",
    "given-back": "everything given back",
    "review-saved": "review written",
    "review-approved": "review approved",
    "review-published": "review published",
    "reviewed": "reviewed",
    "closed": "closed",
    "false-alarm": "called a false alarm",
    "merged": "merged",
    "drill-ended": "drill over",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """``key`` is its own (``contained-2``), ``name`` that of its kind. ``about``: which request, point or step."""

    key: str
    name: str
    at: datetime
    seq: int
    by: str
    about: str = ""
    corrected: bool = False

    @property
    def words(self) -> str:
        if self.about:
            return f"{NAMES[self.name]}{'' if self.about.startswith('by ') else ':'} {self.about}"
        number = self.key.removeprefix(self.name).lstrip("-") if self.name != "note" else ""
        return f"{NAMES[self.name]} {number}" if number else NAMES[self.name]

    def wire(self) -> dict[str, Any]:
        at = rfc3339(self.at)
        said = {"key": self.key, "words": self.words, "at": at, "seq": self.seq, "by": self.by}
        return said | {"corrected": self.corrected}


@dataclass(frozen=True, slots=True)
class Contained:
    """One containment as the evidence has it; ``slowest_ms`` from the order to the slowest confirmation."""

    seq: int
    at: datetime
    revision: int
    ms: int
    total: int
    confirmed: int
    slowest: str | None
    slowest_ms: int | None
    lapsed: tuple[str, ...]
    ask_live: tuple[str, ...]

    def wire(self) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in ("seq", "revision", "ms", "total", "confirmed")}
        slowest = {"slowest": self.slowest, "slowest_ms": self.slowest_ms}
        return found | slowest | {"at": rfc3339(self.at), "lapsed": [*self.lapsed], "ask_live": [*self.ask_live]}


def corrections(events: Sequence[Event]) -> dict[int, str]:
    """Line -> when it happened (RFC 3339), as its last correction says."""
    found = (e for e in events if e.kind == "incident:entry:corrected" and e.data.get("at"))
    return {int(e.data["entry"]): e.data["at"] for e in found}


_ONE_LINE = {
    "incident:note:added": "note",
    "incident:life:declared": "declared",
    "incident:life:contradicted": "contradicted",
    "incident:update:posted": "update",
    "incident:life:mitigated": "mitigated",
    "incident:life:resolved": "resolved",
    "incident:life:reviewed": "reviewed",
    "incident:life:closed": "closed",
    "incident:life:reopened": "reopened",
    "review:document:approved": "review-approved",
    "review:document:published": "review-published",
    "restore:request:asked": "restore-asked",
    "restore:request:refused": "restore-refused",
    "restore:request:stopped": "restore-stopped",
    "drill:run:ended": "drill-ended",
}
_ABOUT = {
    "contradicted": ("by ", "point"),
    "restore-asked": ("", "request"),
    "restore-refused": ("", "request"),
    "restore-stopped": ("", "request"),
}


@dataclass(slots=True)
class Walk:
    """Goes over the events once and notes each moment. ``corrected``: line -> when it happened, as it is said now."""

    corrected: dict[int, str]
    moments: list[Moment] = field(default_factory=list)
    containments: list[Contained] = field(default_factory=list)
    standing: set[str] = field(default_factory=set)
    placed: int = 0
    ordered_at: datetime | None = None
    _counts: Counter[str] = field(default_factory=Counter)
    _asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    _approvals: Counter[str] = field(default_factory=Counter)
    _acknowledged: bool = False

    def take(self, event: Event) -> None:
        name = _ONE_LINE.get(event.kind)
        if name is not None:
            before, field_name = _ABOUT.get(name, ("", ""))
            self._note(name, event, f"{before}{event.data[field_name]}" if field_name else "")
        match event.kind:
            case "incident:life:acknowledged":
                self._acknowledge(event)
            case "incident:role:taken" if event.data["role"] == "commander":
                self._acknowledge(event)
                self._note("command-taken", event, f"by {event.data['person']}")
            case "incident:life:reopened":
                self._acknowledged = False
            case "incident:life:ended":
                self._note(event.data["end"], event)
            case "effect:message:settled" if event.data["outcome"] == "sent" and not self._counts["notified"]:
                self._note("notified", event)
            case "review:document:saved" if not self._counts["review-saved"]:
                self._note("review-saved", event)
            case "access:hold:placed":
                self._placed(event)
            case "access:hold:lifted":
                self._lifted(event)
            case "incident:life:contained":
                self._contained(event)
            case _:
                self._way_back(event)

    def _acknowledge(self, event: Event) -> None:
        if not self._acknowledged:
            self._note("acknowledged", event)
        self._acknowledged = True

    def _way_back(self, event: Event) -> None:
        request = event.data.get("request", "")
        match event.kind:
            case "restore:request:asked":
                self._asked[request] = event.data
            case "restore:request:approved":
                self._approvals[request] += 1
                if self._approvals[request] == self._asked[request]["approvals"]:
                    self._note("restore-approved", event, request)
            case "restore:step:done":
                step, of = event.data["step"], event.data["of"]
                if of > 1:
                    self._note("restore-step", event, f"{step} of {of}, {request}")
                if step == of:
                    self._note("restore-done", event, request)

    def _placed(self, event: Event) -> None:
        if self.ordered_at != event.recorded_at:
            self._note("ordered", event)
        self.placed += 1
        self.standing.add(event.data["hold"]["id"])
        self.ordered_at = event.recorded_at

    def _lifted(self, event: Event) -> None:
        """A plan without steps is done with its last hold."""
        self.standing.discard(event.data["hold"])
        plan = self._asked.get(event.data["request"], {}).get("plan")  # none where a drill's end lifts it
        if plan is not None and not plan.get("steps") and event.data["hold"] == plan["holds"][-1]["hold"]:
            self._note("restore-done", event, event.data["request"])
        if not self.standing:
            self._note("given-back", event)

    def _contained(self, event: Event) -> None:
        data = event.data
        took = {row["name"]: int(row["ms"]) for row in data["points"] if row["state"] == "confirmed"}
        ordered = self.ordered_at or event.at
        for name, pick in (("first-confirmed", min), ("last-confirmed", max)) if took else ():
            point = pick(took, key=lambda p: (took[p], p))
            self._note(name, event, f"by {point}", at=ordered + timedelta(milliseconds=took[point]))
        self._note("contained", event)
        self.containments.append(
            Contained(
                seq=event.seq,
                at=event.at,
                revision=data["revision"],
                ms=data["ms"],
                total=data["total"],
                confirmed=data["confirmed"],
                slowest=data.get("slowest"),
                slowest_ms=took.get(data.get("slowest") or ""),
                lapsed=tuple(row["name"] for row in data["points"] if row["state"] != "confirmed"),
                ask_live=tuple(data["ask_live"]),
            )
        )

    def _note(self, name: str, event: Event, about: str = "", *, at: datetime | None = None) -> None:
        self._counts[name] += 1
        number = event.seq if name == "note" else self._counts[name]
        key = name if number == 1 and name != "note" else f"{name}-{number}"
        told = self.corrected.get(event.seq)
        moment = at or (parse_rfc3339(told) if told else event.at)
        self.moments.append(Moment(key, name, moment, event.seq, event.actor.name, about, told is not None))
