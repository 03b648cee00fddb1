"""
Tasks of an incident, and the follow-ups that go on after it is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import NOTE_LIMIT, TITLE_LIMIT, check_reason, get_incident
from incidents.decisions.life import check_not_ended, check_words
from incidents.decisions.people import find_person, roles_of
from incidents.errors import Conflicting, Invalid, Unknown, nearest
from incidents.events import Draft
from incidents.life import FALSE_ALARM, MERGED, Incident, Task
from incidents.roles import Right
from incidents.state import State
from playbooks.schema import runbook_link

TASK_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    title: str
    about: str = ""
    role: str = ""
    owner: str = ""
    due_at: datetime | None = None
    runbook: str = ""
    follow_up: bool = False


def add(state: State, incident_id: str, new: NewTask, asker: Asker, now: datetime) -> Decided:
    """
    One more task, or a follow-up, which may also be added to a closed incident.

    Raises:
        Invalid: No title, too long, an unknown role, a due time that is past, a runbook that is no link.
        Conflicting: The incident has ended (follow-ups of a closed one are welcome), or has too many tasks.
    """
    needs(asker, Right.RESPOND, "adding a task")
    incident = get_incident(state, incident_id)
    _check_takes(incident, new.follow_up)
    check_words("title", new.title, TITLE_LIMIT)
    if len(new.about) > NOTE_LIMIT:
        raise Invalid.at("about", f"about has {len(new.about)} characters; at most {NOTE_LIMIT} are taken")
    if new.role and new.role not in (known := roles_of(incident)):
        raise Invalid.at("role", f"unknown role '{new.role[:40]}'.{nearest(new.role, known)} {', '.join(known)}")
    _check_due(new.due_at, now)
    _check_runbook(new.runbook)
    fact = ev.TaskAdded(
        number=max(incident.tasks, default=0) + 1,
        follow_up=new.follow_up,
        role=new.role or None,
        owner=find_person(state, new.owner) if new.owner else None,
        due_at=rfc3339(new.due_at) if new.due_at else None,
        runbook=new.runbook or None,
    )
    text = {"title": new.title.strip()} | ({"about": new.about} if new.about else {})
    return Decided([Draft(fact, incident=incident.id, text=text)], subject=incident.id)


def _check_takes(incident: Incident, follow_up: bool) -> None:
    if len(incident.tasks) >= TASK_LIMIT:
        raise Conflicting(f"{incident.id} has {TASK_LIMIT} tasks already; that is the most there can be")
    if not follow_up or incident.status in (FALSE_ALARM, MERGED):
        check_not_ended(incident)


def _check_due(due_at: datetime | None, now: datetime) -> None:
    if due_at is not None and due_at <= now:
        raise Invalid.at("due_at", f"{rfc3339(due_at)} is past; it is {rfc3339(now)} now")


def _check_runbook(link: str) -> None:
    """It is chained for good, so it has to be a link and nothing else."""
    try:
        if link:
            runbook_link(link)
    except ValueError as error:
        raise Invalid.at("runbook", str(error)) from error


def change(
    state: State,
    incident_id: str,
    number: int,
    *,
    owner: str,
    due_at: datetime | None,
    follow_up: bool | None,
    asker: Asker,
    now: datetime,
) -> Decided:
    """
    Give a task an owner or another due time, or make it a follow-up.

    Raises:
        Conflicting: It is settled, nothing would change, or it is a follow-up of what has ended and has to stay one.
    """
    needs(asker, Right.RESPOND, "changing a task")
    incident, task = _task(state, incident_id, number)
    _check_open(incident, task)
    if follow_up is False:
        check_not_ended(incident)
    _check_due(due_at, now)
    person = find_person(state, owner) if owner else None
    fact = ev.TaskChanged(
        number=number,
        owner=person if person != task.owner else None,
        due_at=rfc3339(due_at) if due_at and rfc3339(due_at) != task.due_at else None,
        follow_up=follow_up if follow_up != task.follow_up else None,
    )
    if fact.owner is None and fact.due_at is None and fact.follow_up is None:
        raise Conflicting(f"task {number} of {incident.id} is that already", code="already")
    return Decided([Draft(fact, incident=incident.id)], subject=incident.id)


def settle(state: State, incident_id: str, number: int, *, to: str, reason: str, asker: Asker) -> Decided:
    """
    ``done``, ``skipped`` (with a reason) or ``open`` again.

    Raises:
        Invalid: Another state, or skipped without a reason.
        Conflicting: It is that already (says who and when).
    """
    needs(asker, Right.RESPOND, "settling a task")
    incident, task = _task(state, incident_id, number)
    if to not in ("done", "skipped", "open"):
        raise Invalid.at("state", f"'{to[:40]}': a task is done, skipped or open")
    if task.state == to:
        by = f", by {task.settled_by} at {rfc3339(task.settled_at)}" if task.settled_at else ""
        raise Conflicting(f"task {number} of {incident.id} is {to} already{by}", code="already")
    if not task.follow_up:
        check_not_ended(incident)
    if to == "skipped" or reason:
        check_reason(reason, "skipping a task needs a reason")
    text = {"reason": reason} if reason else {}
    return Decided([Draft(ev.TaskSettled(number=number, state=to), incident=incident.id, text=text)], incident.id)


def _task(state: State, incident_id: str, number: int) -> tuple[Incident, Task]:
    incident = get_incident(state, incident_id)
    task = incident.tasks.get(number)
    if task is None:
        known = ", ".join(map(str, incident.tasks)) or "none"
        raise Unknown(f"{incident.id} has no task {number}; it has {known}", code="unknown-task")
    return incident, task


def _check_open(incident: Incident, task: Task) -> None:
    if not task.is_open:
        raise Conflicting(f"task {task.number} of {incident.id} is {task.state} already, by {task.settled_by}")
    if not task.follow_up:
        check_not_ended(incident)
