"""
When somebody has to be reminded or called, worked out anew from an incident as it stands.

Nothing is kept but when each was told last, and that is in the log: so a reminder is quiet once its reason is gone,
alive after a restart, and told once for any number of times that were missed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.clock import parse_rfc3339, rfc3339
from incidents.life import COMMANDER, RESTRICTED, STEPS, Incident
from incidents.recipients import OTHER_CHANNEL_FIRST
from incidents.state import State
from playbooks.rhythm import Pace


@dataclass(frozen=True, slots=True)
class Reminder:
    """
    ``key`` names it within its incident; it is told once for each moment ``at`` that it has.

    ``whom`` is ``role:comms`` or ``person:ada``; ``words`` a sentence without a full stop. ``template`` and
    ``channels`` are for those that are no plain reminder; ``also``: other keys that count as told with it;
    ``says_when``: its words say themselves how late it is.
    """

    key: str
    at: datetime
    whom: str
    words: str
    template: str = "reminder"
    channels: tuple[str, ...] = ()
    also: tuple[tuple[str, datetime], ...] = ()
    says_when: bool = False


Source = Callable[[State, Incident, Pace], Iterable[Reminder]]
SOURCES: list[Source] = []
"""
Where reminders come from. Another part adds its own by ``@source``: a pure function that gives all reminders of an
incident that may still be told, past ones included; what was told for its moment already is left out by ``pending``.
"""


def source(found: Source) -> Source:
    SOURCES.append(found)
    return found


def pending(state: State, incident: Incident, pace: Pace) -> dict[str, Reminder]:
    """By key: what is still to be told, now or later. Nothing for a test."""
    if incident.kind == "test":
        return {}
    found = {}
    for give in SOURCES:
        for reminder in give(state, incident, pace):
            told = incident.reminded.get(reminder.key)
            if told is None or told < reminder.at:
                found[reminder.key] = reminder
    return found


def _last(incident: Incident, key: str, *others: datetime | None) -> datetime:
    """The latest of what a cadence counts from."""
    return max(at for at in (incident.reminded.get(key), *others) if at is not None)


# --- status updates ---------------------------------------------------------------------------------------------------


@source
def updates_wanted(state: State, incident: Incident, pace: Pace) -> Iterator[Reminder]:
    """By the playbook's own entries, else by severity. Quiet after an update, and until one that was promised."""
    asks = [notice for notice in incident.notices if notice.get("remind") and notice.get("every_s")]
    for notice in asks:
        begins = incident.moments.get(notice["at"])
        if begins is not None and _before(incident, notice.get("until", "closed")):
            key = f"{notice['remind']}/{notice['number']}"
            every = timedelta(seconds=int(notice["every_s"]))
            yield _wanted(incident, key, begins.at, every, notice["to"], notice["remind"])
    if not asks and _before(incident, "resolved"):
        role, usual = f"role:{pace.rhythm.updates.role}", pace.updates_every(incident.severity)
        yield _wanted(incident, "status-update", incident.declared_at, usual, role, "status-update")


@source
def repeated(state: State, incident: Incident, pace: Pace) -> Iterator[Reminder]:
    """
    Entries of the playbook that go out every so often. What people have to approve is asked for, not sent.

    A restricted incident is told to people alone.
    """
    for notice in incident.notices:
        begins = incident.moments.get(notice["at"])
        if not notice.get("every_s") or notice.get("remind") or begins is None:
            continue
        if not _before(incident, notice.get("until", "closed")):
            continue
        key, kind = f"repeated/{notice['number']}", notice["to"].partition(":")[0]
        at = _last(incident, key, begins.at) + timedelta(seconds=int(notice["every_s"]))
        template = notice.get("template", "status-update")
        if notice.get("approval") or kind in ("partner", "partners"):
            words = f"The next notice of {incident.id} to {notice['to']} is wanted, every {notice['every']}"
            yield Reminder(key, at, f"role:{notice.get('approval', COMMANDER)}", words)
        elif kind in ("role", "person") or incident.visibility != RESTRICTED:
            yield Reminder(key, at, notice["to"], "", template)


