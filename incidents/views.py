"""
What people and programs read: the state as plain JSON values. Pure; every surface shows the same views.

Incident ids stand in views for viewers and above only; partners and gateways get reasons alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from incidents import clock_views, notice_views
from incidents import incident_views as life_views
from incidents.blast import Blast, compare, without_holds
from incidents.catalog import Capability
from incidents.clock import rfc3339
from incidents.decisions.ghosts import may_lift_alone
from incidents.decisions.restore import is_open
from incidents.events import Event
from incidents.holds import LIVE, SHADOW, Hold, HoldKind
from incidents.ledger.search import Hit
from incidents.snapshot import Snapshot, effective_cap, hold_keys, stage_in_force
from incidents.state import Incident, RestoreRequest, State, Token
from incidents.timeline import place_of

Json = dict[str, Any]
SHOWN_BROKEN = timedelta(hours=24)


def names(state: State) -> dict[str, str]:
    """Person id -> name, for whoever the catalog knows."""
    return {p.id: p.name for p in state.catalog.people.values() if p.name}


def incident_row(incident: Incident, words: Mapping[str, str]) -> Json:
    """One line of a list."""
    return {
        "id": incident.id,
        "kind": incident.kind,
        "status": incident.status,
        "severity": incident.severity,
        "visibility": incident.visibility,
        "commander": incident.commander,
        "title": words.get("title", ""),
        "playbook": incident.playbook,
        "declared_at": rfc3339(incident.declared_at),
        "declared_by": incident.declared_by,
        "revision": incident.revision,
        "holds_standing": len(incident.standing),
        "holds": [Hold.read(incident.placed[h]).words_now() for h in incident.standing],
    }


def with_hits(rows: Sequence[Json], hits: Sequence[Hit]) -> list[Json]:
    """Lines of a list with where something was found in each, what shows most first."""
    found: dict[str, list[Json]] = {row["id"]: [] for row in rows}
    for hit in hits:
        found[hit.incident].append(
            {
                "seq": hit.seq,
                "kind": hit.kind,
                "field": hit.field,
                "place": place_of(hit.kind, hit.field),
                "snippet": hit.snippet,
                "marks": [list(mark) for mark in hit.marks],
            }
        )
    return [row | {"hits": found[row["id"]]} for row in rows]


def stands_open(incident: Incident) -> bool:
    """It has not ended, or something is held, or is ordered and not proven yet: an end lifts nothing."""
    return not incident.ended or bool(incident.standing) or incident.waits_for_proof


def dark(state: State) -> list[Json]:
    """
    What live holds keep from being used now, one row per thing, with every incident that holds it.

    A drill that holds a ghost partner, who consents, is not among them: nobody real is dark.

    ``what`` is partner, capability, model, cap or promotion; ``words`` says the strictest hold first.
    """
    found: dict[str, list[Hold]] = {}
    for hold in state.holds.values():
        if hold.table == LIVE and not may_lift_alone(state, state.incidents[hold.incident].kind, hold):
            found.setdefault(hold.target, []).append(hold)
    order = list(_DARK)
    rows = []
    for target, holds in found.items():
        holds.sort(key=lambda h: order.index(h.kind))
        rows.append(
            {
                "target": target,
                "what": _DARK[holds[0].kind],
                "partner": holds[0].partner,
                "model": holds[0].model,
                "capability": holds[0].capability,
                "words": list(dict.fromkeys(h.words_now() for h in holds)),
                "incidents": sorted({h.incident for h in holds}),
            }
        )
    return sorted(rows, key=lambda row: (list(_DARK.values()).index(str(row["what"])), str(row["target"])))


# From the strictest down; a model that is halted and rolled back is told as halted first.
_DARK = {
    HoldKind.PARTNER: "partner",
    HoldKind.CAPABILITY: "capability",
    HoldKind.FLAG: "capability",
    HoldKind.HALT: "model",
    HoldKind.STAGE: "model",
    HoldKind.CAP: "cap",
    HoldKind.PROMOTION: "promotion",
}


def incident_whole(state: State, incident: Incident, lines: Sequence[Event], containment: Json, now: datetime) -> Json:
    """Everything about one incident but its timeline. ``lines`` are all its events."""
    words = life_views.words_of(lines)
    said = words.get(incident.seq, {})
    return incident_row(incident, said) | {
        "summary": said.get("summary", ""),
        "playbook": {
            "id": incident.playbook,
            "title": incident.playbook_title,
            "version": incident.playbook_version,
            "digest": incident.playbook_digest,
        },
        "parameters": incident.parameters,
        "via": incident.via,
        "joined": incident.joined,
        "severity_since": rfc3339(incident.severity_since or incident.declared_at),
        "members": incident.members,
        "insiders": incident.insiders,
        "acknowledged_at": rfc3339(incident.acknowledged_at) if incident.acknowledged_at else None,
        "life": life_views.life(state, incident, now),
        "moments": life_views.moments(incident),
        "containment": containment,
        "actions": [_action(incident, n) for n in sorted(incident.actions)],
        "holds": [_hold(state, incident, h) for h in incident.holds],
        "tasks": [life_views.task(task, words, now) for task in incident.tasks.values()],
        "notices": notice_views.entries(incident, notice_views.messages(lines, state.outbox, {}), now),
        "clocks": clock_views.rows(state, incident, now),
        "clock_facts": clock_views.facts(state, incident, words),
        "roles": life_views.roles(incident),
        "exit": life_views.criteria(incident, words),
        "restore": incident.restore,
        "restores": [restore(state.requests[r], now) for r in incident.requests],
        "broken_glass": broken_glass(state, now, incident.id),
        "postmortem": life_views.review(incident),
        "updated_at": rfc3339(incident.updated_at) if incident.updated_at else None,
        "next_update_at": life_views.next_update(incident),
        "next_decision": life_views.next_decision(state, incident, now),
        "evidence": _frozen(incident, lines),
        "shares": life_views.shares(incident, now),
        "into": incident.into,
    }


def _frozen(incident: Incident, lines: Sequence[Event]) -> Json | None:
    """What stood where before the kill, as it was frozen."""
    return next((line.data for line in lines if line.seq == incident.frozen_seq), None)


def _action(incident: Incident, number: int) -> Json:
    action = incident.actions[number]
    found: Json = {"number": action.number, "name": action.name, "words": action.words, "state": action.state}
    return found | ({"because": action.because} if action.because else {})


def _hold(state: State, incident: Incident, id: str) -> Json:
    hold = Hold.read(incident.placed[id])
    lifted = incident.lifted.get(id)
    others = sorted({h.incident for h in state.holds_on(hold.target, hold.table)} - {incident.id})
    return {
        "id": id,
        "action": hold.action,
        "kind": hold.kind.value,
        "table": hold.table,
        "words": hold.words() if lifted else hold.words_now(),
        "standing": lifted is None,
        "lifted_at": rfc3339(lifted) if lifted else None,
        "also_held_by": others,
    }


def restore(request: RestoreRequest, now: datetime) -> Json:
    return {
        "id": request.id,
        "incident": request.incident,
        "state": "expired" if request.state == "open" and not is_open(request, now) else request.state,
        "asked_by": request.asked_by,
        "asked_at": rfc3339(request.asked_at),
        "expires_at": rfc3339(request.expires_at),
        "plan": request.plan,
        "plan_digest": request.plan_digest,
        "approvals": request.approvals,
        "approved_by": request.approved_by,
        "attested": request.attested,
        "break_glass": request.break_glass,
        "progress": _progress(request, now),
        "next_at": rfc3339(request.next_due) if request.next_due else None,
        "gave_back": bool(request.lifted or request.eased),
        "ended": request.ended,
        "stopped_because": request.stopped_because,
        "taken_back": request.taken_back,
        "settled_by": request.settled_by,
        "settled_at": rfc3339(request.settled_at) if request.settled_at else None,
    }


def _progress(request: RestoreRequest, now: datetime) -> list[Json]:
    """Per step ``done`` (and when), ``next`` (due when), ``later``, or ``dropped`` where it will not come any more."""
    coming = request.state == "running" or is_open(request, now)
    rows = []
    for number, step in enumerate(request.steps):
        at = request.done[number] if number < len(request.done) else None
        state = "done" if at else "later" if coming else "dropped"
        if not at and request.next_due is not None and number == len(request.done):
            state, at = "next", request.next_due
        rows.append({"number": step["number"], "state": state, "at": rfc3339(at) if at else None})
    return rows


def broken_glass(state: State, now: datetime, incident: str = "") -> list[Json]:
    """
    Break-glass restores of the last 24 hours, newest first: everybody has to see them.

    ``stoppable``: it is not over yet, so any one responder still stops it.
    """
    return [
        {
            "request": row.request,
            "incident": row.incident,
            "moment": row.moment,
            "stoppable": _stoppable(state.requests.get(row.request), now),
            "by": row.by,
            "at": rfc3339(row.at),
            "waived": row.waived,
        }
        for row in reversed(state.broken_glass)
        if now - row.at < SHOWN_BROKEN and incident in ("", row.incident)
    ]


def _stoppable(request: RestoreRequest | None, now: datetime) -> bool:
    return request is not None and restore(request, now)["state"] in ("open", "running")


def blast(found: Blast) -> Json:
    """The blast radius, for people and programs."""
    return {
        "flags": found.flags(),
        "partners": found.partners(),
        "models": [
            {"model": m, "before": found.entries[f"model:{m}"][0], "after": found.entries[f"model:{m}"][1]}
            for m in found.models()
        ],
        "access": found.access,
        "turned_off": found.turned(off=True),
        "entries": [{"key": k, "before": was, "after": becomes} for k, (was, becomes) in found.entries.items()],
    }


def before_and_now(state: State, incident: Incident, now: datetime) -> list[Json]:
    """What the incident's standing holds change, with whoever else holds the same thing."""
    holds = [state.holds[h] for h in incident.standing]
    if not holds:
        return []
    found = compare(without_holds(state, incident.standing), state, holds, now, holds[0].table)
    return [
        {"key": key, "before": was, "now": becomes, "held_by": _holders(state, key, holds[0].table)}
        for key, (was, becomes) in found.entries.items()
    ]


