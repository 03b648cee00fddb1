"""
Which partner may use which capability, as of one revision of the log.

Pure: built from a State; never reads a clock, a file or the network. The tables are what travels to enforcement
points, already narrowed by every hold, so equal revisions mean equal answers everywhere.
An entry is the strictest that anybody meets; ``for`` in it has the whole entry of each partner whom every hold that
makes the difference spares. A reader that does not know ``for`` denies more, never less.
A point confirms the revision it applied; the digest tells that it applied the same table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from incidents.catalog import PERIODS
from incidents.events import Event
from incidents.holds import LIVE, SHADOW, Hold, HoldKind
from incidents.state import State

Table = dict[str, Any]
MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class Decision:
    """``held_by`` names the incidents whose live holds narrow what was asked for, oldest first."""

    allowed: bool
    reason: str
    revision: int
    held_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """From one revision's tables to another's; ``narrowing`` unless it can only have given something back."""

    ledger: str
    from_revision: int
    revision: int
    live_set: Table
    live_remove: tuple[str, ...]
    shadow_set: Table
    shadow_remove: tuple[str, ...]
    digest: str
    narrowing: bool

    def wire(self) -> dict[str, Any]:
        return {
            "ledger": self.ledger,
            "from": self.from_revision,
            "revision": self.revision,
            "live": {"set": self.live_set, "remove": list(self.live_remove)},
            "shadow": {"set": self.shadow_set, "remove": list(self.shadow_remove)},
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tables of one revision. Never changed once made; the next one shares what did not change."""

    ledger: str
    revision: int
    lease_seconds: int
    live: Table
    shadow: Table
    sum: int
    holders: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, str]
    digest: str  # ``sum`` as 64 hex digits
    holders_for: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # (target, spared partner)
    spared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # hold -> partners, where it spares any
    unreadable: str | None = None
    live_sum: int = 0

    @property
    def live_digest(self) -> str:
        """Of the live table alone: what a drill must leave as it was."""
        return digest_of_sum(self.live_sum)

    def wire(self) -> dict[str, Any]:
        return {
            "ledger": self.ledger,
            "revision": self.revision,
            "digest": self.digest,
            "lease_seconds": self.lease_seconds,
            "live": self.live,
            "shadow": self.shadow,
        }

    def decide(
        self,
        partner: str | None,
        model: str,
        capability: str,
        *,
        now: datetime,
        region: str | None = None,
        used: Callable[[str, str, str], int] | None = None,
        table: str = LIVE,
        name_holders: bool = True,
    ) -> Decision:
        """
        The decision, with the first reason that denies in the contract's order.

        Args:
            used: Decisions already counted, by (partner, flag, period ``minute|hour|day``) in the current window.
                None: nobody counts here, and only a cap of 0 denies.
        """
        reason = self._reason(partner, model, capability, now, region, used, table)
        held_by = self.held_by(partner, model, capability) if name_holders else ()
        return Decision(reason == "granted", reason, self.revision, held_by)

    def _reason(
        self,
        partner: str | None,
        model: str,
        capability: str,
        now: datetime,
        region: str | None,
        used: Callable[[str, str, str], int] | None,
        table: str,
    ) -> str:
        if self.unreadable:
            return "no-grant"
        get = self._reader(table)
        standing = entry_for(get(f"model:{model}"), partner)
        if standing is None:
            return "unknown-model"
        flag = entry_for(get(f"flag:{model}:{capability}"), partner)
        if flag is None:
            return "unknown-capability"
        member = get(f"partner:{partner}")
        if member is None:
            return "unknown-partner"
        if "halted" in standing:
            return "model-halted"
        if "off" in flag:
            return "capability-off"
        if "regions" in flag and _region_is_off(flag["regions"], region):
            return "region-off"
        if "revoked" in member:
            return "partner-revoked"
        if not _admitted(get("ladder"), member["audience"], standing["stage"]):
            return "stage"
        return _grant_reason(get(f"grant:{partner}:{model}:{capability}"), now, used, partner, f"{model}:{capability}")

    def _reader(self, table: str) -> Callable[[str], Any]:
        if table == LIVE or not self.shadow:
            return self.live.get
        return lambda key: self.shadow.get(key, self.live.get(key))

    def held_by(self, partner: str | None, model: str, capability: str) -> tuple[str, ...]:
        if not self.holders:
            return ()
        flag = f"{model}:{capability}"
        targets = (
            f"model:{model}",
            f"flag:{flag}",
            f"capability:{capability}",
            f"partner:{partner}",
            f"cap:{partner}:{flag}",
            f"cap:*:{flag}",
            f"cap:{partner}:*:{capability}",
            f"cap:*:*:{capability}",
        )
        found: set[str] = set()
        for target in targets:
            spared = self.holders_for.get((target, partner or ""))
            found.update(self.holders.get(target, ()) if spared is None else spared)
        return tuple(sorted(found))