def _wanted(incident: Incident, key: str, begins: datetime, every: timedelta, whom: str, what: str) -> Reminder:
    at = _last(incident, key, begins, incident.updated_at) + every
    promised = parse_rfc3339(incident.next_update_at) if incident.next_update_at else None
    told = incident.reminded.get(key)
    if promised is not None and (told is None or told < promised):
        at = promised
    since = f"the last was at {rfc3339(incident.updated_at)[:16]}Z" if incident.updated_at else "there was none yet"
    words = f"{incident.id} ({incident.severity}) waits for a {what.replace('-', ' ')}; {since}"
    return Reminder(key, at, whom, words)


def _before(incident: Incident, moment: str) -> bool:
    """Whether an incident has still to reach a moment of its life."""
    return not incident.ended and STEPS.index(incident.status) < STEPS.index(moment)


# --- nobody answers ---------------------------------------------------------------------------------------------------


@source
def unanswered(state: State, incident: Incident, pace: Pace) -> Iterator[Reminder]:
    """Commander, deputy, leadership, until somebody has acknowledged or taken command; each later call another way."""
    answered = incident.acknowledged_at is not None or incident.commander is not None
    if answered or incident.ended or incident.stage:
        return
    since = max(incident.declared_at, incident.severity_since or incident.declared_at)
    within = pace.acknowledge_within(incident.severity)
    for number, call in enumerate(pace.rhythm.unanswered):
        waited = call.after * within
        after = f" for {int(waited.total_seconds() // 60)} min" if waited else ""
        yield Reminder(
            key=f"unanswered/{number}",
            at=since + waited,
            whom=f"role:{call.role}",
            words=f"{incident.id} ({incident.severity}) has not been acknowledged{after}",
            template="escalation",
            channels=OTHER_CHANNEL_FIRST if number % 2 else (),
        )


@source
def unaccepted(state: State, incident: Incident, pace: Pace) -> Iterator[Reminder]:
    """Command was offered and not taken: both are told, then whoever is called where nobody answers."""
    offer = incident.offers.get(COMMANDER)
    if offer is None or incident.ended:
        return
    within = pace.acknowledge_within(incident.severity)
    calls = [(f"person:{person}", 1) for person in (offer.person, incident.commander) if person]
    calls += [(f"role:{call.role}", call.after + 1) for call in pace.rhythm.unanswered if call.after]
    for number, (whom, times) in enumerate(calls):
        minutes = int((times * within).total_seconds() // 60)
        yield Reminder(
            key=f"unaccepted/{number}",
            at=offer.since + times * within,
            whom=whom,
            words=f"Command of {incident.id} ({incident.severity}) was offered to {offer.person} {minutes} min ago"
            f" and is not accepted; {incident.commander or 'nobody'} has it until then",
            template="escalation",
        )


# --- what waits for people --------------------------------------------------------------------------------------------


@source
def waiting(state: State, incident: Incident, pace: Pace) -> Iterator[Reminder]:
    """Notices that nobody has approved, tasks and the review when they are due."""
    every = pace.rhythm.approvals.every.elapsed or timedelta(hours=1)
    for draft in incident.drafts.values():
        if draft.waits and draft.clock is None:  # a clock speaks of its own notice, by its own deadline
            key = f"approval/{draft.id}"
            words = f"The notice {draft.id} to {draft.to} still waits for approval"
            yield Reminder(key, _last(incident, key, draft.owed_at) + every, f"role:{draft.approval}", words)
    if incident.ended:
        return
    for task in incident.tasks.values():
        if task.is_open and task.due_at is not None:
            whom = f"person:{task.owner}" if task.owner else f"role:{task.role or COMMANDER}"
            title = f": {task.title}" if task.title else ""
            yield Reminder(
                f"task/{task.number}",
                parse_rfc3339(task.due_at),
                whom,
                f"Task {task.number} of {incident.id} is due{title}",
            )
    if incident.status == "resolved" and incident.review.due_at:
        whom = f"person:{incident.review.owner}" if incident.review.owner else f"role:{COMMANDER}"
        yield Reminder("review", parse_rfc3339(incident.review.due_at), whom, f"The review of {incident.id} is due")