def _holders(state: State, key: str, table: str) -> list[str]:
    tables = (LIVE,) if table == LIVE else (LIVE, SHADOW)
    return sorted({h.incident for h in state.holds.values() if h.table in tables and key in hold_keys(state, h)})


# --- what there is --------------------------------------------------------------------------------------------------


def model(state: State, id: str) -> Json:
    known = state.catalog.models[id]
    holds = sorted(state.holds_on(f"model:{id}"), key=lambda h: h.id)
    return {
        "id": id,
        "title": known.title,
        "stage": known.stage,
        "stage_in_force": stage_in_force(state, id),
        "halted": any(h.kind is HoldKind.HALT for h in holds),
        "ladder": list(state.catalog.stages),
        "capabilities": sorted(c.id for c in state.catalog.capabilities.values() if id in c.models),
        "held_by": [{"incident": h.incident, "words": h.words_now()} for h in holds],
    }


def partner(state: State, id: str) -> Json:
    """Keys are counted, never shown."""
    known = state.catalog.partners[id]
    holds = sorted(state.holds_on(f"partner:{id}"), key=lambda h: h.id)
    return {
        "id": id,
        "title": known.title,
        "audience": known.audience,
        "keys": len(known.keys),
        "timezone": known.timezone,
        "ghost": known.ghost,
        "revoked": bool(holds),
        "grants": sorted(g.flag for g in state.catalog.grants.values() if g.partner == id),
        "held_by": [{"incident": h.incident, "words": h.words_now()} for h in holds],
    }


