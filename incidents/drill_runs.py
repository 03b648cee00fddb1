"""
Drills as their events tell them: which run, which are over and how, what the schedule has handled, who confirmed what.

Owns the fold of every ``drill:`` kind. Knows neither holds nor the catalog. What happens to the drill as an incident is
``life``'s; what may be done with it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339
from incidents.events import Event
from incidents.life import Incident

MEANWHILE = 20  # changes of the live table by others that are named; more are counted
KEPT = 500  # occurrences whose outcome stays in memory


class Mode(StrEnum):
    TABLETOP = "tabletop"  # people and steps only
    DRY_RUN = "dry-run"  # the plan is computed and shown, nothing is applied
    SHADOW = "shadow"  # the real path, on shadow holds
    LIVE = "live"  # the real path on ghost partners


@dataclass(slots=True)
class Run:
    """``how`` is "" while it runs. ``people``: who takes part, and as what."""

    drill: str
    playbook: str
    playbook_version: int
    playbook_digest: str
    parameters: dict[str, str]
    mode: str
    seq: int
    started_at: datetime
    started_by: str
    ends_at: datetime
    targets: list[str]
    announced: bool
    live_before: str
    target_s: int | None = None
    occurrence: str | None = None
    control: list[str] = field(default_factory=list)
    compress: int = 1
    how: str = ""
    because: str = ""
    ended_at: datetime | None = None
    equal: bool | None = None
    left: list[str] = field(default_factory=list)
    real: str | None = None
    restored_at: datetime | None = None
    people: dict[str, str] = field(default_factory=dict)
    meanwhile: list[dict[str, Any]] = field(default_factory=list)
    meanwhile_more: int = 0

    @property
    def running(self) -> bool:
        return not self.how

    @property
    def full(self) -> bool:
        """It went on to its end: nothing cut it short."""
        return self.how in ("finished", "expired")


@dataclass(slots=True)
class Schedule:
    """An entry as it is in force. ``upto``: occurrences until then are handled, or were never owed."""

    id: str
    digest: str
    spec: dict[str, Any] | None
    since: datetime
    upto: datetime


@dataclass(slots=True)
class Occurrence:
    """``outcome``: started, skipped, missed. ``drill``: the run that it became."""

    id: str
    schedule: str
    due_at: str
    outcome: str
    at: datetime
    because: str = ""
    drill: str | None = None


@dataclass(slots=True)
class Confirmed:
    """The newest drill that a point has confirmed."""

    drill: str
    mode: str
    at: datetime
    revision: int


@dataclass(slots=True)
class Drills:
    """Everything about drills that decisions read."""

    runs: dict[str, Run] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    occurrences: dict[str, Occurrence] = field(default_factory=dict)
    confirmed: dict[str, Confirmed] = field(default_factory=dict)
    reminded: dict[str, str] = field(default_factory=dict)  # <playbook>/<overdue or stale> -> for which time, or text

    def mode_of(self, incident: str) -> str:
        """How it is rehearsed; "" for what is no drill, or was declared before there were runs."""
        run = self.runs.get(incident)
        return run.mode if run is not None else ""


# --- what happens beside drills -------------------------------------------------------------------------------------


def mind(drills: Drills, event: Event) -> None:
    """Somebody else has changed the live table while drills run: their proof has to say so."""
    for run in (drills.runs[id] for id in drills.running if id != event.incident):
        if len(run.meanwhile) < MEANWHILE:
            told = {"seq": event.seq, "kind": event.kind, "incident": event.incident}
            run.meanwhile.append({name: value for name, value in told.items() if value is not None})
        else:
            run.meanwhile_more += 1


def note_containment(drills: Drills, event: Event, fact: ev.IncidentContained) -> None:
    """Who has confirmed a drill's holds has shown that the switch reaches it."""
    run = drills.runs.get(event.incident or "")
    if run is None:
        return
    for row in fact.points:
        if row["state"] == "confirmed":
            drills.confirmed[row["name"]] = Confirmed(run.drill, run.mode, event.at, fact.revision)


def note_contradiction(drills: Drills, event: Event, fact: ev.ContainmentContradicted) -> None:
    """What a point had confirmed in a drill it does not hold: it has shown nothing."""
    known = drills.confirmed.get(fact.point)
    if known is not None and known.drill == event.incident:
        del drills.confirmed[fact.point]


# --- the fold -------------------------------------------------------------------------------------------------------

