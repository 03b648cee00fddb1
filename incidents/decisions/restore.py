"""
The way back: one person asks, another approves exactly that plan.

The plan says which holds are lifted in which order and what each person, partner and model gets back. Its digest
binds the approval: if anything that the plan says has changed meanwhile, the approval does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import rfc8785

from incidents import events as ev
from incidents.blast import compare, without_holds
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import check_reason, get_incident
from incidents.decisions.two_people import Hand, check_another, person_of
from incidents.errors import Conflicting, Invalid, Refused, Unknown, nearest
from incidents.events import Draft
from incidents.holds import LIVE
from incidents.roles import Right
from incidents.state import Incident, RestoreRequest, State

REQUEST_LIFE = timedelta(hours=24)


def plan_of(state: State, incident: Incident, actions: Sequence[int], now: datetime) -> dict[str, Any]:
    """
    What lifting would do: ``holds`` in order, ``entries`` before and after, ``access`` per partner and flag,
    the playbook's ``checks``. Plain JSON; equal plans have equal digests.
    """
    holds = [state.holds[h] for h in incident.standing if not actions or state.holds[h].action in actions]
    table = holds[0].table if holds else LIVE
    blast = compare(state, without_holds(state, [h.id for h in holds]), holds, now, table)
    return {
        "incident": incident.id,
        "holds": [{"hold": h.id, "action": h.action, "words": h.words()} for h in holds],
        "entries": [{"key": k, "before": was, "after": becomes} for k, (was, becomes) in blast.entries.items()],
        "access": blast.access,
        "checks": list(incident.restore.get("checks", [])),
        "approvals": approvals_of(incident),
    }


def approvals_of(incident: Incident) -> int:
    return max(1, int(incident.restore.get("approvals", 1)))


def digest_of(plan: dict[str, Any]) -> str:
    """SHA-256 of the plan's canonical JSON (RFC 8785), hex."""
    return hashlib.sha256(rfc8785.dumps(plan)).hexdigest()


def ask(state: State, incident_id: str, *, only: Sequence[int], reason: str, asker: Asker, now: datetime) -> Decided:
    """
    Ask for an incident's holds to be lifted (``only`` those of some actions).

    Raises:
        Forbidden: No right to restore, or a token without a person.
        Invalid: No reason, or actions that placed nothing.
        Conflicting: Nothing is held any more, or a request is open already.
    """
    incident = get_incident(state, incident_id)
    person_of(state, asker, "ask for a restore")
    check_reason(reason)
    _check_only(incident, only)
    waiting = [r for r in incident.requests if is_open(state.requests[r], now)]
    if waiting:
        raise Conflicting(f"{waiting[0]} is open already; approve or refuse it first")
    if not incident.standing:
        raise Conflicting(f"{incident.id} holds nothing any more")
    plan = plan_of(state, incident, only, now)
    if not plan["holds"]:
        raise Conflicting(f"the holds of action {', '.join(map(str, only))} of {incident.id} are lifted already")
    request = f"{incident.id}-R{len(incident.requests) + 1}"
    fact = ev.RestoreAsked(
        request=request,
        plan=plan,
        plan_digest=digest_of(plan),
        approvals=approvals_of(incident),
        expires_at=rfc3339(now + REQUEST_LIFE),
    )
    return Decided([Draft(fact, incident=incident.id, text={"reason": reason})], subject=request)


def approve(state: State, request_id: str, *, plan_digest: str, asker: Asker, now: datetime) -> Decided:
    """
    Agree to a request; the last approval that it needs lifts the holds in the same write.

    Raises:
        Forbidden: The asker, a person who approved already, a token that either of them made, no right.
        Conflicting: Settled, expired, or the plan is no longer what it was.
    """
    request = get_request(state, request_id)
    incident = state.incidents[request.incident]
    person_of(state, asker, "approve a restore")
    _check_open(request, now)
    check_another(state, _hands(request), asker)
    if plan_digest != request.plan_digest:
        raise Conflicting(
            f"you approve plan {plan_digest[:12]}…, but {request.id} asks for {request.plan_digest[:12]}…;"
            " read the plan again",
            code="plan-changed",
        )
    actions = [int(h["action"]) for h in request.plan["holds"]]
    if digest_of(plan_of(state, incident, actions, now)) != request.plan_digest:
        raise Conflicting(
            f"what {request.id} would give back has changed since it was asked for; refuse it and ask again",
            code="plan-changed",
        )
    drafts = [Draft(ev.RestoreApproved(request=request.id, plan_digest=plan_digest), incident=incident.id)]
    if len(request.approved_by) + 1 >= request.approvals:
        drafts += [
            Draft(ev.HoldLifted(hold=h["hold"], request=request.id), incident=incident.id)
            for h in request.plan["holds"]
        ]
    return Decided(drafts, subject=request.id)


def refuse(state: State, request_id: str, *, reason: str, asker: Asker, now: datetime) -> Decided:
    """Say no to a request, or take one's own back. Needs a reason and the right to restore."""
    request = get_request(state, request_id)
    needs(asker, Right.COMMAND, "refusing a restore")
    check_reason(reason)
    _check_open(request, now)
    return Decided(
        [Draft(ev.RestoreRefused(request=request.id), incident=request.incident, text={"reason": reason})],
        subject=request.id,
    )


def denied(request: RestoreRequest, error: Refused) -> Decided:
    """The line that an approval leaves behind when it was not allowed to count."""
    fact = ev.ApprovalDenied(request=request.id, because=str(error))
    return Decided([Draft(fact, incident=request.incident)], subject=request.id)


def get_request(state: State, id: str) -> RestoreRequest:
    """
    Raises:
        Unknown: With the nearest id.
    """
    found = state.requests.get(id) or state.requests.get(id.upper())
    if found is None:
        raise Unknown(f"unknown restore request '{id[:80]}'.{nearest(id.upper(), state.requests)}")
    return found


def is_open(request: RestoreRequest, now: datetime) -> bool:
    return request.state == "open" and now < request.expires_at


def _check_open(request: RestoreRequest, now: datetime) -> None:
    if request.state != "open":
        raise Conflicting(f"{request.id} is {request.state} already, by {request.settled_by}")
    if now >= request.expires_at:
        raise Conflicting(f"{request.id} expired at {rfc3339(request.expires_at)}; ask again", code="expired")


def _hands(request: RestoreRequest) -> list[Hand]:
    """Who asked, and who has approved already."""
    asked = Hand(request.asked_by, request.asked_token, f"asked for {request.id}")
    return [asked, *(Hand(person, None, f"has approved {request.id} already") for person in request.approved_by)]


def _check_only(incident: Incident, only: Sequence[int]) -> None:
    placed = {int(h["action"]) for h in incident.placed.values()}
    wrong = [n for n in only if n not in placed]
    if wrong:
        message = f"action {wrong[0]} of {incident.id} placed no hold; these did: {', '.join(map(str, sorted(placed)))}"
        raise Invalid.at("only", message)
