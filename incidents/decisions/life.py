"""
How an incident goes on: mitigated, resolved, closed, ended, reopened, and how bad it is.

Contained is never typed: it comes from evidence. Reviewed comes from a published review. Nothing here lifts a hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import NOTE_LIMIT, SEVERITIES, check_reason, get_incident
from incidents.decisions.incident import check_past as check_past
from incidents.decisions.restore import is_open
from incidents.decisions.sight import unknown_incident
from incidents.errors import Conflicting, Invalid, Unknown, nearest
from incidents.events import Draft
from incidents.life import ENDS, FALSE_ALARM, MERGED, RESTRICTED, STEPS, Incident
from incidents.roles import Right
from incidents.state import State

TYPED = ("mitigated", "resolved", "closed", FALSE_ALARM, MERGED, "reopened")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """
    ``to`` one of ``TYPED``; ``at`` when it happened, if that was earlier; ``into`` the incident to merge into.

    ``clocks_go_on``: it is closed although duties are owed still.
    """

    to: str
    reason: str = ""
    at: datetime | None = None
    into: str = ""
    review_due_at: str | None = None
    clocks_go_on: bool = False


def move(state: State, incident_id: str, request: Move, asker: Asker, now: datetime) -> Decided:
    """
    Bring an incident to another status.

    Raises:
        Forbidden: Resolving, closing and ending take the right to command.
        Invalid: An unknown status, one that is never typed, no reason where one is needed, a time that can't be.
        Conflicting: What must be true first is not, each with its reason; or it is there already.
    """
    incident = get_incident(state, incident_id)
    _check_typed(request.to, incident)
    needs(asker, Right.RESPOND if request.to in ("mitigated", "reopened") else Right.COMMAND, f"'{request.to}'")
    if request.to != "mitigated" or request.reason:
        check_reason(request.reason, f"a reason is needed for '{request.to}'")
    if request.to == "reopened":
        fact: ev.Fact = _reopened(incident)
    elif request.to in (FALSE_ALARM, MERGED):
        fact = _ended(state, incident, request)
    else:
        fact = _stepped(state, incident, request, now)
    at = in_order(incident, None, request.to, request.at, now) if request.at is not None else None
    text = {"reason": request.reason} if request.reason else {}
    return Decided([Draft(fact, incident=incident.id, text=text, at=at)], subject=incident.id)


def _check_typed(to: str, incident: Incident) -> None:
    if to in TYPED:
        return
    why = {
        "declared": "it is declared from its first line on; 'reopened' makes it go on",
        "contained": "contained is never typed: it is written down when every enforcement point confirmed or lapsed",
        "reviewed": f"it becomes reviewed when its review is published (`andon postmortem {incident.id} --publish`)",
    }.get(to)
    if why is None:
        why = f"unknown status '{to[:40]}'.{nearest(to, TYPED)} It takes {', '.join(TYPED)}"
    raise Invalid.at("status", why, code="unknown-status" if to not in STEPS else "not-typed")


def _stepped(state: State, incident: Incident, request: Move, now: datetime) -> ev.Fact:
    here = incident.status
    if here in ENDS:
        raise Conflicting(f"{incident.id} is {here}; reopen it first", code="ended")
    if STEPS.index(here) >= STEPS.index(request.to):
        raise Conflicting(f"{incident.id} is {here} already{_by(incident, request.to)}", code="already")
    blocked = blockers(state, incident, request.to, now)
    if blocked:
        raise Conflicting(
            f"{incident.id} can't be {request.to} yet: {'; '.join(blocked)}", code=f"not-{request.to}-yet"
        )
    match request.to:
        case "mitigated":
            return ev.IncidentMitigated()
        case "resolved":
            return ev.IncidentResolved(review_due_at=request.review_due_at)
    left = clocks_left(incident, now)
    if left and not request.clocks_go_on:
        words = f"{len(left)} clocks are" if len(left) > 1 else "a clock is"
        raise Conflicting(
            f"{incident.id} can't be closed yet: {words} open ({', '.join(left)}): submit or decide each, or say that"
            " they go on when you close it: on its page, with `andon status --clocks-go-on`, in Slack with"
            " `clocks=go-on` or over the API",
            code="clocks-open",
        )
    return ev.IncidentClosed(clocks=left or None)


def clocks_left(incident: Incident, now: datetime) -> list[str]:
    """Duties to others that are owed or may be; targets of our own and what is rehearsed keep nothing open."""
    if incident.kind != "real":
        return []
    duties = (duty for duty in incident.docket.duties.values() if not duty.internal)
    return [duty.id for duty in duties if duty.state(now) in ("late", "running", "under-assessment")]


def _by(incident: Incident, name: str) -> str:
    moment = incident.moments.get(name)
    return f", by {moment.by} at {rfc3339(moment.at)}" if moment else ""


def blockers(state: State, incident: Incident, to: str, now: datetime) -> list[str]:
    """What keeps an incident from a step of its life, one clause each; empty where nothing does."""
    found = []
    if not incident.proven:
        found.append("containment lacks evidence: not every enforcement point has confirmed or lapsed")
    for action in incident.actions.values():
        if to != "mitigated" and action.state == "waiting":
            found.append(f"action {action.number} waits for a person's word (validate or decline it)")
        if to != "mitigated" and action.state == "outside":
            found.append(f"action {action.number} is owed to an outside system (say that it is done, or decline it)")
    if to == "mitigated":
        return found
    found += [f"exit criterion {n} is open: {incident.exit[n - 1]}" for n in incident.criteria_open]
    found += [
        f"restore {r} is {state.requests[r].state}: approve, refuse or stop it first"
        for r in incident.requests
        if is_open(state.requests[r], now) or state.requests[r].state == "running"
    ]
    if to == "closed":
        found += _not_closed_yet(incident)
    return found


def _not_closed_yet(incident: Incident) -> list[str]:
    found = []
    if not incident.review.owner:
        found.append("its review has no owner")
    if incident.stage != "reviewed":
        stale = incident.review.published == incident.review.version > 0
        found.append(
            "its published review is older than what came after it: save, approve and publish a new version"
            if stale
            else "its review is not published"
        )
    found += [
        f"task {task.number} is open: do it, skip it with a reason, or make it a follow-up"
        for task in incident.open_tasks(follow_ups=False)
    ]
    found += [f"notice {d.id} waits: approve or refuse it" for d in incident.drafts.values() if d.waits and not d.clock]
    found += [f"follow-up {t.number} has no owner" for t in incident.open_tasks(follow_ups=True) if not t.owner]
    return found


def _ended(state: State, incident: Incident, request: Move) -> ev.Fact:
    if incident.ended:
        raise Conflicting(f"{incident.id} is {incident.status} already; reopen it first", code="ended")
    if request.to == FALSE_ALARM:
        return ev.IncidentEnded(end=FALSE_ALARM)
    if not request.into:
        raise Invalid.at("into", "say which incident it is merged into")
    into = request.into.upper()
    if into == incident.id:
        raise Invalid.at("into", f"{incident.id} can't be merged into itself")
    if into not in state.order:
        raise unknown_incident(state, into)
    _check_same_kind(state, incident, into)
    return ev.IncidentEnded(end=MERGED, into=into)


def _check_same_kind(state: State, incident: Incident, into: str) -> None:
    other = state.incidents.get(into) or state.over[into]
    if other.status == MERGED:
        raise Conflicting(f"{into} is merged itself: merge into the incident that goes on")
    if other.kind != incident.kind:
        raise Invalid.at("into", f"{incident.id} is {incident.kind} and {into} is {other.kind}: they never mix")
    if (incident.visibility == RESTRICTED) != (into in state.restricted):
        raise Invalid.at(
            "into", f"{incident.id} and {into} are not seen by the same people; set one's visibility first"
        )


def _reopened(incident: Incident) -> ev.Fact:
    if incident.rehearsed:
        raise Conflicting(f"{incident.id} was a drill and is over; start another one (`andon drill run`)", code="ended")
    if not incident.stage:
        words = "only what was mitigated, resolved or ended can be reopened"
        raise Conflicting(f"{incident.id} is {incident.status}: {words}")
    return ev.IncidentReopened(was=incident.status)


# --- times ----------------------------------------------------------------------------------------------------------


def in_order(incident: Incident, line: int | None, name: str, at: datetime, now: datetime) -> datetime:
    """
    A time for a moment that is told late. What was recorded before it lies before it, what was recorded after it after.

    Args:
        line: The event that recorded the moment, where its time is corrected; None for a new one.

    Raises:
        Invalid: In the future, before what comes before it, or after what comes after it; names that.
    """
    at = check_past(at, now)
    told = sorted(incident.moments.items(), key=lambda item: item[1].seq)
    for other, moment in reversed(told):
        if (line is None or moment.seq < line) and at < moment.at:
            raise Invalid.at("at", f"{name} at {rfc3339(at)} would lie before {other} ({rfc3339(moment.at)})")
    for other, moment in told:
        if line is not None and moment.seq > line and at > moment.at:
            raise Invalid.at("at", f"{name} at {rfc3339(at)} would lie after {other} ({rfc3339(moment.at)})")
    return at


# --- exit criteria and actions --------------------------------------------------------------------------------------


def judge_exit(state: State, incident_id: str, number: int, *, met: bool, evidence: str, asker: Asker) -> Decided:
    """
    Say that an exit criterion is met, and how that is known, or that it no longer is.

    Raises:
        Unknown: There is no such criterion.
        Invalid: No evidence.
        Conflicting: The incident has ended.
    """
    needs(asker, Right.RESPOND, "judging an exit criterion")
    incident = get_incident(state, incident_id)
    if not 1 <= number <= len(incident.exit):
        raise Unknown(f"{incident.id} has no exit criterion {number}; it has {len(incident.exit)}")
    check_not_ended(incident)
    check_reason(evidence, "say how you know")
    known = incident.judged.get(number)
    if known is not None and known.met == met:
        raise Conflicting(f"criterion {number} is {'met' if met else 'open'} already, says {known.by}", code="already")
    if known is None and not met:
        raise Conflicting(f"criterion {number} is open already", code="already")
    fact = ev.ExitJudged(number=number, met=met)
    return Decided([Draft(fact, incident=incident.id, text={"evidence": evidence})], subject=incident.id)


def settle_action(state: State, incident_id: str, number: int, *, to: str, reason: str, asker: Asker) -> Decided:
    """
    Decline an action that waits or is owed outside, or say that an outside one was done by hand.

    Raises:
        Invalid: ``to`` is neither ``done`` nor ``declined``, or no reason.
        Conflicting: The action is in no state for it. What waits for a word is never "done" by saying so.
    """
    needs(asker, Right.RESPOND, "settling an action")
    incident = get_incident(state, incident_id)
    action = incident.actions.get(number)
    if action is None:
        raise Unknown(f"{incident.id} has no action {number}; it has {', '.join(map(str, incident.actions)) or 'none'}")
    if to not in ("done", "declined"):
        raise Invalid.at("state", f"'{to[:40]}': an action is settled as done or declined")
    if action.state not in ("waiting", "outside") or (action.state == "waiting" and to == "done"):
        way = "; validate it to have it done" if action.state == "waiting" else ""
        raise Conflicting(f"action {number} of {incident.id} is {action.state}, it can't be called {to}{way}")
    check_reason(reason)
    fact = ev.ActionSettled(number=number, state=to)
    return Decided([Draft(fact, incident=incident.id, text={"reason": reason})], subject=incident.id)


def check_not_ended(incident: Incident) -> None:
    """
    Raises:
        Conflicting: It is closed, merged or a false alarm.
    """
    if incident.ended:
        raise Conflicting(f"{incident.id} is {incident.status}; reopen it first", code="ended")


# --- severity, updates ----------------------------------------------------------------------------------------------


def set_severity(state: State, incident_id: str, severity: str, reason: str, asker: Asker) -> Decided:
    """
    Raise or lower.

    Raises:
        Forbidden: Lowering takes the right to command.
        Invalid: An unknown severity, or no reason.
        Conflicting: It is that already, or the incident has ended.
    """
    incident = get_incident(state, incident_id)
    if severity not in SEVERITIES:
        raise Invalid.at("severity", f"unknown severity '{severity[:40]}'; it is one of {', '.join(SEVERITIES)}")
    lowers = SEVERITIES.index(severity) > SEVERITIES.index(incident.severity)
    needs(asker, Right.COMMAND if lowers else Right.RESPOND, "lowering the severity" if lowers else "raising it")
    if severity == incident.severity:
        raise Conflicting(f"{incident.id} is {severity} already", code="already")
    check_not_ended(incident)
    check_reason(reason)
    fact = ev.SeveritySet(severity=severity, was=incident.severity)
    return Decided([Draft(fact, incident=incident.id, text={"reason": reason})], subject=incident.id)


def acknowledge(state: State, incident_id: str, asker: Asker) -> Decided:
    """Say "I am on it"; a repeat changes nothing."""
    needs(asker, Right.RESPOND, "acknowledging an incident")
    incident = get_incident(state, incident_id)
    check_not_ended(incident)
    if incident.acknowledged_at is not None:
        return Decided([], subject=incident.id, joined=True)
    return Decided([Draft(ev.IncidentAcknowledged(), incident=incident.id)], subject=incident.id)


def post_update(
    state: State, incident_id: str, words: str, next_at: datetime | None, asker: Asker, now: datetime
) -> Decided:
    """
    Say where things stand, and when the next word comes.

    Raises:
        Invalid: Empty, too long, or the next one is not in the future.
    """
    needs(asker, Right.RESPOND, "posting an update")
    incident = get_incident(state, incident_id)
    check_words("update", words, NOTE_LIMIT)
    if next_at is not None and next_at <= now:
        raise Invalid.at("next_at", f"the next update is promised for {rfc3339(next_at)}, which is past")
    fact = ev.UpdatePosted(next_at=rfc3339(next_at) if next_at else None)
    return Decided([Draft(fact, incident=incident.id, text={"update": words})], subject=incident.id)


def check_words(name: str, words: str, limit: int) -> None:
    """
    Raises:
        Invalid: Empty or too long.
    """
    if not words.strip():
        raise Invalid.at(name, f"the {name} is empty")
    if len(words) > limit:
        raise Invalid.at(name, f"the {name} has {len(words)} characters; at most {limit} are taken", code="too-long")
