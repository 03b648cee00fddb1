"""
What a set of holds changes, for whom: the blast radius of a declaration, and what a restore gives back.

Pure: compares two states. Nothing here decides whether it may happen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from incidents.holds import LIVE, Hold
from incidents.snapshot import entry_for, hold_keys, part
from incidents.state import State


@dataclass(frozen=True, slots=True)
class Blast:
    """
    ``entries``: table key -> (before, after). ``access``: one row per grant whose answer or cap changes,
    ``{partner, flag, before, after, cap_before, cap_after, regions_before, regions_after}``, where before and after are
    decision reasons of a request that names no region; caps are there if they differ, regions if the reasons do not.
    ``reach``: the table keys of the holds, and those that every grant goes through that they could have changed.
    """

    entries: dict[str, tuple[Any, Any]]
    access: list[dict[str, Any]]
    reach: frozenset[str] = frozenset()

    def turned(self, *, off: bool) -> list[dict[str, Any]]:
        """Grants that lose (or, ``off=False``, regain) their access."""
        side = "before" if off else "after"
        return [row for row in self.access if row[side] == "granted" and row["before"] != row["after"]]

    def partners(self) -> list[str]:
        return sorted({row["partner"] for row in self.access})

    def flags(self) -> list[str]:
        return sorted({row["flag"] for row in self.access} | self._ids("flag:"))

    def models(self) -> list[str]:
        return sorted(self._ids("model:"))

    def _ids(self, prefix: str) -> set[str]:
        return {key.removeprefix(prefix) for key in self.entries if key.startswith(prefix)}


def with_holds(state: State, holds: Iterable[Hold]) -> State:
    """The same state with more holds; the original is left alone. Every kill waits for this: no index is made anew."""
    added = {hold.id: hold for hold in holds}
    if not added.keys().isdisjoint(state.holds):
        return _replaced(state, {**state.holds, **added})
    by_target = dict(state.by_target)
    for hold in added.values():
        at = (hold.table, hold.target)
        by_target[at] = {**by_target.get(at, {}), hold.id: hold}
    return replace(state, holds={**state.holds, **added}, by_target=by_target)


def without_holds(state: State, ids: Iterable[str]) -> State:
    """The same state with some holds lifted; the original is left alone."""
    gone = set(ids)
    return _replaced(state, {id: hold for id, hold in state.holds.items() if id not in gone})


def sparing(state: State, ids: Iterable[str], partner: str) -> State:
    """The same state with some holds eased for one more partner; the original is left alone."""
    eased = set(ids)
    return _replaced(state, {id: _spare(hold, partner) if id in eased else hold for id, hold in state.holds.items()})


def _spare(hold: Hold, partner: str) -> Hold:
    return replace(hold, spared=tuple(sorted({*hold.spared, partner})))


def _replaced(state: State, holds: dict[str, Hold]) -> State:
    copy = replace(state, holds=holds, by_target={})
    copy.index_holds()
    return copy


def compare(before: State, after: State, holds: Iterable[Hold], now: datetime, table: str = LIVE) -> Blast:
    """What differs between two states that differ in ``holds``."""
    keys = sorted({key for hold in holds for key in hold_keys(before, hold)})
    old, new = part(before, keys, table=table), part(after, keys, table=table)
    entries = {}
    for key in keys:
        was, becomes = _look(old, key, table), _look(new, key, table)
        if was != becomes:
            entries[key] = (was, becomes)
    affected = sorted(_affected(before, entries))
    wanted = {key for grant in affected for key in reached(grant)}
    old, new = part(before, wanted, table=table), part(after, wanted, table=table)
    access = []
    for grant in affected:
        partner, model, capability = grant.split(":")
        was = old.decide(partner, model, capability, now=now, table=table).reason
        becomes = new.decide(partner, model, capability, now=now, table=table).reason
        caps = [(_look(side, f"grant:{grant}", table) or {}).get("cap") for side in (old, new)]
        flags = [entry_for(_look(side, f"flag:{model}:{capability}", table), partner) for side in (old, new)]
        regions = [(flag or {}).get("regions") for flag in flags]
        if was != becomes or caps[0] != caps[1] or regions[0] != regions[1]:
            row: dict[str, Any] = {"partner": partner, "flag": f"{model}:{capability}", "before": was, "after": becomes}
            if caps[0] != caps[1]:
                row |= {"cap_before": caps[0], "cap_after": caps[1]}
            if regions[0] != regions[1] and was == becomes:
                row |= {"regions_before": regions[0] or [], "regions_after": regions[1] or []}
            access.append(row)
    return Blast(entries, access, frozenset(wanted.union(keys)))


def _look(snapshot: Any, key: str, table: str) -> Any:
    live = snapshot.live.get(key)
    return live if table == LIVE else snapshot.shadow.get(key, live)


def _affected(state: State, entries: Iterable[str]) -> list[str]:
    """Grants that one of the changed entries can reach."""
    changed: dict[str, set[str]] = {"partner": set(), "model": set(), "flag": set(), "grant": set()}
    for key in entries:
        kind, _, id = key.partition(":")
        if kind == "ladder":
            return list(state.catalog.grants)
        changed[kind].add(id)
    partners, models, flags, grants = changed.values()
    if not models and not flags and not grants:
        theirs = tuple(f"{partner}:" for partner in partners)
        return [grant for grant in state.catalog.grants if grant.startswith(theirs)]
    found = []
    for grant in state.catalog.grants:  # a large catalog is looked through while a kill waits: keep this loop bare
        partner, _, flag = grant.partition(":")
        if partner in partners or flag in flags or grant in grants or flag.partition(":")[0] in models:
            found.append(grant)
    return found


def reached(grant: str) -> set[str]:
    """The table keys that a grant's decision reads."""
    partner, model, capability = grant.split(":")
    flag = f"{model}:{capability}"
    return {"ladder", f"model:{model}", f"flag:{flag}", f"partner:{partner}", f"grant:{grant}"}
