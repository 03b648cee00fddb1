"""
Declaring an incident: the playbook's plan becomes holds and duties, in one write.

Knows what a plan means for the state in force (a stage is counted here, inside the append). Does not know who
is told, nor whether a point has confirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from incidents import events as ev
from incidents.blast import with_holds
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided
from incidents.decisions.ghosts import check_only_ghosts
from incidents.decisions.sight import sees, unknown_incident
from incidents.drill_runs import Mode
from incidents.errors import Conflicting, FieldError, Invalid, Unknown
from incidents.events import Draft
from incidents.evidence import freeze
from incidents.holds import LIVE, SHADOW, Hold, HoldKind
from incidents.life import OPEN, RESTRICTED
from incidents.recipients import by_reference
from incidents.snapshot import stage_in_force
from incidents.state import Incident, State
from playbooks import actions as act
from playbooks.plan import Plan, PlanError, PlannedAction, plan
from playbooks.schema import Playbook

SEVERITIES = ("sev1", "sev2", "sev3", "sev4")
TITLE_LIMIT, SUMMARY_LIMIT, NOTE_LIMIT, REASON_LIMIT = 200, 20_000, 20_000, 2_000
SKEW = timedelta(minutes=1)  # how far a clock may run ahead of ours before its time counts as the future


class Kind(StrEnum):
    REAL = "real"
    DRILL = "drill"
    TEST = "test"


SERIES: dict[str, str] = {Kind.REAL: "INC", Kind.DRILL: "DRILL", Kind.TEST: "TEST"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declare:
    """
    A declaration as it was asked for. ``digest`` is the playbook file's SHA-256.

    ``mode``: how a drill is held, see ``drill_runs.Mode``.
    """

    playbook: Playbook
    digest: str
    parameters: dict[str, str]
    title: str = ""
    summary: str = ""
    severity: str = ""
    kind: Kind = Kind.REAL
    separate: bool = False
    visibility: str = OPEN
    mode: str = Mode.SHADOW
    points: tuple[dict[str, Any], ...] = ()  # rows of ``Points.overview``, to be frozen as evidence
    table_digest: str = ""  # of the decision table at that moment


class StateWorld:
    """What a plan may ask about the state."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def partners(self) -> Collection[str]:
        return self._state.catalog.partners

    @property
    def models(self) -> Collection[str]:
        return self._state.catalog.models

    @property
    def flags(self) -> Collection[str]:
        return self._state.catalog.flags()

    @property
    def ladder(self) -> Sequence[str]:
        return self._state.catalog.stages

    def stage_in_force(self, model: str) -> str:
        return stage_in_force(self._state, model)


def planned(state: State, request: Declare) -> Plan:
    """
    The playbook's plan for these parameters.

    Raises:
        Invalid: Missing or unknown parameters, unknown partners, models or flags, each with the nearest match.
    """
    _check_words(request)
    try:
        return plan(request.playbook, request.parameters, StateWorld(state))
    except PlanError as error:
        found = [FieldError(where, message) for where, message in error.errors]
        raise Invalid("; ".join(e.message for e in found), code="invalid-parameters", errors=found) from error


def _check_words(request: Declare) -> None:
    too_long = [
        FieldError(name, f"{name} has {len(text)} characters; at most {limit} are taken")
        for name, text, limit in (("title", request.title, TITLE_LIMIT), ("summary", request.summary, SUMMARY_LIMIT))
        if len(text) > limit
    ]
    if too_long:
        raise Invalid(too_long[0].message, code="too-long", errors=too_long)
    if request.severity and request.severity not in SEVERITIES:
        known = ", ".join(SEVERITIES)
        raise Invalid.at("severity", f"unknown severity '{request.severity}'; it is one of {known}")
    if request.visibility not in (OPEN, RESTRICTED):
        message = f"unknown visibility '{request.visibility[:40]}'; it is {OPEN} or {RESTRICTED}"
        raise Invalid.at("visibility", message)


