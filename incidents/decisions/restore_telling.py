"""
What a partner will be told at each step of a way back, and what comes next.

Pure: made from a plan's steps alone. A partner reads of its own access and of nobody else's, nor who goes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from incidents.spans import in_full

Json = dict[str, Any]
Caps = Mapping[tuple[str, str], Mapping[str, int]]
GRANTED = "granted"


def gained(row: Json) -> bool:
    """Does this row of access give something back: an answer, a wider cap, a region?"""
    if row["before"] != row["after"]:
        return bool(row["after"] == GRANTED)
    if "regions_after" in row:  # one that asks without a region is still told that some are off
        return row["after"] in (GRANTED, "region-off")
    return row["after"] == GRANTED and "cap_after" in row


def tell(steps: Sequence[Json], caps: Caps) -> list[list[Json]]:
    """
    Per step ``[{partner, words, next}]``, for every partner that the steps together concern.

    Args:
        steps: With ``after_s``, ``spare`` and ``access``.
        caps: What a partner may use of a flag once it has it back.
    """
    rows = [_by_partner(step["access"]) for step in steps]
    partners = sorted({partner for by_partner in rows for partner in by_partner})
    found = []
    for number in range(len(steps)):
        told = (_told(p, steps, [by_partner.get(p, []) for by_partner in rows], number, caps) for p in partners)
        found.append([row for row in told if row is not None])
    return found


def _by_partner(access: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for row in access:
        found.setdefault(row["partner"], []).append(row)
    return found


def _told(partner: str, steps: Sequence[Json], rows: list[list[Json]], number: int, caps: Caps) -> Json | None:
    """``rows``: this partner's access in each step."""
    later = steps[number + 1 :]
    earlier = [row for step in rows[:number] for row in step if gained(row)]
    waiting = [row for step in rows[number + 1 :] for row in step if gained(row)]
    back = [row for row in rows[number] if gained(row)]
    if not back and not waiting and not earlier:
        return None
    follows = next((n for n, step in enumerate(rows[number + 1 :], 1) if any(map(gained, step))), 0)
    watched = (steps[number]["spare"] or {}).get("partner") == partner
    return {
        "partner": partner,
        "words": _words(partner, back, rows[number], earlier, waiting, caps),
        "next": _next(follows, sum(step["after_s"] for step in later[:follows]), later if watched else ()),
    }


def _words(
    partner: str, back: list[Json], now: list[Json], earlier: list[Json], waiting: list[Json], caps: Caps
) -> str:
    said = []
    if again := [row["flag"] for row in back if row["before"] != GRANTED]:
        said.append(f"You have access again: {_flags(again, partner, caps)}.")
    if wider := [row["flag"] for row in back if row["before"] == GRANTED]:
        said.append(f"Your limit is wider: {_flags(wider, partner, caps)}.")
    if not back and earlier:
        said.append(f"Your access stays: {_flags([row['flag'] for row in earlier], partner, caps)}.")
    coming = [row["flag"] for row in waiting]
    if coming:
        said.append(f"Not back yet: {', '.join(coming)}.")
    if off := [row["flag"] for row in now if row["after"] != GRANTED and row["flag"] not in coming]:
        said.append(f"Not back, or not everywhere: {', '.join(off)}.")
    return " ".join(said)


def _flags(flags: Iterable[str], partner: str, caps: Caps) -> str:
    return ", ".join(flag + _at_most(caps.get((partner, flag))) for flag in flags)


def _at_most(cap: Mapping[str, int] | None) -> str:
    if not cap:
        return ""
    limits = (f"{n:,} {per.replace('_', ' ')}" for per, n in sorted(cap.items()))
    return f" (at most {', '.join(limits)})"


def _next(follows: int, waits: int, watched: Sequence[Json]) -> str:
    if follows:
        return f"It follows in a later step, {in_full(waits)} from now at the earliest, if nothing speaks against it."
    if watched:
        soak = in_full(sum(step["after_s"] for step in watched))
        return f"We watch for {soak}. If something speaks against it, this access may be taken away again."
    return "Nothing more follows."
