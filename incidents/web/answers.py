"""
What leadership asks first, answered from one reading: contained, who is dark, what is owed next, what happened.

Pure. Turns the API's values into what the templates say; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents.clock import parse_rfc3339, rfc3339
from incidents.docket import OPEN
from incidents.web.words import plural, span

Json = dict[str, Any]
ONE_BY_ONE = 12  # partners of a model that are listed singly; more are folded where they fare alike
FOLDED = 4  # that many partners who fare alike become one row


# --- points ---------------------------------------------------------------------------------------------------------


def points(rows: Sequence[Json]) -> Json:
    """Those that are not confirmed on top and whole; the confirmed ones folded, the slowest first."""
    order = {"refused": 0, "pending": 1, "lapsed": 2}
    confirmed = sorted((p for p in rows if p["state"] == "confirmed"), key=lambda p: -(p["ms"] or 0))
    others = sorted((p for p in rows if p["state"] != "confirmed"), key=lambda p: (order.get(p["state"], 9), p["name"]))
    return {
        "confirmed": confirmed,
        "others": others,
        "lapsed": [p for p in others if p["state"] == "lapsed"],
        "slowest": confirmed[0] if confirmed else None,
        "may_serve": [p for p in others if "may still serve" in p["because"]],
        "refused": [p for p in others if p["state"] == "refused"],
    }


# --- what is owed ---------------------------------------------------------------------------------------------------


def deadlines(whole: Json) -> list[Json]:
    """Everything open that has a date, the first one first: ``{due_at, what, who, where}``; ``who`` None: nobody."""
    found = [
        {"due_at": task["due_at"], "what": task["title"], "who": task["owner"] or task["role"], "where": "tasks"}
        for task in whole["tasks"]
        if task.get("due_at") and task["state"] == "open"
    ]
    found += [
        {
            "due_at": clock["due"],
            "what": f"{clock['title']}, {clock['recipient']}" + (" (if owed)" if clock["asks"] else ""),
            "who": clock["owner"] or clock["owner_role"],
            "where": "clocks",
        }
        for clock in whole["clocks"]
        if clock["due"] and clock["state"] in OPEN and not clock["projected"]
    ]
    review = whole["postmortem"]
    if review.get("due_at") and review["state"] != "published":
        found.append({"due_at": review["due_at"], "what": "Review", "who": review["owner"], "where": "review"})
    if whole["next_update_at"]:
        due = {"due_at": whole["next_update_at"], "what": "Status update", "who": _holder(whole, "comms")}
        found.append(due | {"where": "people"})
    return sorted(found, key=lambda row: str(row["due_at"]))


def _holder(whole: Json, role: str) -> str:
    return next((row["person"] for row in whole["roles"] if row["role"] == role and row["person"]), role)


def owed(whole: Json, now: datetime) -> Json:
    """``{next, coming, overdue, clocks}``: what runs next, how many come after it, what is past, clocks still open."""
    rows, moment = deadlines(whole), rfc3339(now)
    coming = [row for row in rows if row["due_at"] > moment]
    return {
        "next": coming[0] if coming else None,
        "coming": len(coming),
        "overdue": [row for row in rows if row["due_at"] <= moment],
        "clocks": sum(clock["state"] in OPEN for clock in whole["clocks"]),
    }


# --- who is dark ----------------------------------------------------------------------------------------------------


def things(exposure: Json) -> str:
    """``1 partner, 2 capabilities``: whom and what the holds that stand keep out."""
    standing = [hold for hold in exposure["holds"] if hold["to"] is None]
    counts = [
        (len({hold["target"] for hold in standing if hold["kind"] in wanted}), one, many)
        for wanted, one, many in (
            (("partner",), "partner", "partners"),
            (("flag", "capability"), "capability", "capabilities"),
            (("halt", "stage"), "model", "models"),
            (("cap",), "throttle", "throttles"),
        )
    ]
    return ", ".join(plural(n, one, many) for n, one, many in counts if n) or "Nobody"


def partners(exposure: Json, now: datetime) -> Json:
    """
    ``{dark, back}``: partners that lost something and still lack it, and those that have all of it back.

    Each ``{partner, title, what, since, until, lasted}``: ``lasted`` is in words, over all times at which it was off.
    """
    found: dict[str, list[Json]] = {}
    for row in exposure["access"]:
        if row["lost"]:
            found.setdefault(row["partner"], []).append(row)
    dark: list[Json] = []
    back: list[Json] = []
    for rows in found.values():
        off = [row for row in rows if row["now"] != "granted"]
        (dark if off else back).append(_partner(off or rows, now))
    dark.sort(key=lambda p: (p["since"] or "9", p["title"]))
    return {"dark": dark, "back": sorted(back, key=lambda p: p["title"])}


_EARLIER = {"day": "earlier that day", "hour": "earlier that hour", "minute": "in that minute"}


def cost(exposure: Json) -> str:
    """What it keeps out, where gateways have told: ``30 requests refused since, 40 let in earlier that day``."""
    rows = [row for row in exposure["access"] if row["dark"]]
    refused = sum(row.get("refused", 0) for row in rows)
    lasts = any(row["dark"][-1]["to"] is None for row in rows)
    parts = [f"{plural(refused, 'request')} refused {'since' if lasts else 'meanwhile'}"] if refused else []
    for per, earlier in _EARLIER.items():
        if allowed := sum(row["allowed"]["count"] for row in rows if row.get("allowed", {}).get("per") == per):
            parts.append(f"{allowed:,} let in {earlier}")
    return ", ".join(parts)


def _partner(rows: Sequence[Json], now: datetime) -> Json:
    spans = [span for row in rows for span in row["dark"]]
    ends = [span["to"] for span in spans]
    return {
        "partner": rows[0]["partner"],
        "title": rows[0]["title"],
        "what": sorted({row["flag"] for row in rows}),
        "since": min((span["from"] for span in spans), default=None),
        "until": None if None in ends else max(ends, default=None),
        "lasted": span(max((_seconds(row["dark"], now) for row in rows), default=0.0)),
    }


def _seconds(spans: Iterable[Json], now: datetime) -> float:
    return sum(
        max(0.0, ((parse_rfc3339(s["to"]) if s["to"] else now) - parse_rfc3339(s["from"])).total_seconds())
        for s in spans
    )


# --- stage by partner, before and now -------------------------------------------------------------------------------


def by_model(exposure: Json, now: datetime) -> list[Json]:
    """
    One group per model, ``{model, before, now, held_by, flags, rows, more}``, each with its partners' rows.

    A row is ``{titles, audiences, capabilities, before, now, cap_before, cap_now, lost, dark, refused, held_by}``.
    Where there are many partners, those who fare alike are one row with many titles; whoever fares differently stands
    on top.
    """
    models: dict[str, Json] = {row["model"]: row | {"flags": [], "rows": []} for row in exposure["models"]}
    for flag in exposure["flags"]:
        model = flag["flag"].partition(":")[0]
        models.setdefault(model, _bare_model(model))["flags"].append(flag)
    access: dict[str, list[Json]] = {}
    for row in exposure["access"]:
        access.setdefault(row["flag"].partition(":")[0], []).append(row)
    for model, rows in access.items():
        models.setdefault(model, _bare_model(model))["rows"] = _folded(rows, now)
    return [models[model] for model in sorted(models)]


def _bare_model(model: str) -> Json:
    return {"model": model, "before": None, "now": None, "held_by": [], "flags": [], "rows": []}


def _folded(rows: Sequence[Json], now: datetime) -> list[Json]:
    single = _by_partner(rows, now)
    if len({row["partner"] for row in rows}) <= ONE_BY_ONE:
        return sorted(single, key=lambda row: row["titles"])
    alike: dict[tuple[Any, ...], list[Json]] = {}
    for row in single:
        fate = (*row["capabilities"], row["before"], row["now"], row["cap_before"], row["cap_now"], *row["held_by"])
        alike.setdefault((str(fate), row["dark"]), []).append(row)
    found: list[Json] = []
    for group in alike.values():
        found += group if len(group) < FOLDED else [_together(group)]
    return sorted(found, key=lambda row: (len(row["titles"]), row["titles"]))


def _together(group: Sequence[Json]) -> Json:
    titles = sorted(row["titles"][0] for row in group)
    refused = sum(row["refused"] for row in group)
    return group[0] | {
        "titles": titles,
        "refused": refused,
        "audiences": sorted({row["audiences"][0] for row in group}),
    }


def _by_partner(rows: Sequence[Json], now: datetime) -> list[Json]:
    """One row for all capabilities of a partner that fare alike."""
    found: dict[tuple[str, ...], Json] = {}
    for row in rows:
        cap = (row.get("cap_before"), row.get("cap_now"))
        key = (row["partner"], row["before"], row["now"], str(cap), str(row["dark"]))
        made = found.setdefault(
            key,
            {
                "titles": [row["title"]],
                "audiences": [row["audience"]],
                "capabilities": [],
                "before": row["before"],
                "now": row["now"],
                "cap_before": cap[0],
                "cap_now": cap[1],
                "lost": row["lost"],
                "dark": span(_seconds(row["dark"], now)) if row["dark"] else "",
                "since": row["dark"][-1]["from"] if row["dark"] and row["dark"][-1]["to"] is None else None,
                "refused": 0,
                "held_by": row["held_by"],
            },
        )
        made["refused"] += row.get("refused", 0)
        made["capabilities"].append(row["flag"].partition(":")[2])
    return list(found.values())


# --- one sentence ---------------------------------------------------------------------------------------------------


def sentence(whole: Json, who: Mapping[str, str]) -> str:
    """What happened, made from facts, for an incident that nobody has summed up."""
    by = who.get(whole["declared_by"], whole["declared_by"])
    begun = f"{by} declared {_article(whole)} with the playbook “{whole['playbook']['title']}”"
    standing = [hold["words"] for hold in whole["holds"] if hold["standing"]]
    if standing:
        more = f" and {len(standing) - 3} more" if len(standing) > 3 else ""
        return f"{begun}: {', '.join(standing[:3])}{more}."
    return f"{begun}; everything that it held has been given back." if whole["holds"] else f"{begun}; nothing is held."


def decider(whole: Json, who: Mapping[str, str]) -> str:
    """By whom the next decision is made, people by their names: ``Somebody other than Ada Okafor``."""
    before, gap, last = str((whole["next_decision"] or {}).get("who", "")).rpartition(" ")
    words = f"{before}{gap}{who.get(last, last)}"
    return words[:1].upper() + words[1:]


def _article(whole: Json) -> str:
    return {"real": "an incident", "drill": "a drill", "test": "a test"}[whole["kind"]]
