"""
What stood where just before a kill, as one fact, so that "before" stays exact whatever the catalog becomes.

Pure. Takes only what the holds of the declaration reach; the whole decision table is named by its digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from incidents.blast import compare, with_holds
from incidents.events import EvidenceFrozen
from incidents.holds import LIVE, Hold, HoldKind
from incidents.snapshot import effective_cap, hold_keys, part, stage_in_force
from incidents.state import State

ROWS = 2_000  # more rows of access than this are counted, not listed
CONNECTORS: dict[str, Any] = {}  # what outside systems say of themselves; none is connected in this version


def freeze(
    state: State, holds: Sequence[Hold], points: Sequence[dict[str, Any]], digest: str, now: datetime, table: str
) -> EvidenceFrozen:
    """
    Args:
        state: Before the holds.
        digest: Of the decision table at that moment, as points confirm it.
        points: Rows of ``Points.overview``: what each enforcement point held, and when it was last seen.
        table: The table that the holds go to, live or shadow.
    """
    blast = compare(state, with_holds(state, holds), holds, now, table)
    partners = sorted({row["partner"] for row in blast.access} | {h.partner for h in holds if h.partner})
    flags = sorted({row["flag"] for row in blast.access} | {k[5:] for k in blast.entries if k.startswith("flag:")})
    models = sorted({flag.partition(":")[0] for flag in flags} | {h.model for h in holds if h.model})
    return EvidenceFrozen(
        revision=state.revision,
        table_digest=digest,
        ladder=list(state.catalog.stages),
        models={m: _model(state, m) for m in models if m in state.catalog.models},
        flags={f: _entry(state, f"flag:{f}") for f in flags if state.catalog.has_flag(f)},
        partners={p: _entry(state, f"partner:{p}") for p in partners if p in state.catalog.partners},
        access=[_granted(state, row, table) for row in blast.access[:ROWS]],
        holds=[_held(h) for h in state.holds.values() if not blast.reach.isdisjoint(hold_keys(state, h))],
        points=[_point(row) for row in points if row["standing"] != "retired"],
        connectors=dict(CONNECTORS),
        left_out=max(0, len(blast.access) - ROWS),
    )


def _model(state: State, id: str) -> dict[str, Any]:
    halted = any(h.kind is HoldKind.HALT for h in state.holds_on(f"model:{id}"))
    found = {"stage": state.catalog.models[id].stage, "stage_in_force": stage_in_force(state, id), "halted": halted}
    registry = state.catalog.models[id].registry
    return found | ({"registry": dict(registry)} if registry else {})


def _entry(state: State, key: str) -> Any:
    return part(state, [key], table=LIVE).live.get(key)


def _granted(state: State, row: dict[str, Any], table: str) -> dict[str, Any]:
    """With the cap that was in force, where there was one."""
    cap = effective_cap(state, row["partner"], row["flag"], table)
    return row | ({"cap": cap} if cap else {})


def _held(hold: Hold) -> dict[str, Any]:
    return {"hold": hold.id, "incident": hold.incident, "words": hold.words()}


def _point(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("name", "standing", "revision", "instances", "last_seen", "ask_live")}
