"""
Drills as plain JSON values: lists, which playbook is overdue, and what the drills prove of each gateway. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from incidents.clock import rfc3339
from incidents.drill_runs import Confirmed, Mode, Run
from incidents.drills import Score
from incidents.events import DrillEnded, Event
from incidents.life import Incident
from incidents.state import Point, State
from playbooks.occurrences import Occurrence, Spec
from playbooks.schema import Playbook

Json = dict[str, Any]


def row(run: Run, title: str, made: Score | None) -> Json:
    """One line of a list."""
    return {
        "id": run.drill,
        "title": title,
        "playbook": run.playbook,
        "playbook_version": run.playbook_version,
        "mode": run.mode,
        "parameters": run.parameters,
        "announced": run.announced,
        "occurrence": run.occurrence,
        "compress": run.compress,
        "started_at": rfc3339(run.started_at),
        "started_by": run.started_by,
        "ends_at": rfc3339(run.ends_at),
        "running": run.running,
        "how": run.how or None,
        "because": run.because or None,
        "ended_at": rfc3339(run.ended_at) if run.ended_at else None,
        "equal": run.equal,
        "left": run.left,
        "real": run.real,
        "people": [{"person": person, "part": part} for person, part in run.people.items()],
        "score": made.wire() if made is not None else None,
    }


def exercised(state: State, days: int, now: datetime, asks_live: Iterable[str] = ()) -> Json:
    """
    Was the kill switch pulled through every registered gateway within so many days?

    ``ok`` only if each has confirmed a drill that went through it, since it was registered; ``until``: so long that
    stays so without another drill. A gateway that keeps no copy and asks at every request confirms nothing, so it
    counts as not exercised: only a probe through it could tell.
    """
    since, live = now - timedelta(days=days), set(asks_live)
    rows = []
    for point in sorted(state.points.values(), key=lambda p: p.name):
        if point.retired or point.gone_seq is not None:
            continue
        last = state.drills.confirmed.get(point.name)
        because = _lacks(point, last, since, days, asks=point.name in live)
        until = last.at + timedelta(days=days) if last is not None and because is None else None
        rows.append(
            {
                "point": point.name,
                "registered_at": rfc3339(point.registered_at),
                "ok": because is None,
                "drill": last.drill if last else None,
                "mode": last.mode if last else None,
                "confirmed_at": rfc3339(last.at) if last else None,
                "until": rfc3339(until) if until is not None else None,
                "because": because or "confirmed a drill in time",
            }
        )
    ok = bool(rows) and all(r["ok"] for r in rows)
    return {
        "ok": ok,
        "days": days,
        "as_of": rfc3339(now),
        "until": min(str(r["until"]) for r in rows) if ok else None,
        "points": rows,
    }


def _lacks(point: Point, last: Confirmed | None, since: datetime, days: int, *, asks: bool) -> str | None:
    """Why a gateway is not proven; None where it is."""
    if last is not None and last.revision > point.seq and last.at >= since:
        return None
    if asks:
        return "it asks at every request and confirms nothing: only a probe through it could tell"
    if last is None:
        return "it has never confirmed a drill"
    if last.revision < point.seq:
        return f"it was registered anew on {point.registered_at:%Y-%m-%d}, after the last drill that went through it"
    return f"its last confirmed drill is more than {days} days ago"


def standing(state: State, books: Sequence[tuple[Playbook, str]], now: datetime) -> list[Json]:
    """
    Per playbook when it was last rehearsed to the end and when it is due, the most overdue first.

    ``stale``: what was rehearsed was another text of the playbook. Only a playbook with ``drill`` can be overdue; one
    that was never rehearsed is overdue from the first day.
    """
    rows = []
    for book, digest in books:
        last = _last(state, book.id)
        every = book.drill.every if book.drill is not None else None
        due = every.end(last.ended_at or last.started_at) if every is not None and last is not None else None
        overdue = every is not None and (due is None or due <= now)
        rows.append(
            {
                "playbook": book.id,
                "title": book.title,
                "every": str(every) if every is not None else None,
                "last": last.drill if last else None,
                "last_at": rfc3339(last.ended_at or last.started_at) if last else None,
                "due_at": rfc3339(due) if due is not None else None,
                "overdue": overdue,
                "never": last is None,
                "stale": last is not None and last.playbook_digest != digest,
            }
        )
    return sorted(rows, key=lambda r: (not r["overdue"], r["due_at"] or "", r["playbook"]))


def last_rehearsed(state: State) -> dict[str, datetime]:
    """Playbook -> when it was last rehearsed to the end; without those that never were."""
    runs = {playbook: _last(state, playbook) for playbook in {run.playbook for run in state.drills.runs.values()}}
    return {playbook: run.ended_at or run.started_at for playbook, run in runs.items() if run is not None}


def _last(state: State, playbook: str) -> Run | None:
    """A dry run shows a plan and rehearses nobody, so it does not count."""
    runs = (r for r in reversed(state.drills.runs.values()) if r.playbook == playbook)
    return next((r for r in runs if r.full and r.mode != Mode.DRY_RUN), None)


def coming(state: State, spec: Spec, following: Occurrence | None, *, told: bool) -> Json:
    """
    An entry of the schedule with what comes next of it, in its own zone.

    ``told``: whether the reader may know when; of an unannounced one only the control group may.
    """
    handled = [o for o in state.drills.occurrences.values() if o.schedule == spec.id]
    last = handled[-1] if handled else None
    when = following if told else None
    if not told:
        words = "unannounced"
    elif following is None:
        words = "never"
    else:
        words = f"{following.starts_at.astimezone(ZoneInfo(spec.zone)):%a %d %b %Y %H:%M} {spec.zone}"
    return {
        "schedule": spec.id,
        "playbook": spec.playbook,
        "mode": spec.mode,
        "due_at": rfc3339(when.due_at) if when else None,
        "starts_at": rfc3339(when.starts_at) if when else None,
        "unannounced": spec.unannounced,
        "last": {
            "occurrence": last.id,
            "due_at": last.due_at,
            "outcome": last.outcome,
            "because": last.because,
            "drill": last.drill,
        }
        if last
        else None,
        "words": words,
    }


def dated(spec: Spec, occurrence: str, starts_at: datetime, outcome: str) -> Json:
    """One occurrence of the schedule, for a calendar; ``outcome`` as in ``drill_runs``, empty while it lies ahead."""
    return {
        "occurrence": occurrence,
        "playbook": spec.playbook,
        "mode": spec.mode,
        "starts_at": rfc3339(starts_at),
        "lasts_s": spec.lasts_s,
        "unannounced": spec.unannounced,
        "outcome": outcome,
    }


def cut_short(lines: Sequence[Event]) -> Json:
    """How far a drill's containment had come when it ended before every gateway had confirmed."""
    rows = next((e.data.get("points") for e in reversed(lines) if e.kind == DrillEnded.kind), None) or []
    over = "the drill was over before it had confirmed"
    points = [{"instances": 0, "at": None, "because": "" if p["state"] == "confirmed" else over, **p} for p in rows]
    return {
        "points": points,
        "confirmed": len([p for p in points if p["state"] == "confirmed"]),
        "total": len(points),
        "may_serve": False,
    }


