"""
What becomes of a duty: submitted, decided not to be reported, stayed, taken up again, missed.

A submission and a decision against reporting are a person's, with the right to command, also straight on the ledger.
Nothing here sends anything: a submission is the record of what a person has sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided
from incidents.decisions.incident import REASON_LIMIT, check_reason, get_incident
from incidents.decisions.life import check_past
from incidents.decisions.moves import recomputed
from incidents.decisions.persons import acting_person
from incidents.docket import Duty, incident_of
from incidents.errors import Conflicting, FieldError, Invalid, Unknown, nearest
from incidents.events import Draft
from incidents.life import Incident
from incidents.roles import Right
from incidents.state import State

NOT_REPORTABLE, STAYED, OPEN = "not-reportable", "stayed", "open"
DECISIONS = (NOT_REPORTABLE, STAYED, OPEN)


def get_duty(state: State, clock: str) -> tuple[Incident, Duty]:
    """
    A duty by its clock's id, in any case of letters.

    Raises:
        Unknown: With the nearest of that incident.
    """
    incident, duties = duties_named(state, clock)
    if len(duties) > 1 or duties[0].id.lower() != clock.lower():
        raise Unknown(f"'{clock[:80]}' is a whole regime; name one of: {', '.join(d.id for d in duties)}")
    return incident, duties[0]


def duties_named(state: State, clock: str) -> tuple[Incident, list[Duty]]:
    """
    One duty by its id, or, without the deadline's name, all of that regime: ``INC-2026-0001.gdpr-art33``.

    Raises:
        Unknown: With the nearest of that incident.
    """
    incident = get_incident(state, incident_of(clock))
    wanted = f"{incident.id}.{clock.partition('.')[2].lower()}"
    known = incident.docket.duties
    if wanted in known:
        return incident, [known[wanted]]
    found = [duty for duty in known.values() if duty.id.startswith(f"{wanted}.") and wanted != f"{incident.id}."]
    if not found:
        hint = nearest(wanted, known) or (f" It has: {', '.join(known)}." if known else " It has no clocks.")
        raise Unknown(f"unknown clock '{clock[:120]}'.{hint}", code="unknown-clock")
    return incident, found


def submit(
    state: State, clock: str, *, receipt: str, late_because: str, at: datetime | None, asker: Asker, now: datetime
) -> Decided:
    """
    Record that a person has sent or filed it.

    Args:
        receipt: What shows it: a number, a confirmation, who took the call.
        late_because: Needed where even the latest moment had passed.
        at: When it was sent, if not now.

    Raises:
        Forbidden: No person, or no right to command.
        Conflicting: It is settled already.
        Invalid: No receipt, in the future, or late without a reason.
    """
    acting_person(state, asker, Right.COMMAND, "submitting a notice")
    incident, duty = get_duty(state, clock)
    _check_open(duty)
    sent = at or now
    check_past(sent, now)
    _check_receipt(receipt)
    known = duty.due is not None and not duty.projected
    late = known and duty.due is not None and sent > duty.due
    past_latest = known and duty.latest is not None and sent > duty.latest
    if past_latest and not duty.internal and not late_because.strip():
        message = f"{duty.id} was due by {rfc3339(duty.latest or sent)} at the latest: say why it is late"
        raise Invalid(message, code="late-without-reason", errors=[FieldError("late_because", "say why it is late")])
    if late_because:
        check_reason(late_because)
    text = {"receipt": receipt} | ({"late_because": late_because} if late_because else {})
    fact = ev.DutySubmitted(clock=duty.id, at=rfc3339(sent), late=late, internal=duty.internal or None)
    drafts = [Draft(fact, incident=incident.id, text=text, at=sent)]
    return Decided(recomputed(state, incident, drafts, now, f"{duty.name} was submitted"), subject=duty.id)


def _check_receipt(receipt: str) -> None:
    if not receipt.strip():
        raise Invalid.at("receipt", "say what shows it: a receipt number, a confirmation, who took the call")
    if len(receipt) > REASON_LIMIT:
        message = f"the receipt has {len(receipt)} characters; at most {REASON_LIMIT} are taken"
        raise Invalid.at("receipt", message, code="too-long")


def decide_not_reportable(state: State, clock: str, *, reason: str, asker: Asker, now: datetime) -> Decided:
    """
    Decide that a duty, or all open ones of a regime, are not to be reported; what follows from them falls away.

    Raises:
        Forbidden: No person, or no right to command.
        Conflicting: Nothing of it is open.
        Invalid: No reason.
    """
    acting_person(state, asker, Right.COMMAND, "deciding that something is not reportable")
    check_reason(reason)

    def decided(duty: Duty) -> ev.Fact:
        return ev.DutyDecided(clock=duty.id, decision=NOT_REPORTABLE)

    return _for_open(state, clock, decided, reason, now, "it was decided not to report")


def stay(state: State, clock: str, *, reason: str, until: datetime | None, asker: Asker, now: datetime) -> Decided:
    """
    Suspend a duty by an order or another legal basis. Its moment stays on show; nothing alarms until the stay ends.

    Raises:
        Forbidden: No person, or no right to command.
        Invalid: No reason, or ``until`` is past.
    """
    acting_person(state, asker, Right.COMMAND, "staying a duty")
    check_reason(reason, "say which order or legal basis stays it")
    if until is not None and until <= now:
        raise Invalid.at("until", f"{rfc3339(until)} is past; it is {rfc3339(now)} now")

    def stayed(duty: Duty) -> ev.Fact:
        return ev.DutyStayed(clock=duty.id, until=rfc3339(until) if until else None)

    return _for_open(state, clock, stayed, reason, now, "it was stayed")


def reopen(state: State, clock: str, *, reason: str, asker: Asker, now: datetime) -> Decided:
    """
    A submission, decision or stay does not stand: the duty runs again, from the facts as they are.

    Raises:
        Forbidden: No person, or no right to command.
        Conflicting: It is open already.
        Invalid: No reason.
    """
    acting_person(state, asker, Right.COMMAND, "reopening a duty")
    check_reason(reason)
    incident, duty = get_duty(state, clock)
    if duty.submitted_seq is None and duty.decided_seq is None and duty.stayed_seq is None:
        raise Conflicting(f"{duty.id} is {duty.state(now)}: nothing was submitted, decided or stayed")
    drafts = [Draft(ev.DutyReopened(clock=duty.id), incident=incident.id, text={"reason": reason})]
    return Decided(recomputed(state, incident, drafts, now, f"{duty.name} was reopened"), subject=duty.id)


def _for_open(
    state: State, clock: str, fact_for: Callable[[Duty], ev.Fact], reason: str, now: datetime, because: str
) -> Decided:
    incident, named = duties_named(state, clock)
    open_ones = [duty for duty in named if not duty.settled]
    if not open_ones:
        raise Conflicting(f"{named[0].id} is {named[0].state(now)} already", code="already")
    drafts = [Draft(fact_for(duty), incident=incident.id, text={"reason": reason}) for duty in open_ones]
    subject = open_ones[0].id if len(open_ones) == 1 else f"{incident.id}.{open_ones[0].regime}"
    return Decided(recomputed(state, incident, drafts, now, because), subject=subject)


def _check_open(duty: Duty) -> None:
    if duty.submitted_seq is not None:
        raise Conflicting(f"{duty.id} was submitted by {duty.submitted_by} already", code="already")
    if duty.decided_seq is not None:
        raise Conflicting(f"{duty.id} was decided not to be reported by {duty.decided_by}; reopen it first")
    if duty.gone is not None:
        raise Conflicting(f"{duty.id} is not owed ({duty.gone})", code="not-owed")


# --- missed ---------------------------------------------------------------------------------------------------------


def missed(state: State, clock: str, now: datetime) -> tuple[Incident, Duty] | None:
    """A clock whose strict moment has passed with nothing done, and that has no line for it yet; None for others."""
    incident = state.incidents.get(incident_of(clock))
    duty = incident.docket.duties.get(clock) if incident is not None else None
    if incident is None or duty is None or not is_missed(incident, duty, now):
        return None
    return incident, duty


def line_of(incident: Incident, duty: Duty, now: datetime, told: Sequence[str], reminds: dict[str, str]) -> Draft:
    """The line of a missed clock; ``told`` are the messages that tell of it, which then counts as ``reminds``."""
    return Draft(
        ev.DutyMissed(
            clock=duty.id,
            due=rfc3339(duty.due or now),
            noticed_at=rfc3339(now),
            internal=duty.internal or None,
            simulated=(incident.kind != "real") or None,
            messages=list(told) or None,
            reminds=reminds if told else None,
        ),
        incident=incident.id,
        at=duty.due,
    )


def is_missed(incident: Incident, duty: Duty, now: datetime) -> bool:
    """Its moment has passed, it alarms, and no line says so yet."""
    return alarms(incident, duty) and duty.state(now) == "late" and duty.missed != duty.due


def alarms(incident: Incident, duty: Duty) -> bool:
    """Whether anything is ever to be said of it by itself: a rehearsal that has ended is quiet."""
    return not duty.settled and (incident.kind == "real" or not incident.ended)