def entry_for(entry: Any, partner: str | None) -> Any:
    """An entry as it is for one partner. As in ``incidents/client.py``."""
    return entry["for"].get(partner, entry) if entry and "for" in entry else entry


def _region_is_off(regions: list[str], region: str | None) -> bool:
    """Not told, or told as nothing, is off; upper and lower case are the same. As in ``incidents/client.py``."""
    told = (region or "").strip().upper()
    return not told or told in {each.strip().upper() for each in regions}


def _admitted(ladder: list[str], audience: str, stage: str) -> bool:
    """A partner is admitted at its audience's stage and every later one. A stage off the ladder admits nobody."""
    return audience in ladder and stage in ladder and ladder.index(audience) <= ladder.index(stage)


def _grant_reason(
    grant: Table | None,
    now: datetime,
    used: Callable[[str, str, str], int] | None,
    partner: str | None,
    flag: str,
) -> str:
    if grant is None:
        return "no-grant"
    if "expires" in grant and now.date().isoformat() > grant["expires"]:
        return "grant-expired"
    if not grant.get("terms"):
        return "terms-not-accepted"
    for per, limit in grant.get("cap", {}).items():
        # A cap of 0 denies whoever counts: a throttle to nothing must not be open where nobody can count.
        count = used(partner, flag, PERIODS[per]) if used is not None and partner is not None else 0
        if count >= limit:
            return "usage-cap"
    return "granted"


# --- building -------------------------------------------------------------------------------------------------------


def build(state: State) -> Snapshot:
    """The snapshot of a state, from nothing. ``advance`` gives the same, cheaper."""
    live = {key: entry for key in _all_keys(state) if (entry := _entry(state, key, LIVE)) is not None}
    shadow = _shadow(state, live)
    live_sum = sum(_weight(LIVE, k, v) for k, v in live.items())
    total = live_sum + sum(_weight(SHADOW, k, v) for k, v in shadow.items())
    return Snapshot(
        ledger=state.ledger,
        revision=state.revision,
        lease_seconds=state.lease_seconds,
        live=live,
        shadow=shadow,
        sum=total % MODULUS,
        digest=digest_of_sum(total),
        live_sum=live_sum % MODULUS,
        holders=_holders(state),
        holders_for=_holders_for(state),
        spared=_spared(state),
        keys=_keys(state),
        unreadable=state.unreadable,
    )


def part(state: State, keys: Iterable[str], *, table: str = SHADOW) -> Snapshot:
    """
    Only these entries, without digest and holders: enough to look at or decide, and cheap beside ``build``.

    ``table``: the live one alone where that is enough, because a kill waits for it.
    """
    wanted = list(keys)
    live = {key: entry for key in wanted if (entry := _entry(state, key, LIVE)) is not None}
    shadow = {}
    if table == SHADOW and any(hold.table == SHADOW for hold in state.holds.values()):
        found = {key: _entry(state, key, SHADOW) for key in wanted}
        shadow = {key: entry for key, entry in found.items() if entry is not None and entry != live.get(key)}
    return Snapshot(
        ledger=state.ledger,
        revision=state.revision,
        lease_seconds=state.lease_seconds,
        live=live,
        shadow=shadow,
        sum=0,
        holders={},
        keys={},
        digest="",
        unreadable=state.unreadable,
    )


