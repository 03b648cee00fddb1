"""
The plan of a way back: which holds go in which step, what each partner has then, and at which stage and caps.

Equal plans have equal digests; that is what an approval binds. Nothing here decides who may ask or approve, or when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from incidents.blast import Blast, compare, reached, sparing, without_holds
from incidents.decisions.restore_telling import gained, tell
from incidents.errors import Invalid, nearest
from incidents.holds import LIVE, SHADOW, Hold
from incidents.snapshot import effective_cap, hold_keys, stage_in_force
from incidents.state import Incident, RestoreRequest, State

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """
    How it is wanted back: only some actions' holds, one partner first, by break-glass.

    ``soak_s``: seconds between the canary partner and the rest; it goes with ``canary`` alone.
    """

    only: tuple[int, ...] = ()
    canary: str | None = None
    soak_s: int = 0
    break_glass: bool = False

    @classmethod
    def of(cls, plan: Json) -> Way:
        """As a plan was asked for. One of before there were steps means everything at once."""
        return cls(
            only=tuple(int(hold["action"]) for hold in plan["holds"]),
            canary=plan.get("canary"),
            soak_s=plan.get("soak_s", 0),
            break_glass=plan.get("break_glass", False),
        )


def plan_of(state: State, incident: Incident, way: Way, now: datetime) -> Json:
    """
    What the way back would do, as plain JSON.

    ``holds`` in order; ``entries`` and ``access`` before and after, all steps together; ``steps``, each with what it
    lifts and spares, what changes and what partners are told; ``partners`` with the step in which they get something
    back, the stage and the caps; ``others``, holds of others on the same things, which stay; the playbook's ``checks``
    and ``approvals``, or what break-glass has ``waived`` of them.

    Raises:
        Invalid: The canary is unknown, gains nothing in the first step, or is the only one who gains.
    """
    holds = [state.holds[h] for h in incident.standing if not way.only or state.holds[h].action in way.only]
    table = holds[0].table if holds else LIVE
    after = without_holds(state, _ids(holds))
    whole = compare(state, after, holds, now, table)
    steps = _steps(state, holds, way, whole, now, table)
    partners = _partners(after, steps, table)
    caps = {(p["partner"], row["flag"]): row["cap"] for p in partners for row in p["access"]}
    for step, told in zip(steps, tell(steps, caps), strict=True):
        step["tell"] = told
    asked = incident.restore
    checks, approvals = list(asked.get("checks", [])), max(1, int(asked.get("approvals", 1)))
    return {
        "incident": incident.id,
        "holds": [_hold(h) for h in holds],
        "entries": _entries(whole),
        "access": whole.access,
        "checks": [] if way.break_glass else checks,
        "approvals": 1 if way.break_glass else approvals,
        "canary": way.canary,
        "soak_s": way.soak_s,
        "break_glass": way.break_glass,
        "waived": {"checks": checks, "approvals": approvals - 1} if way.break_glass else None,
        "steps": steps,
        "partners": partners,
        "others": others_on(state, holds, whole.access, table),
    }


def digest_of(plan: Json) -> str:
    """SHA-256 of the plan's canonical JSON (RFC 8785), hex."""
    return hashlib.sha256(rfc8785.dumps(plan)).hexdigest()


def still_is(state: State, request: RestoreRequest, now: datetime) -> bool:
    """Would the request's plan come out the same now? One of an older version is compared in what it says."""
    try:
        plan = plan_of(state, state.incidents[request.incident], Way.of(request.plan), now)
    except Invalid:  # the canary would gain nothing any more
        return False
    return digest_of({name: value for name, value in plan.items() if name in request.plan}) == request.plan_digest


def what_changed(state: State, request: RestoreRequest, now: datetime) -> str:
    """The first access that would come out otherwise, as ``: ...``; "" where it is something else that changed."""
    incident, only = state.incidents[request.incident], Way.of(request.plan).only
    return _first_difference(request.plan["access"], plan_of(state, incident, Way(only=only), now)["access"])