OfARun = Callable[[Drills, Incident, Event, Any], None]
OfThePlan = Callable[[Drills, Event, Any], None]
RUN_FOLDS: dict[str, OfARun] = {}
PLAN_FOLDS: dict[str, OfThePlan] = {}


def _run(fact: type[ev.Fact]) -> Callable[[OfARun], OfARun]:
    def register(handler: OfARun) -> OfARun:
        RUN_FOLDS[fact.kind] = handler
        return handler

    return register


def _plan(fact: type[ev.Fact]) -> Callable[[OfThePlan], OfThePlan]:
    def register(handler: OfThePlan) -> OfThePlan:
        PLAN_FOLDS[fact.kind] = handler
        return handler

    return register


@_run(ev.DrillStarted)
def _started(drills: Drills, incident: Incident, event: Event, fact: ev.DrillStarted) -> None:
    drills.runs[fact.drill] = Run(
        drill=fact.drill,
        playbook=incident.playbook,
        playbook_version=incident.playbook_version,
        playbook_digest=incident.playbook_digest,
        parameters=dict(incident.parameters),
        mode=fact.mode,
        seq=event.seq,
        started_at=event.at,
        started_by=event.actor.name,
        ends_at=parse_rfc3339(fact.ends_at),
        targets=list(fact.targets),
        announced=fact.announced,
        live_before=fact.live_digest,
        target_s=fact.target_s,
        occurrence=fact.occurrence,
        control=list(fact.control or []),
        compress=fact.compress or 1,
    )
    drills.running.append(fact.drill)
    if fact.occurrence in drills.occurrences:
        known = drills.occurrences[fact.occurrence]
        known.outcome, known.drill = "started", fact.drill


@_run(ev.DrillEnded)
def _ended(drills: Drills, incident: Incident, event: Event, fact: ev.DrillEnded) -> None:
    run = drills.runs[incident.id]
    run.how, run.because, run.ended_at = fact.how, fact.because, event.at
    run.equal, run.left, run.real = fact.equal, list(fact.left), fact.real
    if run.drill in drills.running:
        drills.running.remove(run.drill)


@_run(ev.DrillRestored)
def _restored(drills: Drills, incident: Incident, event: Event, fact: ev.DrillRestored) -> None:
    drills.runs[incident.id].restored_at = event.at


@_run(ev.DrillJoined)
def _joined(drills: Drills, incident: Incident, event: Event, fact: ev.DrillJoined) -> None:
    drills.runs[incident.id].people[fact.person] = fact.part


@_run(ev.DrillLeft)
def _left(drills: Drills, incident: Incident, event: Event, fact: ev.DrillLeft) -> None:
    drills.runs[incident.id].people.pop(fact.person, None)


@_run(ev.RealCalled)
def _real(drills: Drills, incident: Incident, event: Event, fact: ev.RealCalled) -> None:
    """Told on the real incident; the drill's own end names it too."""


@_plan(ev.DrillScheduled)
def _scheduled(drills: Drills, event: Event, fact: ev.DrillScheduled) -> None:
    """A changed entry owes nothing for the time before it."""
    drills.schedules[fact.schedule] = Schedule(fact.schedule, fact.digest, fact.spec, event.at, event.at)


def _handled(drills: Drills, event: Event, fact: Any, outcome: str, because: str = "") -> None:
    made = Occurrence(fact.occurrence, fact.schedule, fact.due_at, outcome, event.at, because)
    drills.occurrences[fact.occurrence] = made
    known = drills.schedules.get(fact.schedule)
    if known is not None:
        known.upto = max(known.upto, parse_rfc3339(fact.due_at))
    while len(drills.occurrences) > KEPT:
        del drills.occurrences[next(iter(drills.occurrences))]


@_plan(ev.OccurrenceDue)
def _due(drills: Drills, event: Event, fact: ev.OccurrenceDue) -> None:
    _handled(drills, event, fact, "due")


@_plan(ev.OccurrenceSkipped)
def _skipped(drills: Drills, event: Event, fact: ev.OccurrenceSkipped) -> None:
    _handled(drills, event, fact, "skipped", fact.because)


@_plan(ev.OccurrenceMissed)
def _missed(drills: Drills, event: Event, fact: ev.OccurrenceMissed) -> None:
    _handled(drills, event, fact, "missed", "nothing ran at its time")


@_plan(ev.DrillReminded)
def _reminded(drills: Drills, event: Event, fact: ev.DrillReminded) -> None:
    drills.reminded[f"{fact.playbook}/{fact.because}"] = fact.mark