def advance(before: Snapshot, state: State, events: Iterable[Event]) -> tuple[Snapshot, Change]:
    """The next snapshot after ``events`` (already folded into ``state``), and the difference that travels."""
    touched: set[str] = set()
    for event in events:
        touched |= _touched(state, event, before.live)
    live, live_set, live_remove = _renew(before.live, touched, lambda key: _entry(state, key, LIVE))
    shadow_now = _shadow(state, live)
    shadow_keys = {k for k in before.shadow.keys() | shadow_now.keys() if before.shadow.get(k) != shadow_now.get(k)}
    shadow, shadow_set, shadow_remove = _renew(before.shadow, shadow_keys, shadow_now.get)
    live_moved = _moved(LIVE, before.live, live_set, live_remove)
    total = before.sum + live_moved + _moved(SHADOW, before.shadow, shadow_set, shadow_remove)
    after = Snapshot(
        ledger=state.ledger,
        revision=state.revision,
        lease_seconds=state.lease_seconds,
        live=live,
        shadow=shadow,
        sum=total % MODULUS,
        digest=digest_of_sum(total),
        live_sum=(before.live_sum + live_moved) % MODULUS,
        holders=_holders(state),
        holders_for=_holders_for(state),
        spared=_spared(state),
        keys=_keys(state) if any(k.startswith("partner:") for k in touched) else before.keys,
        unreadable=state.unreadable,
    )
    change = Change(
        ledger=state.ledger,
        from_revision=before.revision,
        revision=after.revision,
        live_set=live_set,
        live_remove=tuple(live_remove),
        shadow_set=shadow_set,
        shadow_remove=tuple(shadow_remove),
        digest=after.digest,
        narrowing=not _only_gives(before, events) or after.lease_seconds != before.lease_seconds,
    )
    return after, change


def _moved(table: str, old: Table, new: Table, gone: Iterable[str]) -> int:
    """What a change of a table adds to its sum; below zero where it takes away."""
    taken = sum(_weight(table, k, old[k]) for k in (*new, *gone) if k in old)
    return sum(_weight(table, k, v) for k, v in new.items()) - taken


def live_digest_after(before: Snapshot, keys: Iterable[str], after: Table) -> str:
    """The live digest if of the live table only ``keys`` became what they are in ``after`` (absent: gone)."""
    keys = set(keys)
    new = {k: v for k, v in after.items() if k in keys}
    return digest_of_sum(before.live_sum + _moved(LIVE, before.live, new, keys - new.keys()))


def digest_of_sum(total: int) -> str:
    return f"{total % MODULUS:064x}"


def _only_gives(before: Snapshot, events: Iterable[Event]) -> bool:
    """Nothing but holds lifted, or eased for more partners than before."""
    spared = dict(before.spared)
    for event in events:
        match event.kind:
            case "access:hold:eased":
                hold, partners = event.data["hold"], event.data["partners"]
                if not set(spared.get(hold, ())) <= set(partners):
                    return False
                spared[hold] = tuple(partners)
            case "access:hold:lifted":
                pass
            case kind if kind.startswith("access:"):
                return False
    return True


def merge(older: Change, newer: Change) -> Change:
    """One change that does what both do, in order."""
    live_set = {k: v for k, v in older.live_set.items() if k not in newer.live_remove} | newer.live_set
    shadow_set = {k: v for k, v in older.shadow_set.items() if k not in newer.shadow_remove} | newer.shadow_set
    return replace(
        newer,
        from_revision=older.from_revision,
        live_set=live_set,
        live_remove=tuple({*older.live_remove, *newer.live_remove} - live_set.keys()),
        shadow_set=shadow_set,
        shadow_remove=tuple({*older.shadow_remove, *newer.shadow_remove} - shadow_set.keys()),
        narrowing=older.narrowing or newer.narrowing,
    )


def _renew(old: Table, keys: set[str], entry: Callable[[str], Any]) -> tuple[Table, Table, list[str]]:
    changed = {k: v for k in sorted(keys) if (v := entry(k)) is not None and old.get(k) != v}
    removed = [k for k in sorted(keys) if k in old and entry(k) is None]
    if not changed and not removed:
        return old, changed, removed
    new = {**old, **changed}
    for key in removed:
        del new[key]
    return new, changed, removed