def canaries_of(state: State, incident: Incident, now: datetime) -> list[str]:
    """Partners that a restore of all that stands could begin with: they would gain something, and not alone."""
    holds = [state.holds[h] for h in incident.standing]
    if not holds:
        return []
    blast = compare(state, without_holds(state, _ids(holds)), holds, now, holds[0].table)
    bound_to = {hold.partner for hold in holds}
    return sorted({row["partner"] for row in blast.access if gained(row)} - (bound_to if len(bound_to) == 1 else set()))


# --- steps ----------------------------------------------------------------------------------------------------------


def _steps(state: State, holds: Sequence[Hold], way: Way, whole: Blast, now: datetime, table: str) -> list[Json]:
    if way.canary is None:
        return [_step(1, "everything", 0, holds, None, whole)] if holds else []
    _check_known(state, way.canary)
    own = [h for h in holds if h.partner == way.canary]
    rest = [h for h in holds if h.partner != way.canary]
    eased = [h for h in rest if h.can_spare and h.binds(way.canary)]
    between = carried_out(state, own, eased, way.canary)
    first = compare(state, between, [*own, *eased], now, table)
    _check_canary(state, way.canary, first, rest, whole, table)
    second = compare(between, without_holds(between, _ids(rest)), rest, now, table)
    spare = {"partner": way.canary, "holds": [_hold(h) for h in eased]}
    return [
        _step(1, f"{way.canary} first", 0, own, spare, first),
        _step(2, "everybody else", way.soak_s, rest, None, second),
    ]


def _step(number: int, title: str, after_s: int, lift: Sequence[Hold], spare: Json | None, blast: Blast) -> Json:
    return {
        "number": number,
        "title": title,
        "after_s": after_s,
        "lift": [_hold(h) for h in lift],
        "spare": spare,
        "entries": _entries(blast),
        "access": blast.access,
        "tell": [],
    }


def _hold(hold: Hold) -> Json:
    return {"hold": hold.id, "action": hold.action, "words": hold.words()}


def _entries(blast: Blast) -> list[Json]:
    return [{"key": k, "before": was, "after": becomes} for k, (was, becomes) in blast.entries.items()]


def _ids(holds: Iterable[Hold]) -> list[str]:
    return [hold.id for hold in holds]


def carried_out(state: State, lift: Iterable[Hold], spare: Iterable[Hold], partner: str) -> State:
    """The state once a step was carried out; the original is left alone."""
    after = without_holds(state, _ids(lift))
    return sparing(after, _ids(spare), partner) if partner else after


def _check_known(state: State, canary: str) -> None:
    if canary not in state.catalog.partners:
        hint = nearest(canary, state.catalog.partners)
        raise Invalid.at("canary", f"unknown partner '{canary[:80]}'.{hint} The canary is a partner of the catalog.")


def _check_canary(state: State, canary: str, first: Blast, rest: Sequence[Hold], whole: Blast, table: str) -> None:
    if not any(map(gained, first.access)):
        able = sorted({row["partner"] for row in whole.access if gained(row)} - {canary})
        other = f", or with another one: {', '.join(able[:5])}" if able else ""
        message = f"{canary} would get nothing back in the first step{_why(state, canary, whole, table)}"
        raise Invalid.at("canary", f"{message}; ask without a canary{other}", code="canary-gains-nothing")
    if not rest:
        message = f"all that would be given back is {canary}'s alone, so nobody is left to wait; ask without a canary"
        raise Invalid.at("canary", message, code="canary-is-all")


def _why(state: State, canary: str, whole: Blast, table: str) -> str:
    """What keeps it out all the same, where these holds concern it at all."""
    rows = [row for row in whole.access if row["partner"] == canary and row["after"] != "granted"]
    if rows:
        return f" ({rows[0]['flag']} would still be {rows[0]['after']})"
    revoked = any(True for _ in state.holds_on(f"partner:{canary}", table))
    return " (another incident has revoked it)" if revoked else " (these holds take nothing from it)"


# --- who has what afterwards ----------------------------------------------------------------------------------------


