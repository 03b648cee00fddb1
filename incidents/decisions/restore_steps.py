"""
Carrying out an approved way back: its steps, what halts it by itself, and one person stopping it.

Giving back happens only as approved; taking back takes one person and happens at once. Everything is worked out from
the state, so that a restart changes nothing and a step that was carried out is not carried out again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import SEVERITIES, check_reason
from incidents.decisions.restore_plan import difference, ended, new_others
from incidents.errors import Conflicting
from incidents.events import Draft
from incidents.holds import Hold
from incidents.roles import Right, Role, rights_of
from incidents.state import Incident, RestoreRequest, State


def carry_out(state: State, request: RestoreRequest, now: datetime) -> list[Draft]:
    """The drafts of a request's next step."""
    number = len(request.done) + 1
    step, more = request.steps[number - 1], request.steps[number:]
    facts: list[ev.Fact] = [ev.HoldLifted(hold=h["hold"], request=request.id) for h in step["lift"]]
    for named in (step["spare"] or {"holds": []})["holds"]:
        spared = sorted({*state.holds[named["hold"]].spared, step["spare"]["partner"]})
        facts.append(ev.HoldEased(hold=named["hold"], request=request.id, step=number, partners=spared))
    next_at = rfc3339(now + timedelta(seconds=more[0]["after_s"])) if more else None
    facts.append(
        ev.RestoreStepDone(
            request=request.id,
            step=number,
            of=len(request.steps),
            next_at=next_at,
            ended=ended(state, request, step, now) or None,
        )
    )
    return [Draft(fact, incident=request.incident) for fact in facts]


def advance(state: State, request_id: str, now: datetime) -> Decided:
    """
    What a running request owes now: nothing, its next step, or the line that says why it halts.

    It halts by itself where anything that the approval rested on has changed; what was given back stays until a person
    takes it back. A grant that ran out in the meantime is no change: less comes back, and the step's line says so.
    """
    request = state.requests.get(request_id)
    if request is None or request.next_due is None:
        return Decided([])
    if (because := against(state, request)) is not None:
        fact = ev.RestoreStopped(request=request.id, step=len(request.done), because=because, taken_back=False)
        return Decided([Draft(fact, incident=request.incident)], subject=request.id)
    return Decided(carry_out(state, request, now) if now >= request.next_due else [], subject=request.id)


def against(state: State, request: RestoreRequest) -> str | None:
    """Why the rest of a running request may not be given back any more; None while nothing speaks against it."""
    incident = state.incidents[request.incident]
    if request.against is not None:
        return f"the containment of {incident.id} was contradicted by {request.against}"
    if _severer(incident.severity, request.severity):
        return f"{incident.id} was raised from {request.severity} to {incident.severity}"
    for person in (request.asked_by, *request.approved_by):
        if not may_restore(state, person):
            return f"{person}, who {'asked for' if person == request.asked_by else 'approved'} it, may restore no more"
    for other in new_others(state, request):
        return f"{other['incident']} holds the same things now: {other['words']}"
    return difference(state, request)


def rests_on(state: State, request: RestoreRequest, now: datetime) -> object:
    """All that ``advance`` looks at, small enough to compare each second: while it is the same, so is the answer."""
    due = request.next_due is not None and now >= request.next_due
    people = tuple(may_restore(state, person) for person in (request.asked_by, *request.approved_by))
    severity = state.incidents[request.incident].severity
    return state.revision, due, len(request.done), request.against, severity, people


def may_restore(state: State, person: str) -> bool:
    """Do the person's roles carry the right to restore at this moment?"""
    known = state.catalog.people.get(person)
    return known is not None and Right.COMMAND in rights_of(Role(role) for role in known.roles)


def _severer(now: str, then: str) -> bool:
    return now in SEVERITIES and then in SEVERITIES and SEVERITIES.index(now) < SEVERITIES.index(then)


# --- stopping -------------------------------------------------------------------------------------------------------


def stop(state: State, request: RestoreRequest, *, reason: str, keep: bool, asker: Asker) -> Decided:
    """
    One person, at once: no further step, and (unless ``keep``) everything that it gave back is held again.

    One that was stopped already, or halted by itself, can still be taken back as long as nothing was asked for since.

    Raises:
        Forbidden: No right to respond.
        Invalid: No reason.
        Conflicting: It is over, and there is nothing to take back.
    """
    needs(asker, Right.RESPOND, "stopping a restore")
    check_reason(reason)
    incident = state.incidents[request.incident]
    _check_can_stop(incident, request, keep=keep)
    orders = [] if keep or incident.rehearsed else list(_taken_back(state, incident, request))
    because = "a person stopped it, and what it gave back is held again" if orders else "a person stopped it"
    fact = ev.RestoreStopped(request=request.id, step=len(request.done), because=because, taken_back=bool(orders))
    drafts = [Draft(order, incident=incident.id) for order in orders]
    return Decided([*drafts, Draft(fact, incident=incident.id, text={"reason": reason})], subject=request.id)


def _check_can_stop(incident: Incident, request: RestoreRequest, *, keep: bool) -> None:
    if request.state in ("open", "running"):
        return
    if request.state != "stopped" or keep or not (request.lifted or request.eased):
        more = "; to switch off what it gave back, declare again" if request.state == "done" else ""
        raise Conflicting(f"{request.id} is {request.state} already, by {request.settled_by}{more}")
    if request.id != incident.requests[-1]:
        raise Conflicting(
            f"{incident.requests[-1]} came after {request.id}; stop that one, or declare again to switch things off"
        )


def _taken_back(state: State, incident: Incident, request: RestoreRequest) -> Iterator[ev.Fact]:
    """Holds that were eased spare those partners no longer; holds that were lifted are placed anew."""
    for id, partners in request.eased.items():
        if (hold := state.holds.get(id)) is not None:
            left = [p for p in hold.spared if p not in partners]
            yield ev.HoldEased(hold=id, request=request.id, step=len(request.done), partners=left)
    for number, id in enumerate(request.lifted, len(incident.holds) + 1):
        old = Hold.read(incident.placed[id])
        yield ev.HoldPlaced(hold=replace(old, id=f"{incident.id}/h{number}", spared=()).data())
