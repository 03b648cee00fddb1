"""
Who could use what before an incident, and who can now: stages, flags, and every grant that the incident touched.

Pure. "Before" is what was frozen into the incident, so it stays exact whatever the catalog becomes; "now" is the
decision table at this moment, with whatever any incident holds. From when to when something was off is read from the
incident's own holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.blast import Blast, compare, without_holds
from incidents.clock import rfc3339
from incidents.events import Event
from incidents.holds import LIVE, SHADOW, Hold, HoldKind
from incidents.snapshot import Snapshot, effective_cap, part, stage_in_force
from incidents.state import Incident, State

Json = dict[str, Any]
Span = tuple[datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Held:
    """
    One hold of the incident, and from when to when it stood (``lifted_at`` None: it stands). ``eased``: from which
    moment on it spared whom, in order.
    """

    hold: Hold
    placed_at: datetime
    lifted_at: datetime | None
    eased: tuple[tuple[datetime, tuple[str, ...]], ...] = ()

    def spans(self, partner: str) -> list[Span]:
        """When it bound that partner."""
        found: list[Span] = []
        since: datetime | None = self.placed_at
        for at, spared in self.eased if self.hold.can_spare else ():
            if partner in spared and since is not None:
                found.append((since, at))
                since = None
            elif partner not in spared and since is None:
                since = at
        return found if since is None else [*found, (since, self.lifted_at)]

    def wire(self) -> Json:
        return {
            "hold": self.hold.id,
            "target": self.hold.target,
            "words": self.hold.words(),
            "kind": self.hold.kind.value,
            "from": rfc3339(self.placed_at),
            "to": rfc3339(self.lifted_at) if self.lifted_at else None,
        }


def exposure(state: State, snapshot: Snapshot, incident: Incident, lines: Sequence[Event], now: datetime) -> Json:
    """
    ``{exact, left_out, models, flags, access, holds}``, what stood before beside what stands now.

    ``access`` has a row per grant whose answer or cap the incident changed: ``{partner, title, audience, flag, before,
    now, cap_before, cap_now, lost, dark, held_by}``. ``before`` and ``now`` are decision reasons, ``lost`` says that it
    was allowed before and was taken away, ``dark`` when that was, ``[{from, to}]``. ``exact`` is False for an incident
    that froze nothing: then "before" is the table of now without this incident's holds.

    Args:
        snapshot: The table of ``state``.
        lines: All the incident's own events.
    """
    table = SHADOW if incident.kind == "drill" and state.drills.mode_of(incident.id) != "live" else LIVE
    held = _held(lines)
    frozen = [line.data for line in lines if line.kind == ev.EvidenceFrozen.kind]
    before = _merged(frozen) if frozen else _without(state, incident, now, table)
    look = _reader(snapshot, table)
    return {
        "exact": bool(frozen),
        "left_out": sum(int(data.get("left_out", 0)) for data in frozen),
        "models": [_model(state, id, was, table) for id, was in sorted(before["models"].items())],
        "flags": [
            {"flag": id, "before": was, "now": look(f"flag:{id}"), "held_by": _holders(state, id, table)}
            for id, was in sorted(before["flags"].items())
        ],
        "access": [_access(state, snapshot, row, before["partners"], held, table, now) for row in before["access"]],
        "holds": [h.wire() for h in held],
    }


def _held(lines: Sequence[Event]) -> list[Held]:
    """In the order in which they were placed."""
    lifted = {line.data["hold"]: line.at for line in lines if line.kind == ev.HoldLifted.kind}
    eased: dict[str, list[tuple[datetime, tuple[str, ...]]]] = {}
    for line in lines:
        if line.kind == ev.HoldEased.kind:
            eased.setdefault(line.data["hold"], []).append((line.at, tuple(line.data["partners"])))
    placed = [line for line in lines if line.kind == ev.HoldPlaced.kind]
    found = [(Hold.read(line.data["hold"]), line.at) for line in placed]
    return [Held(hold, at, lifted.get(hold.id), tuple(eased.get(hold.id, ()))) for hold, at in found]


def _merged(frozen: Sequence[Json]) -> Json:
    """What each thing was before the incident touched it for the first time."""
    found: Json = {"models": {}, "flags": {}, "partners": {}}
    access: dict[tuple[str, str], Json] = {}
    for data in frozen:
        for name in found:
            found[name] = data[name] | found[name]
        for row in data["access"]:
            access.setdefault((row["partner"], row["flag"]), row)
    return found | {"access": list(access.values())}


def _without(state: State, incident: Incident, now: datetime, table: str) -> Json:
    """The table as it would be without what the incident still holds."""
    holds = [state.holds[h] for h in incident.standing]
    apart = without_holds(state, incident.standing)
    blast = compare(apart, state, holds, now, table) if holds else Blast({}, [])
    models = {m: _stage(apart, m, table) for m in blast.models() if m in apart.catalog.models}
    flags = {f: part(apart, [f"flag:{f}"]).live.get(f"flag:{f}") for f in blast.flags()}
    return {"models": models, "flags": flags, "partners": {}, "access": blast.access}


def _reader(snapshot: Snapshot, table: str) -> Callable[[str], Any]:
    return lambda key: snapshot.shadow.get(key, snapshot.live.get(key)) if table == SHADOW else snapshot.live.get(key)


# --- models ---------------------------------------------------------------------------------------------------------


def _model(state: State, id: str, was: Json, table: str) -> Json:
    """``now`` None: it has left the catalog."""
    known = id in state.catalog.models
    return {
        "model": id,
        "before": {"stage": was["stage_in_force"], "halted": was["halted"]},
        "now": _now(_stage(state, id, table)) if known else None,
        "held_by": sorted({h.incident for h in state.holds_on(f"model:{id}", table)}),
    }


def _stage(state: State, id: str, table: str) -> Json:
    halted = any(h.kind is HoldKind.HALT for h in state.holds_on(f"model:{id}", table))
    return {"stage_in_force": stage_in_force(state, id, table), "halted": halted}


def _now(stage: Json) -> Json:
    return {"stage": stage["stage_in_force"], "halted": stage["halted"]}


def _holders(state: State, flag: str, table: str) -> list[str]:
    targets = (f"flag:{flag}", f"capability:{flag.partition(':')[2]}")
    return sorted({h.incident for target in targets for h in state.holds_on(target, table)})


# --- grants ---------------------------------------------------------------------------------------------------------


def _access(
    state: State, snapshot: Snapshot, row: Json, partners: Json, held: Sequence[Held], table: str, now: datetime
) -> Json:
    partner, flag = row["partner"], row["flag"]
    model, _, capability = flag.partition(":")
    known = state.catalog.partners.get(partner)
    audience = known.audience if known else (partners.get(partner) or {}).get("audience", "")
    decision = snapshot.decide(partner, model, capability, now=now, table=table)
    binding = [h for h in held if _binds(state, h.hold, partner, audience, flag)]
    lost = row["before"] == "granted" and row["after"] != "granted"
    found = {
        "partner": partner,
        "title": known.title if known and known.title else partner,
        "audience": audience,
        "flag": flag,
        "before": row["before"],
        "now": decision.reason,
        "lost": lost,
        "dark": _merged_spans(binding, partner) if lost else [],
        "held_by": list(decision.held_by) if table == LIVE else sorted({h.hold.incident for h in binding}),
    }
    if "cap_before" in row:
        found |= {"cap_before": row["cap_before"], "cap_now": effective_cap(state, partner, flag, table)}
    return found


def _binds(state: State, hold: Hold, partner: str, audience: str, flag: str) -> bool:
    """Does a hold keep this grant from being allowed?"""
    model, _, capability = flag.partition(":")
    here = hold.model in (None, model) and hold.capability == capability
    match hold.kind:
        case HoldKind.PARTNER:
            return hold.partner == partner
        case HoldKind.FLAG | HoldKind.CAPABILITY:
            return here
        case HoldKind.HALT:
            return hold.model == model
        case HoldKind.STAGE:
            return hold.model == model and not _admits(state.catalog.stages, audience, hold.at_most or "")
        case HoldKind.CAP:
            return here and hold.partner in (None, partner) and 0 in hold.cap.values()
        case HoldKind.PROMOTION:
            return False


def _admits(ladder: Sequence[str], audience: str, stage: str) -> bool:
    return audience in ladder and stage in ladder and ladder.index(audience) <= ladder.index(stage)


def _merged_spans(held: Iterable[Held], partner: str) -> list[Json]:
    """When at least one of them bound the partner, overlapping times as one; ``to`` None: it still does."""
    spans: list[Span] = []
    for start, end in sorted((span for h in held for span in h.spans(partner)), key=lambda span: span[0]):
        if spans and (spans[-1][1] is None or start <= spans[-1][1]):
            last = spans[-1][1]
            spans[-1] = (spans[-1][0], None if last is None or end is None else max(last, end))
        else:
            spans.append((start, end))
    return [{"from": rfc3339(start), "to": rfc3339(end) if end else None} for start, end in spans]