def same_standing(state: State, request: Declare, asker: Asker) -> Incident | None:
    """
    An incident that the asker may know of, with the same playbook, parameters and kind, all of whose holds stand.

    One that spares somebody is none: joining it would leave that gate open.
    """
    holding = dict.fromkeys(hold.incident for hold in reversed(state.holds.values()))
    for incident in (state.incidents[id] for id in holding):
        if (
            incident.playbook == request.playbook.id
            and incident.kind == request.kind
            and incident.parameters == request.parameters
            and incident.holds
            and not incident.lifted
            and not any(state.holds[hold].eased_for for hold in incident.holds)
            and not incident.ended
            and sees(state, asker, incident.id)
        ):
            return incident
    return None


def declare(state: State, request: Declare, asker: Asker, now: datetime) -> Decided:
    """
    Everything that a declaration writes, or one line for whoever declares the same again.

    Raises:
        Invalid: See ``planned``.
        Forbidden: A live drill would touch more than ghost partners.
    """
    steps = planned(state, request)
    first = None if request.separate else same_standing(state, request, asker)
    if first is not None:
        return _join(first, request, asker)
    id = _next_id(state, request.kind, now)
    drafts = [
        Draft(
            ev.IncidentDeclared(
                incident=id,
                incident_kind=request.kind.value,
                severity=request.severity or steps.severity,
                playbook=request.playbook.id,
                playbook_title=request.playbook.title,
                playbook_version=request.playbook.version,
                playbook_digest=request.digest,
                parameters=dict(request.parameters),
                visibility=RESTRICTED if request.visibility == RESTRICTED else None,
            ),
            incident=id,
            text={"title": request.title or default_title(request), "summary": request.summary},
        )
    ]
    table = table_of(request.kind, request.mode)
    if request.kind is Kind.DRILL and table == LIVE:
        check_only_ghosts(state, steps.actions)
    holds = holds_of(state, id, table, steps.actions)
    would = holds_of(state, id, SHADOW, steps.actions) if _is_dry(request) else holds
    frozen = freeze(state, list(would.values()), request.points, request.table_digest, now, table or SHADOW)
    drafts.append(Draft(frozen, incident=id))
    drafts += _action_drafts(request.kind, request.mode, steps.actions, id, holds)
    notices, addresses = by_reference(id, steps.notices)
    drafts.append(Draft(_duties(steps, notices, now), incident=id))
    return Decided(drafts, subject=id, directory=addresses)


def _join(first: Incident, request: Declare, asker: Asker) -> Decided:
    who = asker.actor.name
    if who in (first.declared_by, *first.joined) and not (request.title or request.summary):
        return Decided([], subject=first.id, joined=True)
    text = {k: v for k, v in (("title", request.title), ("summary", request.summary)) if v}
    return Decided([Draft(ev.IncidentJoined(person=who), incident=first.id, text=text)], subject=first.id, joined=True)


def _is_dry(request: Declare) -> bool:
    return request.kind is Kind.DRILL and request.mode == Mode.DRY_RUN


def table_of(kind: Kind, mode: str = Mode.SHADOW) -> str | None:
    """The table in which its holds stand; None where it places none."""
    match kind:
        case Kind.REAL:
            return LIVE
        case Kind.TEST:
            return None
    return {Mode.LIVE: LIVE, Mode.TABLETOP: None, Mode.DRY_RUN: None}.get(Mode(mode or Mode.SHADOW), SHADOW)


def _next_id(state: State, kind: Kind, now: datetime) -> str:
    series = f"{SERIES[kind]}-{now.year}"
    return f"{series}-{state.numbers.get(series, 0) + 1:04d}"


def default_title(request: Declare) -> str:
    named = ", ".join(request.parameters[k] for k in request.playbook.parameters if k in request.parameters)
    return f"{request.playbook.title}: {named}"[:TITLE_LIMIT] if named else request.playbook.title[:TITLE_LIMIT]


def holds_of(state: State, id: str, table: str | None, actions: Sequence[PlannedAction]) -> dict[int, Hold]:
    """
    The hold that each action places, by action number; skipped, waiting and outside actions place none.

    Later actions see earlier ones: two roll-backs go down two stages. ``table``: see ``table_of``.
    """
    if table is None:
        return {}
    found: dict[int, Hold] = {}
    number = len(state.incidents[id].holds) if id in state.incidents else 0
    for step in actions:
        if step.skipped or step.waits:
            continue
        hold = _hold(state, f"{id}/h{number + 1}", id, step, table)
        if hold is not None:
            number += 1
            found[step.number] = hold
            state = with_holds(state, [hold])
    return found


