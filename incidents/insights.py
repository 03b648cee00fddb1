"""
How fast things went, over many incidents: what leadership watches get better or worse.

Pure, from outlines of incidents. Drills, tests and what was real never stand in one figure. Medians and worst cases,
never averages: one night that went wrong must not disappear in twenty that went well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from incidents.clock import parse_rfc3339, rfc3339
from incidents.life import Over, outline
from incidents.state import State

Json = dict[str, Any]
MONTHS = 12  # how far a trend reaches back


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of an incident: ``of`` reads it from an outline, in seconds; None where it has none."""

    name: str
    words: str
    of: Callable[[Over], float | None]


MEASURES = (
    Measure("contain", "until it was contained", lambda o: o.contained_s),
    Measure("confirm", "until the last point confirmed", lambda o: o.confirmed_ms / 1000 if o.confirmed_ms else None),
    Measure("notify", "until somebody was told", lambda o: o.notified_s),
    Measure("restore", "until everything was given back", lambda o: o.restored_s),
)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of at least one value; ``share`` 0 to 1."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> Json | None:
    """``{count, p50, p90, worst}`` in seconds; None where there is nothing."""
    if not values:
        return None
    return {
        "count": len(values),
        "p50": round(percentile(values, 0.5), 3),
        "p90": round(percentile(values, 0.9), 3),
        "worst": round(max(values), 3),
    }


def outlines(state: State, hidden: Collection[str]) -> dict[str, Over]:
    """Every incident but the hidden ones. Quick, since nobody else may change the state meanwhile."""
    found = dict(state.over) | {id: outline(known) for id, known in state.incidents.items()}
    for id in hidden:
        found.pop(id, None)
    return found


def insights(known: Mapping[str, Over], *, kind: str, now: datetime, playbook: str = "", months: int = MONTHS) -> Json:
    """
    Figures of one kind (``real`` or ``drill``), over the last ``months`` whole and started months.

    ``measures``: name -> ``{words, all, slowest, months: [{month, spread}], playbooks: [{playbook, spread}]}``;
    ``slowest`` is the incident that took longest.
    """
    names = _months(now, months)
    chosen = {
        id: o
        for id, o in known.items()
        if o.kind == kind and o.declared_at is not None and _month(o.declared_at) in names and o.status != "false-alarm"
    }
    mine = {id: o for id, o in chosen.items() if playbook in ("", o.playbook)}
    return {
        "kind": kind,
        "playbook": playbook,
        "months": names,
        "incidents": len(mine),
        "playbooks": sorted({o.playbook for o in chosen.values()}),
        "by_severity": _counts(o.severity for o in mine.values()),
        "by_month": [{"month": m, "count": sum(_month(o.declared_at) == m for o in mine.values())} for m in names],
        "measures": {m.name: _measured(m, mine, names) for m in MEASURES},
    }


def _measured(measure: Measure, mine: Mapping[str, Over], months: Sequence[str]) -> Json:
    took = {id: v for id, o in mine.items() if (v := measure.of(o)) is not None}
    values = [(mine[id], v) for id, v in took.items()]
    return {
        "words": measure.words,
        "all": spread([v for _, v in values]),
        "slowest": max(took, key=lambda id: took[id], default=None),
        "months": [
            {"month": month, "spread": spread([v for o, v in values if _month(o.declared_at) == month])}
            for month in months
        ],
        "playbooks": [
            {"playbook": name, "spread": spread([v for o, v in values if o.playbook == name])}
            for name in sorted({o.playbook for o, _ in values})
        ],
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in sorted(values):
        found[value] = found.get(value, 0) + 1
    return found


def _month(at: datetime | None) -> str:
    return f"{at:%Y-%m}" if at is not None else ""


def _months(now: datetime, count: int) -> list[str]:
    """``2026-11`` and those before it, the oldest first."""
    first = now.year * 12 + now.month - 1
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first - count + 1, first + 1)]


def overdue_follow_ups(state: State, now: datetime, hidden: Collection[str]) -> list[Json]:
    """Open follow-ups past their time, the oldest first; their words stand in event ``seq``."""
    found = [
        {"incident": i.id, "number": t.number, "owner": t.owner, "due_at": t.due_at, "seq": t.seq, "status": i.status}
        for i in state.incidents.values()
        if i.kind == "real" and i.id not in hidden
        for t in i.open_tasks(follow_ups=True)
        if t.due_at and parse_rfc3339(t.due_at) <= now
    ]
    return sorted(found, key=lambda row: str(row["due_at"]))


def drilled(last: Mapping[str, datetime], playbooks: Mapping[str, float | None], now: datetime) -> list[Json]:
    """
    When each playbook was last drilled to the end, those that never were first.

    Args:
        last: Id -> when, of those that ever were; as ``drill_views.last_rehearsed`` counts it.
        playbooks: Id -> how often it should be, in seconds; None where its file does not say.
    """
    rows = [
        {
            "playbook": id,
            "last_at": rfc3339(last[id]) if id in last else None,
            "every_s": every,
            "overdue": every is not None and (id not in last or (now - last[id]).total_seconds() > every),
        }
        for id, every in playbooks.items()
    ]
    return sorted(rows, key=lambda row: (row["last_at"] or "", row["playbook"]))
