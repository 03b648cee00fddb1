"""
The same table as a flagd flag set, with a lease in every rule.

An unmodified flagd client compares ``$flagd.timestamp`` (its wall clock, whole seconds) with the lease end and so
denies by itself when it is cut off. ``state`` is always ENABLED and the default variant ``off``: flagd's DISABLED
would mean "use the caller's default". Usage caps can't be expressed; a capped grant says so in its metadata.
Schema: https://flagd.dev/schema/v0/flags.json
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incidents.snapshot import Snapshot


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


def _admitted(snapshot: Snapshot, now: datetime) -> dict[str, list[str]]:
    """Flag -> partners that are allowed now, regions apart."""
    found: dict[str, list[str]] = {}
    for key in snapshot.live:
        if not key.startswith("grant:"):
            continue
        _, partner, model, capability = key.split(":")
        regions = snapshot.live.get(f"flag:{model}:{capability}", {}).get("regions", [])
        outside = next(r for r in ("-", "--", "---") if r not in regions)
        if snapshot.decide(partner, model, capability, now=now, region=outside).allowed:
            found.setdefault(f"{model}:{capability}", []).append(partner)
    return found


def _spellings(regions: list[str]) -> list[str]:
    """Upper and lower case are the same region, which a rule in JsonLogic can only say by listing them."""
    return sorted({spelt for each in regions for spelt in (each, each.upper(), each.lower(), each.capitalize())})


def _flag(
    snapshot: Snapshot, flag: str, entry: dict[str, Any], admitted: dict[str, list[str]], end: int
) -> dict[str, Any]:
    partners = sorted(admitted.get(flag, []))
    capped = any("cap" in snapshot.live[f"grant:{p}:{flag}"] for p in partners)
    conditions: list[Any] = [{"in": [{"var": "targetingKey"}, partners]}]
    if entry.get("silence") != "allow":
        conditions.insert(0, {"<": [{"var": "$flagd.timestamp"}, end]})
    if "regions" in entry:
        conditions += [{"!!": [{"var": "region"}]}, {"!": {"in": [{"var": "region"}, _spellings(entry["regions"])]}}]
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": {"if": [{"and": conditions}, "on", "off"]} if partners else {"if": [False, "on", "off"]},
        "metadata": {"revision": snapshot.revision, "capsNotEnforcedHere": capped},
    }