def _hold(state: State, hold_id: str, incident: str, step: PlannedAction, table: str) -> Hold | None:
    def made(kind: HoldKind, **what: object) -> Hold:
        return Hold(id=hold_id, incident=incident, action=step.number, kind=kind, table=table, **what)  # type: ignore[arg-type]

    match step.action:
        case act.RevokePartner(partner=partner):
            return made(HoldKind.PARTNER, partner=partner)
        case act.SwitchOff(capability=capability, regions=regions):
            model, _, name = capability.rpartition(":")
            kind = HoldKind.FLAG if model else HoldKind.CAPABILITY
            return made(kind, model=model or None, capability=name, regions=regions)
        case act.TightenCap(partner=partner, capability=capability, cap=cap):
            model, _, name = capability.rpartition(":")
            return made(HoldKind.CAP, partner=partner, model=model or None, capability=name, cap=dict(cap))
        case act.HaltModel(model=model):
            return made(HoldKind.HALT, model=model)
        case act.FreezePromotion(model=model):
            return made(HoldKind.PROMOTION, model=model, at_most=stage_in_force(state, model, table))
        case act.RollBackStage(model=model, stages=stages):
            stage = _stage_below(state, model, stages, table)
            return (
                made(HoldKind.HALT, model=model) if stage is None else made(HoldKind.STAGE, model=model, at_most=stage)
            )
        case act.Call():
            return None
    assert_never(step.action)


def _stage_below(state: State, model: str, stages: int, table: str) -> str | None:
    """The stage that many rungs below the one in force; None below the first, or where the stage is unknown."""
    ladder = state.catalog.stages
    current = stage_in_force(state, model, table)
    if current not in ladder or ladder.index(current) < stages:
        return None
    return ladder[ladder.index(current) - stages]


def _action_drafts(
    kind: Kind, mode: str, actions: Sequence[PlannedAction], id: str, holds: Mapping[int, Hold]
) -> list[Draft]:
    drafts: list[Draft] = []
    for step in actions:
        placed = holds.get(step.number)
        drafts.append(Draft(_record(step, placed, kind, mode), incident=id))
        if placed is not None:
            drafts.append(Draft(ev.HoldPlaced(hold=placed.data()), incident=id))
    return drafts


def _record(step: PlannedAction, placed: Hold | None, kind: Kind, mode: str) -> ev.ActionRecorded:
    def became(state: str, **more: Any) -> ev.ActionRecorded:
        words = placed.words() if placed is not None else step.action.describe()
        return ev.ActionRecorded(number=step.number, name=step.action.name, words=words, state=state, **more)

    if step.skipped:
        return became("skipped", because=step.skipped)
    if kind is Kind.DRILL and (never := _never_done(step, mode)) is not None:
        return became("skipped", because=never)
    if step.waits:
        return became("waiting", because="waits for a person's word", order=act.to_order(step.action))
    if kind is Kind.TEST:
        return became("skipped", because="a test places no hold")
    return became("applied") if placed is not None else became("outside", order=act.to_order(step.action))


def _never_done(step: PlannedAction, mode: str) -> str | None:
    """Why a drill of this mode leaves an action undone."""
    match mode:
        case Mode.TABLETOP:
            return "a tabletop places no hold"
        case Mode.DRY_RUN:
            return "a dry run applies nothing"
    return None


