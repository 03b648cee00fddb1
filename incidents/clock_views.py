"""
Clocks as people and programs read them: rows of a list, the facts that they run from, one clock whole. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents.clock import rfc3339
from incidents.decisions.clockfacts import conditions
from incidents.docket import Anchor, Duty, Move
from incidents.life import COMMANDER, Incident
from incidents.notice_views import notice_state
from incidents.state import State
from playbooks.anchors import ANCHORS
from playbooks.regime_terms import Deadline, Terms

Json = dict[str, Any]
Words = Mapping[int, Mapping[str, str]]
NOBODY: Words = {}


def row(state: State, incident: Incident, duty: Duty, now: datetime) -> Json:
    """One line of a list of clocks; times UTC, None where there is none."""
    terms = state.terms[incident.docket.taken[duty.regime].digest]
    deadline = terms.deadline(duty.name)
    role = owner_role(state, incident, duty)
    questions = conditions(state, incident)
    last = duty.history[-1] if duty.history else None
    return {
        "clock": duty.id,
        "incident": incident.id,
        "kind": incident.kind,
        "simulated": incident.kind != "real",
        "regime": duty.regime,
        "regime_title": terms.title,
        "name": duty.name,
        "occurrence": duty.occurrence,
        "title": _title(deadline, duty),
        "recipient": deadline.recipient if deadline is not None else "",
        "source": terms.source,
        "state": duty.state(now),
        "due": _at(duty.due),
        "latest": _at(duty.latest),
        "zone": terms.counting.zone,
        "starts": _at(duty.starts),
        "basis": duty.basis,
        "projected": duty.projected,
        "internal": duty.internal,
        "undated": deadline.undated if deadline is not None else None,
        "waits_for": _awaited(duty, terms),
        "asks": [{"condition": name, "question": questions.get(name, name)} for name in duty.asks],
        "sooner": [
            {"condition": name, "question": questions.get(name, name), "due": rfc3339(at)}
            for name, at in sorted(duty.sooner.items(), key=lambda item: item[1])
        ],
        "owner_role": role,
        "owner": _owner(incident, role),
        "moved_earlier": _moved_earlier(last),
        "was": _at(last.was) if last is not None else None,
        "missed_at": _at(duty.missed),
        "noticed_at": _at(duty.noticed_at),
        "submitted_at": _at(duty.submitted_at),
        "submitted_by": duty.submitted_by,
        "late": duty.late,
        "decided_at": _at(duty.decided_at),
        "decided_by": duty.decided_by,
        "stayed": duty.is_stayed(now),
        "stayed_until": _at(duty.stayed_until),
        "fell_away": _gone(duty, terms, questions),
        "note": deadline.note if deadline is not None else None,
    }


def still_owed(rows: Sequence[Json]) -> list[Json]:
    """Of which whoever closes their incident has to say that they go on; see ``decisions.life.clocks_left``."""
    owed = ("late", "running", "under-assessment")
    return [row for row in rows if row["state"] in owed and not row["internal"] and not row["simulated"]]


def owner_role(state: State, incident: Incident, duty: Duty) -> str:
    """Whose duty it is, as a role."""
    deadline = state.terms[incident.docket.taken[duty.regime].digest].deadline(duty.name)
    return deadline.owner if deadline is not None else COMMANDER


def rows(state: State, incident: Incident, now: datetime) -> list[Json]:
    """All clocks of one incident, what is due first on top, what is settled at the end."""
    made = [(duty, row(state, incident, duty, now)) for duty in incident.docket.duties.values()]
    made.sort(key=lambda pair: (pair[0].settled, pair[1]["due"] is None, pair[1]["due"] or "", pair[0].id))
    return [found for _, found in made]


def facts(state: State, incident: Incident, words: Words = NOBODY) -> Json:
    """Anchors with their candidates, conditions with their answers, regimes taken. ``words``: by sequence number."""
    docket = incident.docket
    asked = conditions(state, incident)
    return {
        "anchors": [_anchor(name, docket.anchors.get(name, Anchor()), words) for name in _anchors(state, incident)],
        "conditions": [_condition(incident, name, question, words) for name, question in asked.items()],
        "regimes": [
            {
                "regime": taken.regime,
                "title": taken.title,
                "version": taken.version,
                "because": taken.because,
                "taken_at": rfc3339(taken.at),
                "source": state.terms[taken.digest].source,
                "trigger": state.terms[taken.digest].trigger,
                "binds": state.terms[taken.digest].binds,
                "status": state.terms[taken.digest].status,
            }
            for taken in docket.taken.values()
        ],
    }


def whole(state: State, incident: Incident, duty: Duty, words: Words, now: datetime) -> Json:
    """One clock with its content, history and words."""
    terms = state.terms[incident.docket.taken[duty.regime].digest]
    deadline = terms.deadline(duty.name)
    return row(state, incident, duty, now) | {
        "content": [item.item for item in deadline.content] if deadline is not None else [],
        "trigger": terms.trigger,
        "binds": terms.binds,
        "regime_version": terms.version,
        "receipt": words.get(duty.submitted_seq or 0, {}).get("receipt"),
        "late_because": words.get(duty.submitted_seq or 0, {}).get("late_because"),
        "decision_reason": words.get(duty.decided_seq or 0, {}).get("reason"),
        "stay_reason": words.get(duty.stayed_seq or 0, {}).get("reason"),
        "history": [_line(move) for move in duty.history],
        "notice": _notice(incident, duty),
        "may_draft": _may_draft(incident, duty, deadline),
    }


def _may_draft(incident: Incident, duty: Duty, deadline: Deadline | None) -> bool:
    """Whether a person may ask for a notice: it would go to an authority, and there is none that stands."""
    stands = any(draft.clock == duty.id and draft.stands for draft in incident.drafts.values())
    return deadline is not None and deadline.authority and not duty.settled and not stands and incident.kind != "test"


def _notice(incident: Incident, duty: Duty) -> Json | None:
    """The notice that it has asked for, the newest one."""
    found = [draft for draft in incident.drafts.values() if draft.clock == duty.id]
    if not found:
        return None
    state = notice_state(found[-1], None)
    return {"id": found[-1].id, "state": state, "approvals_left": found[-1].approvals_left, "waits": found[-1].waits}


def in_words(state: str) -> str:
    """A state as it is said: ``not-reportable`` -> ``not reportable``."""
    return state.replace("-", " ")


# --- parts ----------------------------------------------------------------------------------------------------------


def _at(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None


def _title(deadline: Deadline | None, duty: Duty) -> str:
    title = deadline.title if deadline is not None else duty.name
    return f"{title} ({duty.occurrence})" if duty.occurrence > 1 else title


def _owner(incident: Incident, role: str) -> str | None:
    """Whoever has the role, else the commander."""
    holder = incident.holders.get(role) or incident.holders.get(COMMANDER)
    return holder.person if holder is not None else None


def _moved_earlier(last: Move | None) -> bool:
    return last is not None and last.was is not None and last.due is not None and last.due < last.was


def _awaited(duty: Duty, terms: Terms) -> str | None:
    """``until it was classified as major``."""
    if duty.waits_for is None:
        return None
    kind, _, name = duty.waits_for.partition(":")
    if kind == "report":
        report = terms.deadline(name)
        return f"until '{report.title if report is not None else name}' is submitted"
    return f"until {kind} is recorded: {ANCHORS.get(kind, kind)}"


def _gone(duty: Duty, terms: Terms, questions: Mapping[str, str]) -> str | None:
    """Why a duty is not owed, in words."""
    if duty.gone is None:
        return None
    kind, _, name = duty.gone.partition(":")
    match kind:
        case "condition":
            return f"answered no: {questions.get(name, name)}"
        case "follows":
            report = terms.deadline(name)
            return f"'{report.title if report is not None else name}' is not owed"
        case "over":
            return f"{name} before it fell due"
        case "withdrawn":
            return "the fact that it ran from was withdrawn"
        case "false-alarm":
            return "the incident was a false alarm"
        case "merged":
            return "the incident was merged; it goes on there"
    return duty.gone


def _anchors(state: State, incident: Incident) -> list[str]:
    """Those that its clocks run from, and whatever else was told, in the order of the vocabulary."""
    used = set(incident.docket.anchors)
    for taken in incident.docket.taken.values():
        for deadline in state.terms[taken.digest].deadlines:
            used |= {limit.start for limit in deadline.limits if limit.start}
            used |= {deadline.starts_with} if deadline.starts_with else set()
    return [name for name in ANCHORS if name in used]


def _anchor(name: str, known: Anchor, words: Words) -> Json:
    counts = known.counts
    chosen = known.chosen is not None and counts is not None and counts.id == known.chosen
    return {
        "anchor": name,
        "means": ANCHORS[name],
        "at": _at(counts.at) if counts is not None else None,
        "chosen": chosen,
        "contested": chosen and any(c.at < counts.at for c in known.standing) if counts is not None else False,
        "candidates": [
            {
                "id": c.id,
                "at": rfc3339(c.at),
                "zone": c.zone,
                "by": c.by,
                "recorded_at": rfc3339(c.recorded_at),
                "proposed": c.proposed,
                "withdrawn": c.withdrawn,
                "counts": counts is not None and c.id == counts.id,
                "evidence": words.get(c.seq, {}).get("evidence"),
            }
            for c in sorted(known.candidates, key=lambda c: (c.at, c.id))
        ],
    }


def _condition(incident: Incident, name: str, question: str, words: Words) -> Json:
    given = incident.docket.answers.get(name)
    return {
        "condition": name,
        "question": question,
        "answer": None if given is None else "yes" if given.yes else "no",
        "by": given.by if given is not None else None,
        "at": rfc3339(given.at) if given is not None else None,
        "evidence": words.get(given.seq, {}).get("evidence") if given is not None else None,
    }


def _line(move: Move) -> Json:
    return {
        "seq": move.seq,
        "at": rfc3339(move.at),
        "by": move.by,
        "was": _at(move.was),
        "due": _at(move.due),
        "because": move.because,
        "rules": move.rules,
    }