def _weight(table: str, key: str, value: Any) -> int:
    text = json.dumps([table, key, value], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def _all_keys(state: State) -> Iterable[str]:
    catalog = state.catalog
    yield "ladder"
    yield from (f"model:{m}" for m in catalog.models)
    yield from (f"flag:{flag}" for flag in catalog.flags())
    yield from (f"partner:{p}" for p in catalog.partners)
    yield from (f"grant:{g}" for g in catalog.grants)


def _shadow(state: State, live: Table) -> Table:
    """Only what shadow holds narrow: each of them touches a few keys."""
    keys: set[str] = set()
    for hold in state.holds.values():
        if hold.table == SHADOW:
            keys |= hold_keys(state, hold)
    found = {key: _entry(state, key, SHADOW) for key in keys}
    return {k: v for k, v in found.items() if v is not None and v != live.get(k)}


def _entry(state: State, key: str, table: str) -> Any:
    """The effective value of one key: the catalog narrowed by every hold in force, or None where it is not there."""
    kind, _, id = key.partition(":")
    match kind:
        case "ladder":
            return list(state.catalog.stages)
        case "model":
            return _model_entry(state, id, table)
        case "flag":
            return _flag_entry(state, id, table)
        case "partner":
            return _partner_entry(state, id, table)
        case "grant":
            return _grant_entry(state, id, table)
    raise ValueError(key)


def stage_in_force(state: State, model: str, table: str = LIVE, partner: str | None = None) -> str:
    """
    The catalog's stage, or the lowest that a hold allows. A hold that names no known stage means the lowest.

    ``partner``: as it is for this partner, whom some holds may spare.
    """
    return _lowest(state, model, [h for h in state.holds_on(f"model:{model}", table) if h.binds(partner)])


def _lowest(state: State, model: str, holds: Iterable[Hold]) -> str:
    ladder = state.catalog.stages
    stages = [state.catalog.models[model].stage, *(h.at_most for h in holds if h.at_most)]
    return min(stages, key=lambda s: ladder.index(s) if s in ladder else -1)


def _with_exceptions(holds: list[Hold], made: Callable[[list[Hold]], Table]) -> Table:
    """What all the holds make of an entry, and of each partner for whom less of them make another one."""
    entry = made(holds)
    own = {partner: made([h for h in holds if h.binds(partner)]) for hold in holds for partner in hold.eased_for}
    if exceptions := {partner: own[partner] for partner in sorted(own) if own[partner] != entry}:
        entry["for"] = exceptions
    return entry


def _model_entry(state: State, id: str, table: str) -> Table | None:
    if id not in state.catalog.models:
        return None

    def made(holds: list[Hold]) -> Table:
        entry: Table = {"stage": _lowest(state, id, holds)}
        if any(h.kind is HoldKind.HALT for h in holds):
            entry["halted"] = True
        return entry

    return _with_exceptions(list(state.holds_on(f"model:{id}", table)), made)


def _flag_entry(state: State, id: str, table: str) -> Table | None:
    if not state.catalog.has_flag(id):
        return None
    capability = id.partition(":")[2]
    holds = [*state.holds_on(f"flag:{id}", table), *state.holds_on(f"capability:{capability}", table)]
    silent = state.catalog.capabilities[capability].on_silence == "allow"
    return _with_exceptions(holds, lambda binding: _switch(binding, silent=silent))


def _switch(holds: list[Hold], *, silent: bool) -> Table:
    entry: Table = {}
    if any(not h.regions for h in holds):
        entry["off"] = True
    regions = sorted({r for h in holds for r in h.regions})
    if regions:
        entry["regions"] = regions
    if silent:
        entry["silence"] = "allow"
    return entry


def _partner_entry(state: State, id: str, table: str) -> Table | None:
    partner = state.catalog.partners.get(id)
    if partner is None:
        return None
    entry: Table = {"audience": partner.audience}
    if any(True for _ in state.holds_on(f"partner:{id}", table)):
        entry["revoked"] = True
    return entry


def _grant_entry(state: State, id: str, table: str) -> Table | None:
    grant = state.catalog.grants.get(id)
    if grant is None:
        return None
    entry: Table = {}
    if grant.expires:
        entry["expires"] = grant.expires
    if grant.accepted:
        entry["terms"] = True
    cap = effective_cap(state, grant.partner, grant.flag, table)
    if cap:
        entry["cap"] = cap
    return entry


def effective_cap(state: State, partner: str, flag: str, table: str = LIVE) -> dict[str, int]:
    """The grant's cap, else the capability's default, narrowed per period by every throttle."""
    grant = state.catalog.grants.get(f"{partner}:{flag}")
    capability = flag.partition(":")[2]
    known = state.catalog.capabilities.get(capability)
    cap = dict((grant.cap if grant else None) or (known.cap if known else None) or {})
    for who in (partner, "*"):
        for what in (flag, f"*:{capability}"):
            for hold in state.holds_on(f"cap:{who}:{what}", table):
                if not hold.binds(partner):
                    continue
                for per, limit in hold.cap.items():
                    cap[per] = min(limit, cap.get(per, limit))
    return cap


def hold_keys(state: State, hold: Hold) -> set[str]:
    """The table keys that a hold can change."""
    catalog = state.catalog
    match hold.kind:
        case HoldKind.PARTNER:
            return {f"partner:{hold.partner}"}
        case HoldKind.FLAG:
            return {f"flag:{hold.model}:{hold.capability}"}
        case HoldKind.CAPABILITY:
            known = catalog.capabilities.get(hold.capability or "")
            return {f"flag:{m}:{hold.capability}" for m in (known.models if known else ())}
        case HoldKind.CAP if hold.partner and hold.model:
            return {f"grant:{hold.partner}:{hold.model}:{hold.capability}"}
        case HoldKind.CAP:
            return {f"grant:{g.id}" for g in catalog.grants.values() if _throttles(hold, g.partner, g.flag)}
        case HoldKind.HALT | HoldKind.STAGE | HoldKind.PROMOTION:
            return {f"model:{hold.model}"}


def _throttles(hold: Hold, partner: str, flag: str) -> bool:
    model, _, capability = flag.partition(":")
    return hold.partner in (None, "", partner) and hold.model in (None, "", model) and hold.capability == capability


def _touched(state: State, event: Event, before: Table) -> set[str]:
    """
    Keys whose value an event may have changed. Too many is slow; too few would be wrong.

    ``state`` may be several events further on: what an event was about may be gone again, so ``before`` counts too.
    """
    match event.kind:
        case "access:hold:placed":
            return hold_keys(state, Hold.read(event.data["hold"]))
        case "access:hold:lifted" | "access:hold:eased":
            placed = state.incidents[event.incident or ""].placed[event.data["hold"]]
            return hold_keys(state, Hold.read(placed))
        case "access:catalog:applied":
            return _touched_by_catalog(state, [*event.data["set"], *event.data["remove"]], before)
    return set()


def _touched_by_catalog(state: State, paths: list[str], before: Table) -> set[str]:
    keys: set[str] = set()
    flags: set[str] | None = None
    for path in paths:
        section, _, id = path.partition("/")
        match section:
            case "stages":
                keys |= {"ladder", *(f"model:{m}" for m in state.catalog.models)}
            case "models":
                keys.add(f"model:{id}")
            case "partners":
                keys.add(f"partner:{id}")
            case "grants":
                keys.add(f"grant:{id}")
            case "capabilities":
                # The flags that it has and those that it had, and every grant: its default cap may have changed.
                if flags is None:
                    flags = {f"flag:{flag}" for flag in state.catalog.flags()}
                    flags |= {key for key in before if key.startswith("flag:")}
                keys |= {key for key in flags if key.endswith(f":{id}")}
                keys |= {f"grant:{g.id}" for g in state.catalog.grants.values() if g.flag.endswith(f":{id}")}
    return keys


def _holders(state: State) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for (table, target), holds in state.by_target.items():
        if table == LIVE:
            names = [h.incident for h in holds.values()]
            found[target] = tuple(names) if len(names) == 1 else tuple(sorted(set(names)))
    return found


def _holders_for(state: State) -> dict[tuple[str, str], tuple[str, ...]]:
    """Where a live hold spares a partner: who still holds that target for it."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for hold in state.holds.values():
        if hold.spared and hold.table == LIVE:
            others = state.by_target[LIVE, hold.target].values()
            for partner in hold.eased_for:
                found[hold.target, partner] = tuple(sorted({h.incident for h in others if h.binds(partner)}))
    return found


def _spared(state: State) -> dict[str, tuple[str, ...]]:
    return {hold.id: hold.eased_for for hold in state.holds.values() if hold.spared and hold.eased_for}


def _keys(state: State) -> dict[str, str]:
    return {key: partner.id for partner in state.catalog.partners.values() for key in partner.keys}
