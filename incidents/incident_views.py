"""
What people read of one incident beside its containment: moments, roles, tasks, criteria, review, what comes next.

Pure. ``lines`` are the incident's own events: the words that the state does not keep are taken from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from incidents.clock import parse_rfc3339, rfc3339
from incidents.decisions.life import blockers
from incidents.decisions.people import roles_of
from incidents.decisions.restore import is_open
from incidents.events import Event
from incidents.life import COMMANDER, FALSE_ALARM, MERGED, STEPS, Incident, Review, Task
from incidents.state import State

Json = dict[str, Any]
Words = Mapping[int, Mapping[str, str]]


def words_of(lines: Sequence[Event]) -> dict[int, dict[str, str]]:
    """Sequence number -> free words, where there are any left."""
    return {event.seq: event.text for event in lines if event.text}


def moments(incident: Incident) -> Json:
    """Name -> ``{at, recorded_at, by, was}``; ``was`` holds what stood there before corrections."""
    return {
        name: {
            "at": rfc3339(m.at),
            "recorded_at": rfc3339(m.recorded_at),
            "by": m.by,
            "seq": m.seq,
            "was": [rfc3339(at) for at in m.was],
        }
        for name, m in sorted(incident.moments.items(), key=lambda item: item[1].at)
    }


def roles(incident: Incident) -> list[Json]:
    """One row per role that the incident can have; ``person`` None: nobody."""
    found = []
    for role in roles_of(incident):
        holder, offered = incident.holders.get(role), incident.offers.get(role)
        found.append(
            {
                "role": role,
                "person": holder.person if holder else None,
                "since": rfc3339(holder.since) if holder else None,
                "offered_to": offered.person if offered else None,
                "offered_at": rfc3339(offered.since) if offered else None,
                "of_playbook": role in incident.roles,
            }
        )
    return found


def task(known: Task, words: Words, now: datetime) -> Json:
    text = words.get(known.seq, {}) if known.title is None else {}
    due = known.due_at
    return {
        "number": known.number,
        "title": known.title or text.get("title") or "[redacted]",
        "about": known.about or text.get("about"),
        "role": known.role,
        "owner": known.owner,
        "runbook": known.runbook,
        "within": known.within,
        "due_at": due,
        "overdue": bool(due and known.is_open and parse_rfc3339(due) <= now),
        "follow_up": known.follow_up,
        "state": known.state,
        "settled_by": known.settled_by,
        "settled_at": rfc3339(known.settled_at) if known.settled_at else None,
        "reason": words.get(known.reason_seq or 0, {}).get("reason"),
    }


def criteria(incident: Incident, words: Words) -> list[Json]:
    """The exit criteria with who said that they are met, and how they know."""
    found = []
    for number, text in enumerate(incident.exit, 1):
        judged = incident.judged.get(number)
        found.append(
            {
                "number": number,
                "text": text,
                "met": judged.met if judged else False,
                "by": judged.by if judged else None,
                "at": rfc3339(judged.at) if judged else None,
                "evidence": words.get(judged.seq, {}).get("evidence") if judged else None,
            }
        )
    return found


def review(incident: Incident) -> Json:
    """Where the review stands; its text is read apart. What ended as a false alarm or was merged owes none."""
    known, owed = incident.review, incident.stage not in (FALSE_ALARM, MERGED)
    state = (
        "published" if known.published == known.version > 0
        else "approved" if known.approved == known.version > 0
        else "written" if known.version
        else "owed"
    )  # fmt: skip
    return {
        "state": state,
        "ask": list(incident.postmortem.get("ask", [])),
        "due": incident.postmortem.get("due") if owed else None,
        "due_at": known.due_at if owed else None,
        "owner": known.owner,
        "version": known.version,
        "authors": list(known.authors),
        "saved_at": rfc3339(known.saved_at) if known.saved_at else None,
        "saved_by": known.saved_by,
        "approved": known.approved,
        "approved_by": known.approved_by,
        "approved_at": rfc3339(known.approved_at) if known.approved_at else None,
        "published": known.published,
        "published_by": known.published_by,
        "published_at": rfc3339(known.published_at) if known.published_at else None,
    }


def shares(incident: Incident, now: datetime) -> list[Json]:
    return [
        {
            "id": s.id,
            "made_by": s.made_by,
            "made_at": rfc3339(s.made_at),
            "expires_at": rfc3339(s.expires_at),
            "state": "revoked" if s.revoked else "expired" if now >= s.expires_at else "live",
        }
        for s in incident.shares.values()
    ]


def next_update(incident: Incident) -> str | None:
    """
    When the next word is due (RFC 3339): as promised with the last update, else by the playbook's cadence.

    None where no cadence runs, or once it is resolved.
    """
    if incident.stage in (*STEPS[3:], "false-alarm", "merged"):
        return None
    if incident.next_update_at is not None:
        return incident.next_update_at
    cadences = [int(n["every_s"]) for n in incident.notices if n.get("remind") == "status-update" and "every_s" in n]
    if not cadences:
        return None
    return rfc3339((incident.updated_at or incident.declared_at) + timedelta(seconds=min(cadences)))


def next_decision(state: State, incident: Incident, now: datetime) -> Json | None:
    """
    What has to be decided next, ``{what, who, by, where}``: ``by`` RFC 3339 or None, ``where`` a part of the page.

    One at a time, the one that holds up the most first. None once nothing is left to decide.
    """
    if incident.stage in ("closed", "false-alarm", "merged"):
        return _follow_up(incident)
    offered = incident.offers.get(COMMANDER)
    if offered is not None:
        return _decision(f"Accept command, offered by {offered.by}?", offered.person, None, "people")
    if incident.commander is None:
        return _decision("Who takes command?", "anybody with the role commander", None, "people")
    waiting = [a for a in incident.actions.values() if a.state == "waiting"]
    if waiting:
        return _decision(f"Carry out action {waiting[0].number}: {waiting[0].words}?", "a responder", None, "actions")
    for id in incident.requests:
        request = state.requests[id]
        if is_open(request, now):
            who = f"somebody other than {request.asked_by}"
            return _decision(f"Approve restore {id}?", who, rfc3339(request.expires_at), "way-back")
        if request.next_due is not None:
            what = f"Stop restore {id}, or let its next step come?"
            return _decision(what, "any responder", rfc3339(request.next_due), "way-back")
    return _step(state, incident, now)


def _step(state: State, incident: Incident, now: datetime) -> Json | None:
    commander = incident.commander or "the commander"
    match incident.status:
        case "contained" | "declared" if incident.proven:
            return _decision("Has the harm stopped (mitigated)?", commander, None, "life")
        case "mitigated":
            blocked = blockers(state, incident, "resolved", now)
            if blocked:
                return _decision(f"Before it is resolved: {blocked[0]}", commander, None, "life")
            return _decision("Is it resolved?", commander, None, "life")
        case "resolved":
            what, who = _next_of_review(incident.review, commander)
            return _decision(what, who, incident.review.due_at, "review")
        case "reviewed":
            return _decision("Close it?", commander, None, "life")
    return None


def _next_of_review(review: Review, commander: str) -> tuple[str, str]:
    if not review.owner:
        return "Who owns the review?", commander
    if not review.version:
        return "Write the review", review.owner
    if review.approved != review.version:
        return f"Approve version {review.version} of the review?", "a commander who wrote none of it"
    return f"Publish version {review.version} of the review?", f"a commander other than {review.approved_by}"


def _follow_up(incident: Incident) -> Json | None:
    due = sorted(incident.open_tasks(follow_ups=True), key=lambda t: t.due_at or "9")
    if incident.stage != "closed" or not due:
        return None
    return _decision(f"Follow-up {due[0].number}", due[0].owner or "nobody yet", due[0].due_at, "tasks")


def _decision(what: str, who: str, by: str | None, where: str) -> Json:
    return {"what": what, "who": who, "by": by, "where": where}


def life(state: State, incident: Incident, now: datetime) -> list[Json]:
    """The steps of its life in order: reached when, or what still stands against the next ones."""
    found = []
    for name in STEPS:
        moment = incident.reached(name)
        typed = moment is None and not incident.ended and name in ("mitigated", "resolved", "closed")
        found.append(
            {
                "name": name,
                "reached": moment is not None,
                "at": rfc3339(moment.at) if moment is not None else None,
                "blocked": blockers(state, incident, name, now) if typed else [],
            }
        )
    return found


def status_after(incident: Incident, events: Sequence[Event]) -> str:
    """The status once these events of it are folded."""
    status = incident.status
    for event in events:
        match event.kind:
            case (
                "incident:life:mitigated" | "incident:life:resolved" | "incident:life:reviewed" | "incident:life:closed"
            ):
                status = event.kind.rpartition(":")[2]
            case "incident:life:ended":
                status = event.data["end"]
            case "incident:life:reopened":
                status = "contained" if incident.contained else "declared"
    return status
