"""
The same table as a flagd flag set, with a lease in every rule.

An unmodified flagd client compares ``$flagd.timestamp`` (its wall clock, whole seconds) with the lease end and so
denies by itself when it is cut off. ``state`` is always ENABLED and the default variant ``off``: flagd's DISABLED
would mean "use the caller's default". Usage caps can't be expressed; a capped grant says so in its metadata.
Schema: https://flagd.dev/schema/v0/flags.json
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from incidents.snapshot import Snapshot, entry_for


def lease_end(now: datetime, lease_seconds: int) -> int:
    """Unix time at which this publication's leases end; moves every third of a lease, so that answers are cacheable."""
    step = max(1, lease_seconds // 3)
    return (int(now.timestamp()) // step) * step + lease_seconds


def etag(snapshot: Snapshot, end: int) -> str:
    return f'"{snapshot.ledger}-{snapshot.revision}-{end}"'


def flag_set(snapshot: Snapshot, now: datetime, end: int) -> dict[str, Any]:
    """Every capability flag; ``targetingKey`` is the partner, ``region`` may be in the context."""
    admitted = _admitted(snapshot, now)
    flags = {
        key.removeprefix("flag:"): _flag(snapshot, key.removeprefix("flag:"), entry, admitted, end)
        for key, entry in snapshot.live.items()
        if key.startswith("flag:")
    }
    return {
        "$schema": "https://flagd.dev/schema/v0/flags.json",
        "flags": flags,
        "metadata": {"flagSetId": "andon", "revision": snapshot.revision, "leaseEnds": end},
    }


Admitted = dict[str, dict[tuple[str, ...], list[str]]]
"""Flag -> the regions in which it is off -> the partners that are allowed elsewhere."""


def _admitted(snapshot: Snapshot, now: datetime) -> Admitted:
    """A hold that spares somebody makes the regions differ from partner to partner; else there is one set of them."""
    found: Admitted = {}
    for key in snapshot.live:
        if not key.startswith("grant:"):
            continue
        _, partner, model, capability = key.split(":")
        regions = entry_for(snapshot.live.get(f"flag:{model}:{capability}", {}), partner).get("regions", [])
        outside = next(r for r in ("-", "--", "---") if r not in regions)
        if snapshot.decide(partner, model, capability, now=now, region=outside).allowed:
            found.setdefault(f"{model}:{capability}", {}).setdefault(tuple(regions), []).append(partner)
    return found


def _spellings(regions: Iterable[str]) -> list[str]:
    """Upper and lower case are the same region, which a rule in JsonLogic can only say by listing them."""
    return sorted({spelt for each in regions for spelt in (each, each.upper(), each.lower(), each.capitalize())})


def _flag(snapshot: Snapshot, flag: str, entry: dict[str, Any], admitted: Admitted, end: int) -> dict[str, Any]:
    groups = sorted(admitted.get(flag, {}).items())
    partners = [partner for _, group in groups for partner in group]
    capped = any("cap" in snapshot.live[f"grant:{p}:{flag}"] for p in partners)
    rules = [_who(regions, group) for regions, group in groups]
    conditions: list[Any] = rules[0] if len(rules) == 1 else [{"or": [{"and": rule} for rule in rules]}]
    if entry.get("silence") != "allow":
        conditions.insert(0, {"<": [{"var": "$flagd.timestamp"}, end]})
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": {"if": [{"and": conditions}, "on", "off"]} if partners else {"if": [False, "on", "off"]},
        "metadata": {"revision": snapshot.revision, "capsNotEnforcedHere": capped},
    }


def _who(regions: tuple[str, ...], partners: list[str]) -> list[Any]:
    """These partners, outside these regions; who does not tell the region is inside."""
    found: list[Any] = [{"in": [{"var": "targetingKey"}, sorted(partners)]}]
    if regions:
        found += [{"!!": [{"var": "region"}]}, {"!": {"in": [{"var": "region"}, _spellings(regions)]}}]
    return found