def grant(state: State, snapshot: Snapshot, id: str, now: datetime) -> Json:
    """A grant with the answer that it gives now (usage apart)."""
    known = state.catalog.grants[id]
    who, model_id, capability = id.split(":")
    decision = snapshot.decide(who, model_id, capability, now=now)
    return {
        "partner": who,
        "flag": known.flag,
        "model": model_id,
        "capability": capability,
        "terms": "accepted" if known.accepted else "pending",
        "expires": known.expires or None,
        "cap": effective_cap(state, who, known.flag),
        "allowed": decision.allowed,
        "reason": decision.reason,
        "held_by": list(decision.held_by),
    }


def capability(state: State, id: str) -> Json:
    known = state.catalog.capabilities[id]
    return _capability_base(known) | {"models": list(known.models)}


def _capability_base(known: Capability) -> Json:
    return {
        "id": known.id,
        "title": known.title,
        "on_silence": known.on_silence or "deny",
        "may": list(known.may),
        "may_not": list(known.may_not),
        "must_provide": list(known.must_provide),
        "cap": dict(known.cap),
    }


def flags(state: State, snapshot: Snapshot) -> list[Json]:
    """One row per capability flag, for a list."""
    granted: dict[str, int] = {}
    for found in state.catalog.grants.values():
        granted[found.flag] = granted.get(found.flag, 0) + 1
    rows = []
    for flag in state.catalog.flags():
        model_id, _, name = flag.partition(":")
        entry = snapshot.live.get(f"flag:{flag}", {})
        targets = (f"flag:{flag}", f"capability:{name}", f"model:{model_id}")
        rows.append(
            {
                "flag": flag,
                "model": model_id,
                "capability": name,
                "title": state.catalog.capabilities[name].title,
                "stage": stage_in_force(state, model_id),
                "off": "off" in entry,
                "halted": bool(snapshot.live.get(f"model:{model_id}", {}).get("halted")),
                "regions_off": entry.get("regions", []),
                "grants": granted.get(flag, 0),
                "held_by": sorted(
                    {h.incident for t in targets for h in state.holds_on(t) if h.kind is not HoldKind.PROMOTION}
                ),
            }
        )
    return rows


def flag_sheet(state: State, snapshot: Snapshot, flag: str, now: datetime, usage: Iterable[Json]) -> Json:
    """The guardrail sheet of one capability flag: what it may do, who has it, what holds it."""
    model_id, _, name = flag.partition(":")
    entry = snapshot.live.get(f"flag:{flag}", {})
    holds = [
        h for target in (f"flag:{flag}", f"capability:{name}", f"model:{model_id}") for h in state.holds_on(target)
    ]
    used = {(row["partner"], row["per"]): row["count"] for row in usage}
    grants = []
    for id in sorted(g.id for g in state.catalog.grants.values() if g.flag == flag):
        row = grant(state, snapshot, id, now)
        row["used"] = {per: used.get((row["partner"], per.removeprefix("per_")), 0) for per in row["cap"]}
        grants.append(row)
    return _capability_base(state.catalog.capabilities[name]) | {
        "flag": flag,
        "model": model(state, model_id),
        "off": "off" in entry or bool(snapshot.live.get(f"model:{model_id}", {}).get("halted")),
        "regions_off": entry.get("regions", []),
        "grants": grants,
        "held_by": [{"incident": h.incident, "words": h.words_now()} for h in sorted(holds, key=lambda h: h.id)],
    }


def token(row: Token) -> Json:
    """A token without its digest."""
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "person": row.person,
        "partner": row.partner,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "revoked": row.revoked,
    }