def _partners(after: State, steps: Sequence[Json], table: str) -> list[Json]:
    """Per partner: the first step in which it gets something back, and each flag with stage and caps afterwards."""
    found: dict[str, Json] = {}
    for step in steps:
        for row in filter(gained, step["access"]):
            partner, flag = row["partner"], row["flag"]
            known = found.setdefault(partner, {"partner": partner, "step": step["number"], "access": []})
            stage = stage_in_force(after, flag.partition(":")[0], table, partner)
            known["access"].append({"flag": flag, "stage": stage, "cap": effective_cap(after, partner, flag, table)})
    return [found[partner] for partner in sorted(found)]


def others_on(state: State, holds: Sequence[Hold], access: Iterable[Json], table: str) -> list[Json]:
    """Holds besides these on the same things: on what these bind, and on whatever the access goes through."""
    own = set(_ids(holds))
    keys = {key for hold in holds for key in hold_keys(state, hold)}
    for row in access:
        keys |= reached(f"{row['partner']}:{row['flag']}")
    tables = (LIVE,) if table == LIVE else (LIVE, SHADOW)
    return [
        {"hold": hold.id, "incident": hold.incident, "words": hold.words()}
        for hold in state.holds.values()
        if hold.id not in own and hold.table in tables and not keys.isdisjoint(hold_keys(state, hold))
    ]


# --- is what remains still what was approved? -----------------------------------------------------------------------


def new_others(state: State, request: RestoreRequest) -> list[Json]:
    """Holds on the plan's things that were not there when it was approved."""
    placed = state.incidents[request.incident].placed
    holds = [Hold.read(placed[h["hold"]]) for h in request.plan["holds"]]
    known = {row["hold"] for row in request.plan["others"]}
    found = others_on(state, holds, request.plan["access"], holds[0].table)
    return [row for row in found if row["hold"] not in known]


def difference(state: State, request: RestoreRequest) -> str | None:
    """
    What the remaining steps would do that was not approved, or no longer do, in words; None if they are the same.

    Worked out for the moment at which the plan was made, so that the time that has passed is not taken for a change.
    All that time can do is end a grant, which gives back less than was approved and never more (see ``ended``).
    """
    for step in request.steps[len(request.done) :]:
        spare = step["spare"] or {"partner": "", "holds": []}
        named = [h["hold"] for h in (*step["lift"], *spare["holds"])]
        if gone := [h for h in named if h not in state.holds]:
            return f"hold {gone[0]} no longer stands"
        lift, eased = ([state.holds[h["hold"]] for h in rows] for rows in (step["lift"], spare["holds"]))
        after = carried_out(state, lift, eased, spare["partner"])
        blast = compare(state, after, [*lift, *eased], request.asked_at, (lift + eased)[0].table)
        found = {"entries": _entries(blast), "access": blast.access}
        if digest_of(found) != digest_of({name: step[name] for name in found}):
            differs = _first_difference(step["access"], blast.access)
            return f"step {step['number']} would do something else now{differs}"
        state = after
    return None


def ended(state: State, request: RestoreRequest, step: Json, now: datetime) -> list[dict[str, str]]:
    """``{partner, flag, expires}`` of what a step would give back if its grant had not run out since the asking."""
    found, since = [], request.asked_at.date().isoformat()
    for row in filter(gained, step["access"]):
        grant = state.catalog.grants.get(f"{row['partner']}:{row['flag']}")
        if grant is not None and since <= grant.expires < now.date().isoformat():
            found.append({"partner": row["partner"], "flag": row["flag"], "expires": grant.expires})
    return found


def _first_difference(before: Iterable[Json], now: Iterable[Json]) -> str:
    planned = {(row["partner"], row["flag"]): row["after"] for row in before}
    found = {(row["partner"], row["flag"]): row["after"] for row in now}
    for partner, flag in sorted({**planned, **found}):
        was, becomes = planned.get((partner, flag)), found.get((partner, flag))
        if was != becomes:
            return f": {partner} on {flag} would be {becomes or 'as it is'}, not {was or 'as it was'}"
    return ""
