"""
Starting a drill, ending it, calling it off because it is real, and who takes part.

A drill is an incident of its own kind that is over at a set time. Its end lifts what it held in the same write, and
says whether the live table is as it was. What may be lifted without a second person is ``ghosts``' to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from incidents import events as ev
from incidents.blast import without_holds
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.ghosts import may_lift_alone
from incidents.decisions.incident import Declare, Kind, check_reason, declare, get_incident
from incidents.decisions.people import find_person
from incidents.drill_runs import Mode, Run
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown, nearest
from incidents.events import Draft
from incidents.holds import LIVE, Hold
from incidents.life import STEPS, Incident
from incidents.roles import Right
from incidents.snapshot import Snapshot, hold_keys, live_digest_after, part
from incidents.state import State
from playbooks.schema import Drill

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=8)
LASTS = {Mode.TABLETOP: timedelta(hours=1)}
LASTS_DEFAULT = timedelta(minutes=30)
FASTEST = 1_000
STOPS = ("sev1", "sev2")  # severities of real incidents beside which nobody rehearses
PARTS = ("participant", "facilitator", "observer")


class How(StrEnum):
    FINISHED = "finished"
    ABORTED = "aborted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """
    ``what`` is a declaration of kind drill with its mode; ``lasts`` None: as usual for the mode.

    ``clocks``: those that are right, of regimes that are in force here; ``compress``: they run so many times as fast.
    """

    what: Declare
    live_digest: str
    lasts: timedelta | None = None
    announced: bool = True
    occurrence: str | None = None
    control: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    compress: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """``points``: rows of the containment so far, kept where it was not complete."""

    how: How
    because: str
    reason: str = ""
    real: str | None = None
    points: Sequence[dict[str, Any]] = ()


def start(state: State, request: Start, asker: Asker, now: datetime) -> Decided:
    """
    A drill begins: declared like the real thing, with a set end.

    Raises:
        Forbidden: A live one takes the right to command, and touches ghost partners alone.
        Conflicting: A real sev1 or sev2 is open.
        Invalid: It would last less than a minute or more than 8 hours, its clocks would run slower than real ones or
            more than a thousand times as fast; or see ``incident.declare``.
    """
    mode = Mode(request.what.mode)
    needs(asker, Right.COMMAND if mode is Mode.LIVE else Right.RESPOND, f"starting a {mode.replace('-', ' ')} drill")
    if (real := real_open(state)) is not None:
        raise Conflicting(
            f"{real.id} ({real.severity}) is real and open: nobody rehearses beside it; try again when it is resolved",
            code="real-incident-open",
        )
    lasts = request.lasts or LASTS.get(mode, LASTS_DEFAULT)
    if not SHORTEST <= lasts <= LONGEST:
        raise Invalid.at("lasts", f"a drill lasts 1 minute to 8 hours, not {int(lasts.total_seconds())} s")
    if not 1 <= request.compress <= FASTEST:
        raise Invalid.at("compress", f"its clocks run 1 to {FASTEST} times as fast, not {request.compress}")
    decided = declare(state, replace(request.what, kind=Kind.DRILL), asker, now)
    if decided.joined:
        return decided
    goal = request.what.playbook.drill
    target = goal.target_containment.elapsed if goal is not None else None
    started = ev.DrillStarted(
        drill=decided.subject,
        mode=mode.value,
        ends_at=rfc3339(now + lasts),
        targets=_targets(decided.drafts),
        announced=request.announced,
        live_digest=request.live_digest,
        target_s=int(target.total_seconds()) if target is not None else None,
        occurrence=request.occurrence,
        control=list(request.control) or None,
        clocks=list(request.clocks) or None,
        facts=list(goal.facts) if goal is not None and request.clocks else None,
        compress=request.compress if request.compress > 1 else None,
        people_s=_people_s(goal) if goal is not None else None,
    )
    first, *rest = decided.drafts
    return replace(decided, drafts=[first, Draft(started, incident=decided.subject), *rest])


def _people_s(goal: Drill) -> dict[str, int] | None:
    wanted = {"acknowledge": goal.target_acknowledge, "clocks": goal.target_clocks}
    return {
        name: int(target.elapsed.total_seconds())
        for name, target in wanted.items()
        if target is not None and target.elapsed is not None
    } or None


def _targets(drafts: Sequence[Draft]) -> list[str]:
    """All that the holds of a declaration bind, and what its waiting actions would, as those name it."""
    found = []
    for draft in drafts:
        match draft.fact:
            case ev.HoldPlaced(hold=hold):
                found.append(Hold.read(hold).target)
            case ev.ActionRecorded(state="waiting", words=words):
                found.append(f"waiting: {words}")
    return list(dict.fromkeys(found))


def real_open(state: State) -> Incident | None:
    """A real sev1 or sev2 that goes on: neither resolved nor over."""
    past = STEPS.index("resolved")
    for incident in state.incidents.values():
        if incident.kind != Kind.REAL or incident.severity not in STOPS or incident.ended:
            continue
        if incident.status in STEPS and STEPS.index(incident.status) < past:
            return incident
    return None


# --- the end --------------------------------------------------------------------------------------------------------


def owed(state: State, now: datetime) -> list[str]:
    """Running drills that have to end now: their time is up, or something real is open."""
    running = state.drills.running
    if not running:
        return []
    return list(running) if real_open(state) else [id for id in running if state.drills.runs[id].ends_at <= now]


def settle(state: State, id: str, snapshot: Snapshot, now: datetime, points: Sequence[dict[str, Any]] = ()) -> Decided:
    """What the engine owes a running drill: nothing, its abort because something real is open, or its end."""
    run = state.drills.runs.get(id)
    if run is None or not run.running:
        return Decided([], subject=id)
    if (real := real_open(state)) is not None:
        named = None if real.id in state.restricted else real.id
        because = f"{named or 'a real incident'} ({real.severity}) is real and open"
        return _ended(state, run, End(how=How.ABORTED, because=because, points=points), snapshot)
    if run.ends_at <= now:
        return _ended(state, run, End(how=How.EXPIRED, because="its time was up", points=points), snapshot)
    return Decided([], subject=id)


def end(state: State, id: str, request: End, snapshot: Snapshot, asker: Asker) -> Decided:
    """
    A person ends a drill: it was gone through (``finished``), or it is broken off (``aborted``), which takes a reason.

    Raises:
        Invalid: Aborted without a reason, or another way to end.
        Conflicting: It is over already, and how.
    """
    needs(asker, Right.RESPOND, "ending a drill")
    run = get_run(state, id)
    if request.how not in (How.FINISHED, How.ABORTED):
        raise Invalid.at("how", f"a person ends a drill as finished or aborted, not as '{request.how}'")
    if request.how is How.ABORTED or request.reason:
        check_reason(request.reason, "aborting a drill needs a reason")
    _check_running(run)
    return _ended(state, run, request, snapshot)


def _ended(state: State, run: Run, request: End, snapshot: Snapshot) -> Decided:
    incident = state.incidents[run.drill]
    standing = [state.holds[id] for id in incident.standing]
    lift = [hold for hold in standing if may_lift_alone(state, incident.kind, hold)]
    after = _live_after(state, snapshot, lift)
    complete = incident.contained is not None or not incident.holds
    fact = ev.DrillEnded(
        how=request.how.value,
        because=request.because,
        live_before=run.live_before,
        live_after=after,
        equal=after == run.live_before,
        meanwhile=list(run.meanwhile),
        meanwhile_more=run.meanwhile_more,
        left=[hold.id for hold in standing if hold not in lift],
        real=request.real,
        points=None if complete else list(request.points),
    )
    facts: list[ev.Fact] = [ev.HoldLifted(hold=hold.id, request=f"{run.drill}/end") for hold in lift]
    drafts = [Draft(each, incident=run.drill) for each in facts]
    text = {"reason": request.reason} if request.reason else {}
    return Decided([*drafts, Draft(fact, incident=run.drill, text=text)], subject=run.drill)


def _live_after(state: State, snapshot: Snapshot, lift: Sequence[Hold]) -> str:
    """The live digest once these holds are lifted; what stands in shadow alone changes nothing in it."""
    live = [hold for hold in lift if hold.table == LIVE]
    if not live:
        return snapshot.live_digest
    keys = {key for hold in live for key in hold_keys(state, hold)}
    after = part(without_holds(state, [hold.id for hold in live]), keys)
    return live_digest_after(snapshot, keys, after.live)


def call_real(
    state: State, id: str, what: Declare, snapshot: Snapshot, asker: Asker, now: datetime, end_it: End
) -> Decided:
    """
    "REAL, REAL, REAL": a new real incident, and the drill is over, in one write. The drill itself never becomes real.

    Never refused because of the drill: where it is over already, the real incident is declared all the same.
    """
    run = get_run(state, id)
    decided = declare(state, replace(what, kind=Kind.REAL), asker, now)
    called = Draft(ev.RealCalled(drill=run.drill), incident=decided.subject)
    drafts = [*decided.drafts, called]
    if run.running:
        drafts += _ended(state, run, replace(end_it, real=decided.subject), snapshot).drafts
    return replace(decided, drafts=drafts)


# --- people ---------------------------------------------------------------------------------------------------------


def join(state: State, id: str, person: str, part: str, asker: Asker) -> Decided:
    """
    Take part, or have somebody take part, as ``part``; a repeat changes nothing.

    Raises:
        Forbidden: A token that belongs to nobody can only name others.
        Unknown: Nobody of that id is in the catalog.
        Conflicting: The drill is over.
    """
    run, who = _taking_part(state, id, person, asker)
    if part not in PARTS:
        raise Invalid.at("part", f"unknown part '{part[:40]}'.{nearest(part, PARTS)} It is {', '.join(PARTS)}")
    if run.people.get(who) == part:
        return Decided([], subject=run.drill, joined=True)
    return Decided([Draft(ev.DrillJoined(person=who, part=part), incident=run.drill)], subject=run.drill)


def leave(state: State, id: str, person: str, asker: Asker) -> Decided:
    """Take part no longer; a repeat changes nothing."""
    run, who = _taking_part(state, id, person, asker)
    if who not in run.people:
        return Decided([], subject=run.drill, joined=True)
    return Decided([Draft(ev.DrillLeft(person=who), incident=run.drill)], subject=run.drill)


def _taking_part(state: State, id: str, person: str, asker: Asker) -> tuple[Run, str]:
    needs(asker, Right.RESPOND, "taking part in a drill")
    run = get_run(state, id)
    _check_running(run)
    if person:
        return run, find_person(state, person)
    if asker.actor.person is None:
        raise Forbidden("this token belongs to nobody: say who takes part", code="person-needed")
    return run, asker.actor.person


def get_run(state: State, id: str) -> Run:
    """
    Raises:
        Unknown: No such incident (with the nearest id), or it is no drill.
    """
    incident = get_incident(state, id)
    run = state.drills.runs.get(incident.id)
    if run is None:
        raise Unknown(f"{incident.id} is no drill; `andon drill report` lists those that there are", code="no-drill")
    return run


def _check_running(run: Run) -> None:
    if not run.running:
        at = f" at {rfc3339(run.ended_at)}" if run.ended_at else ""
        raise Conflicting(f"{run.drill} is over: {run.how}{at}, because {run.because}", code="already")
