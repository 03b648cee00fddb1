"""
The decision a second time, slow and obvious, written from the contract's text and from nothing else.

Takes plain JSON: the catalog as its file has it, the holds in force, the counts. Imports nothing of ours, on purpose:
a mistake that both implementations share should at least have been made twice.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
PERIOD_OF = {"per_minute": "minute", "per_hour": "hour", "per_day": "day"}


def decide(
    catalog: Json,
    holds: list[Json],
    counted: dict[tuple[str, str, str], int],
    *,
    partner: str,
    model: str,
    capability: str,
    region: str | None,
    today: str,
) -> tuple[bool, str]:
    """
    Allowed or not, and the first reason in the contract's order.

    Args:
        counted: Decisions used up, by (partner, flag, ``minute|hour|day``), in the current windows.
        today: The UTC date, ISO.
    """
    holds = [hold for hold in holds if binds(hold, partner)]
    if model not in catalog["models"]:
        return False, "unknown-model"
    if capability not in catalog["capabilities"] or model not in catalog["capabilities"][capability]["models"]:
        return False, "unknown-capability"
    if partner not in catalog["partners"]:
        return False, "unknown-partner"
    if any(hold["kind"] == "halt" and hold["model"] == model for hold in holds):
        return False, "model-halted"
    off = [hold for hold in holds if switches_off(hold, model, capability)]
    if any(not hold.get("regions") for hold in off):
        return False, "capability-off"
    for hold in off:
        if not region or region.upper() in [each.upper() for each in hold["regions"]]:
            return False, "region-off"
    if any(hold["kind"] == "partner" and hold["partner"] == partner for hold in holds):
        return False, "partner-revoked"
    for stage in stages_of(catalog, holds, model):
        if not admits(catalog["stages"], catalog["partners"][partner]["audience"], stage):
            return False, "stage"
    found = [
        g for g in catalog["grants"] if (g["partner"], g["model"], g["capability"]) == (partner, model, capability)
    ]
    if not found:
        return False, "no-grant"
    grant = found[0]
    if grant.get("expires") and today > grant["expires"]:
        return False, "grant-expired"
    if grant.get("terms") != "accepted":
        return False, "terms-not-accepted"
    for cap in caps_of(catalog, holds, grant):
        for name, limit in cap.items():
            if counted.get((partner, f"{model}:{capability}", PERIOD_OF[name]), 0) >= limit:
                return False, "usage-cap"
    return True, "granted"


def binds(hold: Json, partner: str) -> bool:
    """A hold that was eased binds everybody but those whom it spares; each hold is asked by itself."""
    return partner not in hold.get("spared", [])


def switches_off(hold: Json, model: str, capability: str) -> bool:
    if hold["kind"] == "flag":
        return bool(hold["model"] == model and hold["capability"] == capability)
    return bool(hold["kind"] == "capability" and hold["capability"] == capability)


def stages_of(catalog: Json, holds: list[Json], model: str) -> list[str]:
    """Every stage that the model may not go beyond: the partner must be admitted at all of them."""
    limits = [h["at_most"] for h in holds if h["kind"] in ("stage", "promotion") and h["model"] == model]
    return [catalog["models"][model]["stage"], *limits]


def admits(ladder: list[str], audience: str, stage: str) -> bool:
    return audience in ladder and stage in ladder and ladder.index(audience) <= ladder.index(stage)


def caps_of(catalog: Json, holds: list[Json], grant: Json) -> list[dict[str, int]]:
    """The grant's own cap or else its capability's, and every throttle that is on it; each of them counts."""
    caps = [grant.get("cap") or catalog["capabilities"][grant["capability"]].get("cap") or {}]
    for hold in holds:
        if hold["kind"] != "cap" or hold["capability"] != grant["capability"]:
            continue
        if hold.get("partner") in (None, grant["partner"]) and hold.get("model") in (None, grant["model"]):
            caps.append(hold["cap"])
    return caps


def held_by(holds: list[Json], *, partner: str, model: str, capability: str) -> list[str]:
    """The incidents that hold anything that was asked for."""
    found = set()
    for hold in holds:
        if not binds(hold, partner):
            continue
        if hold["kind"] == "partner":
            touches = hold["partner"] == partner
        elif hold["kind"] in ("halt", "stage", "promotion"):
            touches = hold["model"] == model
        elif hold["kind"] in ("flag", "capability"):
            touches = switches_off(hold, model, capability)
        else:
            touches = (
                hold["capability"] == capability
                and hold.get("partner") in (None, partner)
                and hold.get("model") in (None, model)
            )
        if touches:
            found.add(hold["incident"])
    return sorted(found)
