"""
The filing pack of one clock: what the notice has to hold, filled in as far as the incident knows, and the evidence.

What nobody has recorded stands there as unknown with the reason, never as a blank. Pure; says nothing that the log does
not say, and sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from incidents.clock import readable, rfc3339
from incidents.clock_views import facts
from incidents.docket import Duty
from incidents.events import Event
from incidents.filing_document import markdown
from incidents.holds import Hold
from incidents.incident_views import words_of
from incidents.life import Incident
from incidents.notice_views import notice_state
from incidents.notices import NoticeState
from incidents.state import State
from incidents.timeline import Row
from playbooks.anchors import ANCHORS
from playbooks.regime_terms import Item, Terms

TURNING_POINTS = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """One item of a notice: ``text``, or why it is ``unknown``."""

    item: str
    text: str | None
    unknown: str | None = None


def known_facts(
    state: State, incident: Incident, lines: Sequence[Event], points: Sequence[Row], *, partner: str | None = None
) -> dict[str, tuple[str | None, str]]:
    """
    Every fact that a notice can be filled with: name -> (what is known, or None; why it is not).

    Args:
        points: The incident's timeline rows.
        partner: Say only what concerns this partner.
    """
    said = words_of(lines).get(incident.seq, {})
    gone = "it was redacted, or never written"
    found: dict[str, tuple[str | None, str]] = {
        "title": (said.get("title") or None, gone),
        "summary": (said.get("summary") or said.get("title") or None, gone),
        "severity": (incident.severity, ""),
        "playbook": (f"{incident.playbook_title} (version {incident.playbook_version})", ""),
        "declared": (_said(incident.declared_at), ""),
        "measures": (_measures(incident, partner), "nothing was held, and no measure was written down"),
        "containment": (_containment(incident), "containment is not proven yet"),
        "partners-affected": (_partners(incident, lines, partner), "no grant of a partner changed"),
        "timeline": (_turning_points(points), "nothing was recorded"),
        "conditions": (_answers(state, incident), "no question was answered"),
    }
    for name in ("partner", "model", "capability"):
        value = partner if name == "partner" and partner is not None else incident.parameters.get(name)
        found[name] = (value, f"the declaration named no {name}")
    for name, means in ANCHORS.items():
        moment = incident.docket.moment(name)
        found[name] = (_said(moment) if moment is not None else None, f"nobody has recorded when {means}")
    for name, answer in incident.docket.answers.items():
        found[name] = ("yes" if answer.yes else "no", "")
    return found


def answers(terms: Terms, duty: Duty, known: Mapping[str, tuple[str | None, str]]) -> list[Answer]:
    """The items of the notice in order, each with what is known."""
    deadline = terms.deadline(duty.name)
    return [_answer(item, known) for item in (deadline.content if deadline is not None else ())]


def _answer(item: Item, known: Mapping[str, tuple[str | None, str]]) -> Answer:
    if item.fill is None:
        return Answer(item.item, None, "no record of this incident holds it; a person has to find out")
    text, why = known.get(item.fill, (None, "the question was not answered"))
    return Answer(item.item, text, None if text else why)


def notice_facts(
    state: State, incident: Incident, duty: Duty, lines: Sequence[Event], points: Sequence[Row]
) -> dict[str, str]:
    """What a notice may say of the clock that asked for it, by name; see ``playbooks.wording.CLOCK_FACTS``."""
    terms = state.terms[incident.docket.taken[duty.regime].digest]
    deadline, due = terms.deadline(duty.name), _both(duty.due, terms)
    told = answers(terms, duty, known_facts(state, incident, lines, points))
    items = [f"{n}. {a.item}: {a.text or f'unknown: {a.unknown}'}" for n, a in enumerate(told, 1)]
    return {
        "title": deadline.title if deadline is not None else duty.name,
        "recipient": deadline.recipient if deadline is not None else "unknown: the register names none",
        "regime": terms.title,
        "source": terms.source,
        "due": f"{readable(due['utc'])} ({due['local']})" if due is not None else "unknown: no moment is set",
        "items": "\n".join(items) or "unknown: the register lists nothing that it has to say",
    }


def pack(
    state: State, incident: Incident, duty: Duty, lines: Sequence[Event], points: Sequence[Row], now: datetime
) -> dict[str, Any]:
    """
    The whole pack as JSON values; ``markdown`` is the same as a document.

    Times are UTC; the due moments are given in the recipient's zone too, because that is where the day ends.
    """
    terms = state.terms[incident.docket.taken[duty.regime].digest]
    deadline = terms.deadline(duty.name)
    words = words_of(lines)
    made: dict[str, Any] = {
        "clock": duty.id,
        "incident": incident.id,
        "simulated": incident.kind != "real",
        "regime": terms.title,
        "source": terms.source,
        "jurisdiction": terms.jurisdiction,
        "title": deadline.title if deadline is not None else duty.name,
        "recipient": deadline.recipient if deadline is not None else "",
        "state": duty.state(now),
        "due": _both(duty.due, terms),
        "latest": _both(duty.latest, terms),
        "basis": duty.basis,
        "receipt": words.get(duty.submitted_seq or 0, {}).get("receipt"),
        "late_because": words.get(duty.submitted_seq or 0, {}).get("late_because"),
        "items": [
            {"item": a.item, "text": a.text, "unknown": a.unknown}
            for a in answers(terms, duty, known_facts(state, incident, lines, points))
        ],
        "notice": _notice(incident, duty, words),
        "facts": facts(state, incident, words),
        "evidence": _evidence(lines, points),
        "log": {
            "ledger": state.ledger,
            "events": len(lines),
            "first_seq": lines[0].seq,
            "last_seq": lines[-1].seq,
            "last_digest": lines[-1].digest,
            "terms_digest": incident.docket.taken[duty.regime].digest,
        },
        "made_at": rfc3339(now),
    }
    return made | {"markdown": markdown(made)}


def _notice(incident: Incident, duty: Duty, words: Mapping[int, Mapping[str, str]]) -> dict[str, Any] | None:
    """The text that people have approved for it; of one that still waits, only that it does."""
    found = [
        draft for draft in incident.drafts.values() if draft.clock == duty.id and draft.state != NoticeState.REFUSED
    ]
    if not found:
        return None
    notice = found[-1]
    text = words.get(notice.text_seq or 0, {}) if not notice.waits else {}
    return {
        "id": notice.id,
        "state": notice_state(notice, None),
        "approved_by": [approval.person for approval in notice.approved],
        "digest": notice.digest if not notice.waits else None,
        "subject": text.get("subject"),
        "body": text.get("body"),
    }


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


# --- what is known --------------------------------------------------------------------------------------------------


def _measures(incident: Incident, partner: str | None) -> str | None:
    holds = [Hold.read(incident.placed[h]) for h in incident.holds]
    if partner is not None:
        holds = [h for h in holds if h.partner in (None, partner)]
    when = f" ({_said(incident.ordered_at)})" if incident.ordered_at else ""
    lines = [hold.words() + ("" if hold.id not in incident.lifted else ", lifted since") for hold in holds]
    return "; ".join(lines) + when if lines else None


def _containment(incident: Incident) -> str | None:
    known = incident.contained
    if known is None:
        return None
    return f"{known.confirmed} of {known.total} enforcement points confirmed within {known.ms} ms, {_said(known.at)}"


def _partners(incident: Incident, lines: Sequence[Event], partner: str | None) -> str | None:
    """Of the evidence frozen before the kill: whose access changed."""
    if partner is not None:
        return partner
    frozen = next((line.data for line in lines if line.seq == incident.frozen_seq), {})
    return ", ".join(sorted({row["partner"] for row in frozen.get("access", ())})) or None


def _turning_points(points: Sequence[Row]) -> str | None:
    """Of what happened and what was done, oldest first; the house's own deadlines are nobody else's matter."""
    told = [row for row in points if row.key and row.text and not row.kind.startswith("clocks:")]
    told.sort(key=lambda row: (row.at, row.seq))
    return (
        "\n".join(f"{row.at[:16].replace('T', ' ')} UTC: {row.text.splitlines()[0]}" for row in told[:TURNING_POINTS])
        or None
    )


def _answers(state: State, incident: Incident) -> str | None:
    given = [c for c in facts(state, incident)["conditions"] if c["answer"] is not None]
    return "\n".join(f"{c['question']} {c['answer']}" for c in given) or None


def _both(moment: datetime | None, terms: Terms) -> dict[str, str] | None:
    if moment is None:
        return None
    local = moment.astimezone(ZoneInfo(terms.counting.zone))
    return {"utc": rfc3339(moment), "local": f"{local:%a %d %b %Y %H:%M:%S} {terms.counting.zone}"}


def _evidence(lines: Sequence[Event], points: Sequence[Row]) -> list[dict[str, Any]]:
    """Turning points and clock facts of the log, each with the digest that the chain holds it by."""
    text = {row.seq: row.text for row in points}
    key = {row.seq for row in points if row.key}
    return [
        {"seq": e.seq, "at": rfc3339(e.at), "kind": e.kind, "text": text.get(e.seq, ""), "digest": e.digest}
        for e in lines
        if e.seq in key or e.kind.startswith("clocks:anchor") or e.kind.startswith("clocks:condition")
    ]