def validate(
    state: State,
    incident_id: str,
    number: int,
    now: datetime,
    *,
    points: Sequence[dict[str, Any]] = (),
    table_digest: str = "",
) -> Decided:
    """
    A person's word for an action that waited for it: its holds are placed now, after what they change was frozen.

    ``points`` and ``table_digest`` are as in ``Declare``.

    Args:
        points, digest: What stands where just before, to be frozen as evidence, see ``evidence.freeze``.

    Raises:
        Conflicting: The action does not wait (any more), or the incident is over.
    """
    incident = get_incident(state, incident_id)
    action = incident.actions.get(number)
    if action is None:
        raise Unknown(f"{incident.id} has no action {number}; it has {', '.join(map(str, incident.actions)) or 'none'}")
    if action.state != "waiting" or action.order is None:
        raise Conflicting(f"action {number} of {incident.id} is {action.state}, it does not wait for a word")
    if incident.ended:  # else what is over, or was a drill, would hold something that nobody looks after
        raise Conflicting(f"{incident.id} is {incident.status}; reopen it first, or kill it directly", code="ended")
    step = PlannedAction(number=number, action=act.from_order(action.order), skipped=None, waits=False)
    if isinstance(step.action, act.RollBackStage | act.FreezePromotion):
        _check_has_stage(state, incident, step.action.model)
    kind, mode = Kind(incident.kind), state.drills.mode_of(incident.id) or Mode.SHADOW
    table = table_of(kind, mode)
    if kind is Kind.DRILL and table == LIVE:
        check_only_ghosts(state, [step])
    holds = holds_of(state, incident.id, table, [step])
    frozen = [freeze(state, list(holds.values()), points, table_digest, now, table or LIVE)] if holds else []
    drafts = [Draft(fact, incident=incident.id) for fact in frozen]
    return Decided([*drafts, *_action_drafts(kind, mode, [step], incident.id, holds)], subject=incident.id)


def _check_has_stage(state: State, incident: Incident, model: str) -> None:
    if model not in state.catalog.models:
        raise Conflicting(
            f"{model} has left the catalog since {incident.id} was declared, so it stands on no stage;"
            " declare break-glass with this model to hold it halted should it come back"
        )


def note(
    state: State, incident_id: str, text: str, at: datetime | None, now: datetime, *, restricted: bool = False
) -> Decided:
    """
    Words of a person on the timeline; ``at`` is when it happened, if that was earlier.

    Args:
        restricted: For the incident's members alone, and never in what is handed out.

    Raises:
        Invalid: Empty, too long, or in the future.
    """
    incident = get_incident(state, incident_id)
    if not text.strip():
        raise Invalid.at("text", "the note is empty")
    if len(text) > NOTE_LIMIT:
        message = f"the note has {len(text)} characters; at most {NOTE_LIMIT} are taken"
        raise Invalid.at("text", message, code="too-long")
    happened = check_past(at, now) if at is not None else None
    fact = ev.NoteAdded(restricted=restricted or None)
    return Decided([Draft(fact, incident=incident.id, text={"note": text}, at=happened)], subject=incident.id)


def check_past(at: datetime, now: datetime) -> datetime:
    """
    That time; a clock that runs a little ahead of ours means now.

    Raises:
        Invalid: It lies in the future.
    """
    if at > now + SKEW:
        raise Invalid.at("at", f"{rfc3339(at)} lies in the future; it is {rfc3339(now)} now", code="future")
    return min(at, now)


def check_reason(reason: str, missing: str = "a reason is needed") -> None:
    """
    Raises:
        Invalid: Empty (``missing`` says so) or too long.
    """
    if not reason.strip():
        raise Invalid(missing, errors=[FieldError("reason", "say why, in a few words")])
    if len(reason) > REASON_LIMIT:
        message = f"the reason has {len(reason)} characters; at most {REASON_LIMIT} are taken"
        raise Invalid.at("reason", message, code="too-long")


def get_incident(state: State, id: str) -> Incident:
    """
    An incident by its id, or the newest by ``latest``.

    Raises:
        Unknown: With the nearest id.
    """
    found = state.incidents.get(id) or state.incidents.get(id.upper())
    if found is None and id == "latest" and state.order:
        found = state.incidents.get(state.order[-1])
    if found is None:
        raise unknown_incident(state, id)
    return found


def _duties(steps: Plan, notices: list[dict[str, Any]], now: datetime) -> ev.DutiesOwed:
    return ev.DutiesOwed(
        tasks=[task.data(now) for task in steps.tasks],
        notices=notices,
        clocks=list(steps.clocks),
        roles=list(steps.roles),
        exit=list(steps.exit),
        restore=steps.restore.data(),
        postmortem=_review(steps, now),
    )


def _review(steps: Plan, now: datetime) -> dict[str, object]:
    due = steps.postmortem.due
    return {"ask": list(steps.postmortem.ask), "due": str(due), "due_at": rfc3339(due.end(now))}
