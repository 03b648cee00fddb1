"""
The way back: one person asks, another approves exactly that plan, and any one person stops it.

The plan says what comes back in which step, for whom, at which stage and caps. Its digest binds the approval: if
anything that the plan says has changed meanwhile, the approval does not count. Break-glass passes over the playbook's
checks and its number of approvals; never over the second person, and everybody is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import check_reason, get_incident
from incidents.decisions.persons import acting_person
from incidents.decisions.restore_plan import Json, Way, digest_of, plan_of, still_is, what_changed
from incidents.decisions.restore_steps import carry_out
from incidents.decisions.restore_steps import stop as stop_request
from incidents.decisions.sight import unknown_request
from incidents.decisions.two_people import Hand, check_another
from incidents.errors import Conflicting, Invalid, Refused
from incidents.events import Draft
from incidents.life import RESTRICTED
from incidents.roles import Right, Role, rights_of
from incidents.spans import in_full
from incidents.state import Incident, RestoreRequest, State

REQUEST_LIFE = timedelta(hours=24)
SOAK_MIN, SOAK_DEFAULT, SOAK_MAX = timedelta(minutes=1), timedelta(minutes=30), timedelta(days=30)


def way_of(
    *, only: Sequence[int] = (), canary: str | None = None, soak: timedelta | None = None, break_glass: bool = False
) -> Way:
    """
    A wish as it can be planned: a canary without a soak time gets 30 minutes.

    Raises:
        Invalid: A soak time without a canary, or outside 1 minute to 30 days.
    """
    if canary is None:
        if soak is not None:
            raise Invalid.at("soak", "a soak time is what the rest waits after one partner: name a canary too")
        return Way(only=tuple(only), break_glass=break_glass)
    soak = SOAK_DEFAULT if soak is None else soak
    if not SOAK_MIN <= soak <= SOAK_MAX:
        message = f"the soak time is {in_full(int(soak.total_seconds()))}; it lasts 1 minute to 30 days"
        raise Invalid.at("soak", message)
    return Way(only=tuple(only), canary=canary, soak_s=int(soak.total_seconds()), break_glass=break_glass)


def ask(state: State, incident_id: str, way: Way, *, reason: str, asker: Asker, now: datetime) -> Decided:
    """
    Ask for an incident's holds to be lifted, in the way that is wanted.

    Raises:
        Forbidden: No right to restore, or a token without a person.
        Invalid: No reason, actions that placed nothing, or a canary that would gain nothing.
        Conflicting: Nothing is held any more, or a request is open or running already.
    """
    incident = get_incident(state, incident_id)
    acting_person(state, asker, Right.COMMAND, "to ask for a restore")
    check_reason(reason)
    _check_only(incident, way.only)
    _check_alone(state, incident, now)
    if not incident.standing:
        raise Conflicting(f"{incident.id} holds nothing any more")
    plan = plan_of(state, incident, way, now)
    if not plan["holds"]:
        raise Conflicting(f"the holds of action {', '.join(map(str, way.only))} of {incident.id} are lifted already")
    request = f"{incident.id}-R{len(incident.requests) + 1}"
    fact = ev.RestoreAsked(
        request=request,
        plan=plan,
        plan_digest=digest_of(plan),
        approvals=plan["approvals"],
        expires_at=rfc3339(now + REQUEST_LIFE),
    )
    drafts = [Draft(fact, incident=incident.id, text={"reason": reason})]
    return Decided([*drafts, *_glass(state, incident, request, plan, "asked")], subject=request)


def approve(
    state: State, request_id: str, *, plan_digest: str, checks: Sequence[str], asker: Asker, now: datetime
) -> Decided:
    """
    Agree to a request; the last approval that it needs carries out its first step in the same write.

    Args:
        checks: Those of the plan that the approver attests: all of them.

    Raises:
        Forbidden: The asker, a person who approved already, a token that either of them made, no right.
        Conflicting: Settled, expired, or the plan is no longer what it was.
        Invalid: A check of the plan is not attested.
    """
    request = get_request(state, request_id)
    acting_person(state, asker, Right.COMMAND, "to approve a restore")
    _check_open(request, now)
    check_another(state, _hands(request), asker)
    if plan_digest != request.plan_digest:
        raise Conflicting(
            f"you approve plan {plan_digest[:12]}…, but {request.id} asks for {request.plan_digest[:12]}…;"
            " read the plan again",
            code="plan-changed",
        )
    if not still_is(state, request, now):
        raise Conflicting(
            f"what {request.id} would give back has changed since it was asked for{what_changed(state, request, now)};"
            " refuse it and ask again",
            code="plan-changed",
        )
    _check_attested(request, checks)
    attested = [check for check in request.plan["checks"] if check in checks] or None
    fact = ev.RestoreApproved(request=request.id, plan_digest=plan_digest, checks=attested)
    drafts = [Draft(fact, incident=request.incident)]
    if len(request.approved_by) + 1 >= request.approvals:
        drafts += _glass(state, state.incidents[request.incident], request.id, request.plan, "approved")
        drafts += carry_out(state, request, now) if request.steps else _everything(request)
    return Decided(drafts, subject=request.id)


def _everything(request: RestoreRequest) -> list[Draft]:
    """What an approval means where the plan is of before there were steps."""
    lifted = (ev.HoldLifted(hold=h["hold"], request=request.id) for h in request.plan["holds"])
    return [Draft(fact, incident=request.incident) for fact in lifted]


def _glass(state: State, incident: Incident, request: str, plan: Json, moment: str) -> list[Draft]:
    """Everybody who could stop it is told, when it is asked for and when it happens: of a restricted one, insiders."""
    if not plan.get("break_glass"):
        return []
    people = state.catalog.people.values()
    told = [p.id for p in people if Right.RESPOND in rights_of(Role(role) for role in p.roles)]
    tells = sorted(id for id in told if incident.visibility != RESTRICTED or id in incident.insiders)
    fact = ev.GlassBroken(request=request, moment=moment, waived=plan["waived"], tells=tells)
    return [Draft(fact, incident=incident.id)]


def stop(state: State, request_id: str, *, reason: str, keep: bool, asker: Asker) -> Decided:
    """See ``restore_steps.stop``."""
    return stop_request(state, get_request(state, request_id), reason=reason, keep=keep, asker=asker)


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
        raise unknown_request(state, id)
    return found


def is_open(request: RestoreRequest, now: datetime) -> bool:
    return request.state == "open" and now < request.expires_at


def _check_open(request: RestoreRequest, now: datetime) -> None:
    if request.state == "running":
        raise Conflicting(f"{request.id} was approved by {request.settled_by} and is running; stop it to end it")
    if request.state != "open":
        raise Conflicting(f"{request.id} is {request.state} already, by {request.settled_by}")
    if now >= request.expires_at:
        raise Conflicting(f"{request.id} expired at {rfc3339(request.expires_at)}; ask again", code="expired")


def _check_alone(state: State, incident: Incident, now: datetime) -> None:
    for request in (state.requests[r] for r in incident.requests):
        if is_open(request, now):
            raise Conflicting(f"{request.id} is open already; approve or refuse it first")
        if request.state == "running":
            raise Conflicting(f"{request.id} is running; stop it first, or wait until its last step is done")


def _check_attested(request: RestoreRequest, checks: Sequence[str]) -> None:
    wanted = list(request.plan["checks"])
    known = ", ".join(wanted) or "none"
    for number, check in enumerate(checks):
        if check not in wanted:  # not repeated here: what is refused is written down, and these may be free words
            raise Invalid.at(f"checks[{number}]", f"{request.id} has no such check; its checks: {known}")
    if missing := [check for check in wanted if check not in checks]:
        message = f"whoever approves {request.id} says that its checks are true; not said of: {', '.join(missing)}"
        raise Invalid.at("checks", f"{message}. Give all of its checks: {known}", code="checks-not-attested")


def _hands(request: RestoreRequest) -> list[Hand]:
    """Who asked, and who has approved already."""
    asked = Hand(request.asked_by, request.asked_token, f"asked for {request.id}")
    approved = zip(request.approved_by, request.approved_with, strict=True)
    return [asked, *(Hand(person, token, f"has approved {request.id} already") for person, token in approved)]


def _check_only(incident: Incident, only: Sequence[int]) -> None:
    placed = {int(h["action"]) for h in incident.placed.values()}
    wrong = [n for n in only if n not in placed]
    if wrong:
        message = f"action {wrong[0]} of {incident.id} placed no hold; these did: {', '.join(map(str, sorted(placed)))}"
        raise Invalid.at("only", message)
