"""
The report of one drill: its figures beside the target, the drill before and the best; as JSON values and as Markdown.

Pure. What was not measured is said so, never shown as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from incidents.clock import readable
from incidents.drills import Score
from incidents.life import COMMANDER
from incidents.spans import took

Json = dict[str, Any]
MEASURES = (
    ("acknowledge_ms", "Somebody acknowledged"),
    ("command_ms", "Command taken"),
    ("clocks_ms", "Clock list right for the first time"),
    ("order_ms", "Holds ordered"),
    ("first_confirm_ms", "First gateway confirmed"),
    ("last_confirm_ms", "Last gateway confirmed"),
    ("contain_ms", "Written down as contained"),
    ("end_ms", "Drill ended"),
    ("restore_ms", "Restored at every gateway, from its end"),
)

LIMITS = {"acknowledge": "Acknowledged", "clocks": "Clock list right"}


def report(row: Json, made: Score, past: Sequence[Score], best: Score | None) -> Json:
    """
    The row, and its ``measures``, each with the last drill's and the best's.

    ``bars``: the waterfall; ``trend``: the drills before it and itself, the oldest first.
    """
    last = past[-1] if past else None
    return {
        **row,
        "measures": [
            {
                "name": name.removesuffix("_ms"),
                "words": words,
                "ms": getattr(made, name),
                "target_ms": made.target_of(name.removesuffix("_ms")),
                "last_ms": getattr(last, name) if last else None,
                "best_ms": getattr(best, name) if best else None,
            }
            for name, words in MEASURES
        ],
        "bars": [bar.wire() for bar in made.bars],
        "last": last.drill if last else None,
        "best": best.drill if best else None,
        "trend": [_point_of_trend(one) for one in (*past, made)],
    }


def _point_of_trend(one: Score) -> Json:
    return {
        "drill": one.drill,
        "last_confirm_ms": one.last_confirm_ms,
        "verified": one.verified,
        "steps_late": one.steps_late,
        "steps_skipped": one.steps_skipped,
        "clocks_ms": one.clocks_ms,
        "met": one.met,
    }


def _in_time(measure: Json, end_ms: int | None) -> str:
    """Whether people kept a target of the playbook; nothing where there is none, or it was over before their time."""
    target, ms = measure["target_ms"], measure["ms"]
    if target is None or (ms is None and (end_ms is None or end_ms < target)):
        return ""
    word = "within" if ms is not None and ms <= target else "NOT within"
    return f"{LIMITS[measure['name']]} {word} the target of {took(target)}."


def verdicts(found: Json) -> list[str]:
    """What a reader has to know first, in sentences; what went wrong before what went well."""
    made = found["score"]
    said = [f"WRONG TARGET: {words}." for words in made["wrong"]]
    if not found["running"]:
        said.append(_proof(found, made))
    if made["holds"] and not made["points"]:
        said.append("No gateway was concerned, so nothing was proven about any.")
    elif made["holds"]:
        said.append(f"{made['confirmed']} of {made['points']} gateways confirmed.")
    if made["met"] is not None:
        word = "within" if made["met"] else "NOT within"
        said.append(f"Contained {word} the target of {took(made['target_ms'])}.")
    said += [line for m in found["measures"] if m["name"] in LIMITS and (line := _in_time(m, made["end_ms"]))]
    if made["steps"]:
        rest = f", {made['steps_late']} of them late" if made["steps_late"] else ""
        said.append(f"{made['steps_done']} of {made['steps']} steps done{rest}; {made['steps_skipped']} skipped.")
    if made["roles_unfilled"]:
        said.append(f"Nobody took: {', '.join(made['roles_unfilled'])}.")
    return said + _people(made) + _clocks(made, running=found["running"])


def _people(made: Json) -> list[str]:
    """What their own lines and the outcomes of messages say; the real ways out, as they were at that moment."""
    by_reason: dict[str, list[str]] = {}
    for one in made["not_reached"]:
        by_reason.setdefault(one["because"], []).append(one["who"].removeprefix("person:"))
    said = [f"Not reached: {', '.join(who)} ({because})." for because, who in by_reason.items()]
    if made["silent"]:
        said.append(f"Called, and gave no sign: {', '.join(made['silent'])}.")
    return said


def _clocks(made: Json, *, running: bool) -> list[str]:
    found = made["clocks"]
    if found is None:
        return []
    said = [f"The clock list was right after {took(made['clocks_ms'])}."] if made["clocks_ms"] is not None else []
    if not found["right"]:
        since = "is wrong again" if said else "is not right yet" if running else "was never right"
        said.append(f"The clock list {since}: {'; '.join(shortfalls(found))}.")
    return said


def clocks_next(made: Score) -> list[Json]:
    """For whoever runs it: what the list of clocks still lacks; nothing where it is right, or nobody says what is."""
    if made.clocks is None or made.clocks.right:
        return []
    return [{"what": f"the clock list: {'; '.join(shortfalls(made.clocks.wire()))}", "by": None, "who": COMMANDER}]


def shortfalls(found: Json) -> list[str]:
    """What keeps a list of clocks from being right."""
    said = []
    if found["unconfirmed"]:
        said.append(f"nobody has confirmed {', '.join(found['unconfirmed'])}")
    if found["missing"]:
        said.append(f"missing {', '.join(found['missing'])}")
    if found["extra"]:
        said.append(f"superfluous or undecided {', '.join(found['extra'])}")
    return said


def _proof(found: Json, made: Json) -> str:
    if made["equal"]:
        return "The live table after it is the live table before it (equal digests)."
    if made["explained"]:
        return "The live table differs from before: something else changed it meanwhile, as the log says."
    return "The live table differs from before, and nothing in the log explains it: look into it now."


def markdown(found: Json) -> str:
    """The whole report for whoever has no access to Andon; marked as a drill at its start and its end."""
    mark = f"**DRILL {found['id']}: an exercise, not a real incident.**"
    lines = [mark, "", f"# {_plain(found['title'] or found['id'])}", ""]
    lines += [f"- {words}" for words in _facts(found)]
    lines += ["", "## In short", "", *(f"- {_plain(words)}" for words in verdicts(found))]
    lines += ["", "## Times", "", "| | this drill | target | the one before | the best |", "|---|---|---|---|---|"]
    for m in found["measures"]:
        cells = (m["words"], *(took(m[name]) for name in ("ms", "target_ms", "last_ms", "best_ms")))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## One by one", "", "| | what | until | state | limit |", "|---|---|---|---|---|"]
    for bar in found["bars"]:
        cells = (bar["lane"], _plain(bar["name"]), took(bar["end_ms"]), bar["state"], took(bar["due_ms"]))
        lines.append(f"| {' | '.join(cells)} |")
    if found["follow_ups"]:
        lines += ["", "## Follow-ups", "", *(f"- {_plain(t['title'])}: {_whose(t)}" for t in found["follow_ups"])]
    if found["said"]:
        lines += ["", "## What people said", ""]
        lines += [
            f"- {one['at'][:16].replace('T', ' ')} UTC, {_plain(one['by'])}: {_plain(one['text'])}"
            for one in found["said"]
        ]
    lines += ["", mark, ""]
    return "\n".join(lines)


def _whose(task: Json) -> str:
    due = f", due {task['due_at'][:10]}" if task["due_at"] else ""
    return f"{_plain(task['owner'] or 'nobody')}{due}, {task['state']}"


def _facts(found: Json) -> list[str]:
    told = "announced" if found["announced"] else "unannounced"
    said = [
        f"Playbook {found['playbook']} v{found['playbook_version']}, {found['mode']}",
        f"Started {readable(found['started_at'])} by {_plain(found['started_by'])}, {told}",
    ]
    if found["running"]:
        said.append(f"Still running; ends by itself at {readable(found['ends_at'])}")
    else:
        said.append(f"{found['how'].capitalize()} {readable(found['ended_at'])}: {_plain(found['because'])}")
    if found["people"]:
        said.append("Took part: " + ", ".join(f"{_plain(p['person'])} ({p['part']})" for p in found["people"]))
    return said


def _plain(words: str) -> str:
    """Words of people can't add a row, a heading or a link."""
    kept = " ".join(words.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in kept)
