"""
What is left of an incident for people without a token, who were handed a link to it.

Pure. Only what is listed here is handed on, and no string of it names another incident or an address. Of a restricted
incident no words that a person typed are told at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from incidents.events import Event
from incidents.reading import Json, Reading
from incidents.timeline import Correction, Row

ELSEWHERE = "another incident"
ADDRESS = "[address]"

WITHHELD = "[withheld]"

_INCIDENT = re.compile(r"((?:INC|DRILL|TEST)-\d{4}-\d{3,})(?:-R\d+|/h\d+)?", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@<>()\[\],;:\"']{1,64}@[^\s@<>()\[\],;:\"']{1,250}")

_WHOLE = (
    "id", "kind", "status", "severity", "severity_since", "title", "summary", "playbook", "parameters",
    "declared_at", "declared_by", "via", "revision", "life", "holds_standing", "into", "updated_at", "next_update_at",
    "next_decision",
)  # fmt: skip
_PARTS = {
    "actions": ("number", "words", "state"),
    "holds": ("id", "action", "kind", "words", "standing", "lifted_at"),
    "tasks": ("number", "title", "role", "owner", "due_at", "overdue", "follow_up", "state", "settled_at"),
    "roles": ("role", "person", "since", "of_playbook"),
    "exit": ("number", "text", "met", "at"),
    "restores": ("id", "state", "asked_at", "expires_at", "settled_at"),
    "clocks": (
        "clock", "title", "recipient", "state", "due", "owner", "owner_role", "projected", "asks", "internal", "late",
        "submitted_at", "decided_at",
    ),
}  # fmt: skip
_REVIEW = ("state", "due_at", "owner", "published_at")
_KEPT_DATA = ("ms", "partners", "step", "of", "moment", "anchor")  # what the picture tells in few words
_NOT_TOLD = (
    "share:", "incident:members:", "incident:visibility:", "restore:approval:denied", "notice:approval:denied",
)  # fmt: skip
_SAID_ALREADY = ("applied", "skipped")  # actions: what is in force has a line of its own, the rest did not happen
_MACHINERY = "effect:"  # owed, passed on, tried again: of messages, only turning points are told


def without_words(lines: Sequence[Event]) -> list[Event]:
    """The same lines as if nobody had typed anything."""
    return [replace(line, text={}) if line.text else line for line in lines]


def for_strangers(reading: Reading, *, bare: bool) -> Reading:
    """
    Args:
        bare: The incident is restricted: ``reading`` was made without words, and the playbook's title stands in.
    """
    clean = _cleaner(reading.whole["id"], _typed_values(reading) if bare else ())
    whole = {name: reading.whole[name] for name in _WHOLE}
    whole |= {name: [_only(row, fields) for row in reading.whole[name]] for name, fields in _PARTS.items()}
    whole |= {"postmortem": _only(reading.whole["postmortem"], _REVIEW), "containment": reading.whole["containment"]}
    if bare:
        whole |= {"title": whole["playbook"]["title"], "summary": "", "parameters": {}}
    named = set(_named(whole)) & reading.people.keys()
    return Reading(
        whole=clean(whole),
        rows=[_row(row, clean, bare) for row in reading.rows if _is_told(row, bare)],
        exposure=clean(reading.exposure),
        people={id: {"name": clean(reading.people[id]["name"]), "slack": None, "email": None} for id in sorted(named)},
    )


def _typed_values(reading: Reading) -> list[str]:
    """Values of parameters that name nothing which the catalog knew: they are somebody's own words."""
    known = {row["model"] for row in reading.exposure["models"]}
    for row in reading.exposure["access"]:
        known |= {row["partner"], row["flag"], *row["flag"].split(":")}
    for row in reading.exposure["flags"]:
        known |= {row["flag"], *row["flag"].split(":")}
    return [value for value in reading.whole["parameters"].values() if value and value not in known]


def _only(row: Json, fields: Iterable[str]) -> Json:
    return {name: row[name] for name in fields if name in row}


def _named(whole: Json) -> Iterable[str]:
    yield whole["declared_by"]
    yield from (row["person"] for row in whole["roles"] if row["person"])
    yield from (row["owner"] for row in whole["tasks"] if row["owner"])
    yield whole["postmortem"]["owner"] or ""
    yield (whole["next_decision"] or {}).get("who", "")


def _is_told(row: Row, bare: bool) -> bool:
    typed = row.kind in ("incident:note:added", "incident:update:posted", "review:document:saved")
    inner = row.kind.startswith(_NOT_TOLD) or (row.kind.startswith(_MACHINERY) and not row.key)
    again = row.kind == "incident:action:recorded" and row.data.get("state") in _SAID_ALREADY
    return not row.restricted and not inner and not again and not (bare and typed)


def _row(row: Row, clean: Callable[[Any], Any], bare: bool) -> Row:
    return replace(
        row,
        text=clean(row.text.replace("[redacted]", WITHHELD) if bare else row.text),
        actor=clean(row.actor),
        data=clean({name: row.data[name] for name in _KEPT_DATA if name in row.data}),
        redacted=row.redacted and not bare,
        corrections=() if bare else tuple(_correction(c, clean) for c in row.corrections),
    )


def _correction(found: Correction, clean: Callable[[Any], Any]) -> Correction:
    return replace(
        found,
        by=clean(found.by),
        reason=clean(found.reason),
        was_text=None if found.was_text is None else clean(found.was_text),
    )


def _cleaner(own: str, typed: Sequence[str]) -> Callable[[Any], Any]:
    """
    Takes other incidents' ids, addresses and what was ``typed`` out of every string of a value.

    A list of strings names each thing once.
    """
    longest_first = sorted(map(re.escape, typed), key=len, reverse=True)
    words = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)") if typed else None

    def id_of(found: re.Match[str]) -> str:
        return found[0] if found[1].upper() == own else ELSEWHERE

    def clean(value: Any) -> Any:
        match value:
            case str():
                told = words.sub(WITHHELD, value) if words else value
                return _MAIL.sub(ADDRESS, _INCIDENT.sub(id_of, told))
            case dict():
                return {key: clean(item) for key, item in value.items()}
            case list():
                found = [clean(item) for item in value]
                several = found.count(ELSEWHERE) > 1 and all(isinstance(item, str) for item in found)
                return list(dict.fromkeys(found)) if several else found
        return value

    return clean
