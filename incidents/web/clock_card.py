"""
The clocks of one incident as a small card of its page, and the words and tones that every page about clocks uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from incidents.clock import parse_rfc3339
from incidents.docket import OPEN
from incidents.web.frame import asker, pages, service

TONES = {"late": "stop", "running": "ok", "under-assessment": "wait", "stayed": "wait", "submitted": "ok"}
SOON = timedelta(days=1)
Json = dict[str, Any]


def sorted_out(rows: Iterable[Json]) -> dict[str, list[Json]]:
    """``dated``: with a moment of their own; ``waiting``: for a fact or a report; ``settled``: nothing to be done."""
    found: dict[str, list[Json]] = {"dated": [], "waiting": [], "settled": []}
    for row in rows:
        waits = row["due"] is None or row["state"] == "not-started"
        found["settled" if row["state"] not in OPEN else "waiting" if waits else "dated"].append(row)
    return found


def clocks_card(id: str) -> Json:
    """What ``clocks_card.html`` shows as ``card``: the open clocks, and how many are settled or left out."""
    found = service().operations.incident_clocks(asker(), id)
    parts = sorted_out(found["clocks"])
    return {
        "incident": found["incident"],
        "simulated": found["kind"] != "real",
        "open": [*parts["dated"], *parts["waiting"]],
        "settled": len(parts["settled"]),
        "left_out": len(found["left_out"]),
        "coming": found["coming"],
        "questions": [c for c in found["facts"]["conditions"] if c["answer"] is None],
    }


def next_clocks(count: int = 6) -> list[Json]:
    """What ``next_clocks.html`` shows as ``clocks``: the next real deadlines, late ones first."""
    rows = service().operations.clocks(asker(), kind="real", limit=4 * count)["items"]
    return sorted_out(rows)["dated"][:count]


@pages.app_template_filter("there")
def there(at: str, zone: str) -> str:
    """A moment by the recipient's calendar: ``Thu 26 Nov 2026, 13:00 Brussels``."""
    local = parse_rfc3339(at).astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {zone.rpartition('/')[2].replace('_', ' ')}"


@pages.app_template_filter("tone")
def tone(row: Json) -> str:
    """How loud a clock's state is: what is due within a day is not calm, a target of ours never as loud as a duty."""
    if row["internal"] and row["state"] == "late":
        return "wait"
    if row["state"] == "running" and row["due"] and parse_rfc3339(row["due"]) - service().clock.now() < SOON:
        return "wait"
    return "stop" if row["late"] and not row["internal"] else TONES.get(row["state"], "")


@pages.app_template_filter("said_state")
def said_state(row: Json) -> str:
    if row["state"] == "submitted" and row["late"]:
        return "submitted late"
    if row["state"] == "late" and row["internal"]:
        return "past our target"
    return str(row["state"]).replace("-", " ")
