"""
The facts that texts name: one list for our own people, another for a partner, another for an authority.

A partner's list is made from what concerns that partner and nothing else, so no text can tell it about others. What is
not known is said to be unknown, and why; nothing is ever left blank. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incidents.blast import compare, with_holds, without_holds
from incidents.holds import LIVE, SHADOW, Hold
from incidents.life import Incident
from incidents.state import State
from playbooks.wording import CLOCK_FACTS

Facts = dict[str, str]
_NOTHING = "this incident took nothing from you that was not off already"
REASONS = {
    "partner-revoked": "all your access is revoked",
    "capability-off": "switched off",
    "region-off": "switched off in some regions",
    "model-halted": "the model is halted",
    "stage": "the model was moved back to a narrower audience",
}


@dataclass(frozen=True, slots=True)
class Said:
    """Free words of an incident as the log has them now; None where nobody wrote any, or where they were redacted."""

    title: str | None = None
    summary: str | None = None
    update: str | None = None


def unknown(why: str) -> str:
    return f"unknown: {why}"


def moment(at: datetime) -> str:
    """``2026-11-23 14:02:07 UTC``."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def of_incident(state: State, incident: Incident, said: Said, words: str) -> Facts:
    """What every text of ours may say about an incident."""
    proof = incident.contained
    standing = [Hold.read(incident.placed[h]).words() for h in incident.standing]
    return {
        "incident": incident.id,
        "title": said.title or unknown("its title was redacted"),
        "summary": said.summary or unknown("no summary was written, or it was redacted"),
        "severity": incident.severity,
        "status": incident.status,
        "kind": incident.kind,
        "playbook": incident.playbook,
        "declared_at": moment(incident.declared_at),
        "declared_by": _name(state, incident.declared_by),
        "held": _lines(standing) if standing else "- nothing (any more)" if incident.holds else "- nothing",
        "contained": _containment(incident),
        "contained_at": moment(proof.at) if proof is not None else unknown("it is not contained yet"),
        "words": words or unknown("nothing was added"),
        "update": said.update or unknown("no update has been posted"),
    }


def for_team(state: State, incident: Incident, said: Said, words: str, topic: str, page: str) -> Facts:
    """All but ``partners_affected``."""
    commander = incident.commander
    return of_incident(state, incident, said, words) | {
        "parameters": ", ".join(f"{k} {v}" for k, v in incident.parameters.items()) or "none",
        "moment": topic,
        "commander": _name(state, commander) if commander else unknown("nobody has taken command"),
        "update_at": moment(incident.updated_at) if incident.updated_at else unknown("no update has been posted"),
        "review_due": incident.review.due_at or unknown("no review is due yet"),
        "page": page,
    }


def for_authority(
    state: State,
    incident: Incident,
    said: Said,
    authority: str,
    sender: str,
    clock: Mapping[str, str],
    now: datetime,
) -> Facts:
    """``clock``: facts of the duty that it is owed under, by name; they go in as ``clock.<name>``."""
    known = dict.fromkeys(CLOCK_FACTS, unknown("no clock asked for this notice")) | dict(clock)
    return (
        of_incident(state, incident, said, "")
        | {"authority": clock.get("recipient", authority), "sender": sender or _no_sender()}
        | {"partners_affected": partners_affected(state, incident, now)}
        | {f"clock.{name}": value for name, value in known.items()}
    )


def for_partner(
    state: State, incident: Incident, partner: str, rows: Sequence[Mapping[str, Any]], sender: str
) -> Facts:
    """
    What one partner may read: its own access before and since, when, and how sure. No name of anything else.

    Args:
        rows: Those of ``concerning`` that are this partner's.
    """
    known = state.catalog.partners.get(partner)
    return {
        "partner.id": partner,
        "partner.title": (known.title if known is not None else "") or partner,
        "concerned": _lines([_access(row) for row in rows])
        if rows
        else unknown("this incident took nothing from you that was not off already"),
        "since": moment(incident.ordered_at) if incident.ordered_at else unknown("nothing was taken out of service"),
        "proven": _proven(incident),
        "reference": reference(incident.id, partner),
        "sender": sender or _no_sender(),
    }


def concerning(state: State, incident: Incident, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """By partner: the rows of ``blast`` that say what all holds of the incident took from it, lifted ones included."""
    table = SHADOW if incident.kind == "drill" and state.drills.mode_of(incident.id) != "live" else LIVE
    holds = [Hold.read(placed) for placed in incident.placed.values()]
    before = without_holds(state, incident.holds)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in compare(before, with_holds(before, holds), holds, now, table).access:
        found.setdefault(row["partner"], []).append(row)
    return found


def reference(incident: str, partner: str) -> str:
    """What a partner can quote without learning an incident's name; always the same for the two."""
    return hashlib.sha256(f"{incident} {partner}".encode()).hexdigest()[:10].upper()


def _access(row: Mapping[str, Any]) -> str:
    model, _, capability = str(row["flag"]).partition(":")
    became = REASONS.get(row["after"], "limited")
    if row.get("cap_after") != row.get("cap_before") and row["after"] == row["before"]:
        became = "limited to fewer uses"
    return f"{capability} on {model}: {became}"


def _proven(incident: Incident) -> str:
    proof = incident.contained
    if proof is None:
        return unknown("not every gateway has confirmed it yet")
    return f"since {moment(proof.at)}: every gateway has confirmed it, or may not answer at all"


def _containment(incident: Incident) -> str:
    proof = incident.contained
    if proof is None:
        return "not contained yet" if incident.holds else "nothing is held"
    lapsed = proof.total - proof.confirmed
    rest = f", {lapsed} by lapsing" if lapsed else ""
    return f"contained since {moment(proof.at)}: {proof.confirmed} of {proof.total} points confirmed{rest}"


def partners_affected(state: State, incident: Incident, now: datetime) -> str:
    """Costs a comparison of all grants, so only texts that name it have it worked out."""
    count = len(concerning(state, incident, now))
    return f"{count} partner{'' if count == 1 else 's'}" if incident.holds else "none: nothing was held"


def _name(state: State, person: str) -> str:
    known = state.catalog.people.get(person)
    return (known.name if known is not None else "") or person


def _lines(words: list[str]) -> str:
    return "\n".join(f"- {line}" for line in words)


def _no_sender() -> str:
    return unknown("ANDON_ORGANISATION is not set")