def comes_next(run: Run, incident: Incident, containment: Mapping[str, Any]) -> list[Json]:
    """For whoever runs it: what is still to come, the soonest first. Nothing once it is over."""
    if not run.running:
        return []
    found: list[Json] = []
    if incident.acknowledged_at is None:
        found.append({"what": "somebody acknowledges", "by": None, "who": None})
    if incident.commander is None:
        found.append({"what": "somebody takes command", "by": None, "who": None})
    waits = [p["name"] for p in containment["points"] if p["state"] not in ("confirmed", "lapsed")]
    if waits and incident.contained is None:
        more = f" and {len(waits) - 3} more" if len(waits) > 3 else ""
        said = f"confirmation from {', '.join(waits[:3])}{more}"
        found.append({"what": said, "by": containment.get("contained_by"), "who": None})
    for action in incident.actions.values():
        if action.state == "waiting":
            found.append({"what": f"a word on action {action.number}: {action.words}", "by": None, "who": None})
    for task in incident.open_tasks(follow_ups=False):
        found.append({"what": task.title or f"task {task.number}", "by": task.due_at, "who": task.owner or task.role})
    found.append({"what": "it ends by itself", "by": rfc3339(run.ends_at), "who": None})
    return sorted(found, key=lambda r: str(r["by"] or ""))
