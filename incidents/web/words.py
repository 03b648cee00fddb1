"""
How pages say times, spans, table keys and states. Filters for templates; pure but for the moment that is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from flask import Flask
from markupsafe import Markup, escape

from incidents.clock import parse_rfc3339, readable, rfc3339
from incidents.spans import plural as plural
from incidents.spans import span as span
from incidents.spans import spelled as spelled
from incidents.spans import took as took
from runbooks.render import plain, render_note

REASONS = {
    "granted": "allowed",
    "unknown-model": "the model is not known",
    "unknown-capability": "the model does not have this capability",
    "unknown-partner": "the partner is not known",
    "model-halted": "the model is halted",
    "capability-off": "the capability is off",
    "region-off": "off in some regions",
    "partner-revoked": "the partner is revoked",
    "stage": "the model's stage does not admit this partner",
    "no-grant": "no grant",
    "grant-expired": "the grant has expired",
    "terms-not-accepted": "the terms are not accepted",
    "usage-cap": "the cap is used up",
    "lease-lapsed": "the gateway's lease has lapsed",
}
POINT_STATES = {
    "confirmed": ("confirmed", "ok"),
    "pending": ("not confirmed", "wait"),
    "lapsed": ("lapsed, denies", "wait"),
    "refused": ("can't apply it", "stop"),
}
STANDINGS = {
    "holds a lease": "ok",
    "asks live": "ok",
    "flagd": "ok",
    "lapsed": "wait",
    "never connected": "wait",
    "token revoked": "soft",
    "retired": "soft",
}
REMEMBERED = 2_000  # characters; longer notes are rendered anew each time
STATUS_TONES = {
    "declared": "stop",
    "contained": "ok",
    "mitigated": "ok",
    "resolved": "ok",
    "reviewed": "soft",
    "closed": "soft",
    "false-alarm": "soft",
    "merged": "soft",
}
BANDS = {
    "real": "Real incident",
    "drill": "Drill · a rehearsal: nobody real is touched",
    "test": "Test · nothing is held, nobody is told",
}


_BLANK = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")  # a parameter in a playbook's own words


def add_words(app: Flask) -> None:
    """Give the templates these filters."""
    app.jinja_env.filters |= {
        "clock": clock_time,
        "moment": moment,
        "span": span,
        "until": until,
        "thing": thing,
        "value": value_of,
        "reason": lambda code: REASONS.get(code, code),
        "caps": caps,
        "note": note,
        "lasting": lasting,
        "plural": plural,
        "took": took,
        "marked": marked,
        "blanks": lambda text: _BLANK.sub(r"<\1>", text),
        "spelled": spelled,
        "readable": lambda words: readable(str(words)),
        "severity": lambda text: f"SEV {text[3:]}" if text.startswith("sev") else text,
    }
    app.jinja_env.globals |= {"POINT_STATES": POINT_STATES, "STANDINGS": STANDINGS, "BANDS": BANDS}
    app.jinja_env.globals["STATUS_TONES"] = STATUS_TONES
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def note(text: str) -> Markup:
    """A note as HTML; the renderer sanitises with a closed list."""
    return Markup(_rendered(text) if len(text) <= REMEMBERED else render_note(text))  # noqa: S704


_rendered = lru_cache(maxsize=2048)(render_note)  # a page shows the same notes again and again


def forget_notes() -> None:
    """Words that were redacted are not to be found in memory either."""
    _rendered.cache_clear()
    plain.cache_clear()


def marked(text: str, marks: Sequence[Sequence[int]]) -> Markup:
    """A text in which what was searched for is marked; ``marks`` are (start, end) in characters, in order."""
    parts, at = [], 0
    for start, end in marks:
        parts += [escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        at = end
    return Markup("").join([*parts, escape(text[at:])])


def _time(when: str | datetime) -> datetime:
    return parse_rfc3339(when) if isinstance(when, str) else when.astimezone(UTC)


def clock_time(when: str | datetime, now: datetime) -> Markup:
    """``14:02:07 UTC``, with the day where it is not today; a script adds the reader's own time."""
    at = _time(when)
    day = "" if at.date() == now.date() else f"{at:%d %b} " if at.year == now.year else f"{at:%d %b %Y} "
    return Markup('<time datetime="{}" data-local>{}{:%H:%M:%S} UTC</time>').format(rfc3339(at), day, at)


def moment(when: str | datetime, now: datetime) -> Markup:
    """How long ago, with the exact time behind it: ``7 min ago``."""
    at = _time(when)
    ago = (now - at).total_seconds()
    text = "just now" if 0 <= ago < 5 else f"{span(ago)} ago" if ago >= 0 else f"in {span(-ago)}"
    title = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(rfc3339(at), title, text)


def lasting(when: str | datetime, now: datetime) -> Markup:
    """How long something has been so: ``7 min``; a script counts on."""
    at = _time(when)
    text, title = span(max(0.0, (now - at).total_seconds())), f"since {at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}" data-lasting>{}</time>').format(rfc3339(at), title, text)


def until(when: str | datetime, now: datetime) -> Markup:
    """``in 22 h 41 min`` or ``over by 3 min``; a script counts on."""
    at = _time(when)
    left = (at - now).total_seconds()
    text = f"in {span(left)}" if left >= 0 else f"over by {span(-left)}"
    title = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}" data-until class="{}">{}</time>').format(
        rfc3339(at), title, "due" if left >= 0 else "due over", text
    )


def caps(cap: Mapping[str, int] | None) -> str:
    """``2,000 per day``; ``no cap`` where there is none."""
    return ", ".join(f"{n:,} {per.replace('_', ' ')}" for per, n in sorted((cap or {}).items())) or "no cap"


def thing(key: str) -> str:
    """What a key of the decision table stands for, in words."""
    kind, _, id = key.partition(":")
    match kind, id.split(":"):
        case "partner", [partner]:
            return f"{partner}, all access"
        case "model", [model]:
            return f"{model}, stage"
        case "flag", [model, capability]:
            return f"{capability} on {model}"
        case "grant", [partner, model, capability]:
            return f"{partner}'s use of {capability} on {model}"
        case "ladder", _:
            return "the ladder of stages"
    return key


def value_of(entry: Any, key: str) -> str:
    """What the table holds there, in words."""
    if entry is None:
        return "not there"
    exceptions = (entry.get("for") or {}) if isinstance(entry, Mapping) else {}
    if exceptions:
        own = "; ".join(f"{partner}: {value_of(its, key)}" for partner, its in sorted(exceptions.items()))
        return f"{value_of({k: v for k, v in entry.items() if k != 'for'}, key)}, but {own}"
    kind = key.partition(":")[0]
    if kind == "partner":
        return "revoked" if entry.get("revoked") else "on"
    if kind == "model":
        return f"halted (stage {entry['stage']})" if entry.get("halted") else str(entry["stage"])
    if kind == "flag":
        regions = ", ".join(entry.get("regions", ()))
        return "off" if entry.get("off") else f"off in {regions}" if regions else "on"
    if kind == "grant":
        return caps(entry.get("cap"))
    return str(entry)
