"""
Carrying an incident away: who gets which parts of its record, in which form, under whose signature.

What a reader may not know is left out and said; what was redacted nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from incidents.clock import rfc3339
from incidents.decisions import Asker, needs
from incidents.decisions.sight import hidden, veiled
from incidents.errors import Conflicting, Invalid, nearest
from incidents.events import EntryCorrected, Event
from incidents.ledger import Head
from incidents.ledger.chain import canonical, whole
from incidents.ledger.export import Export
from incidents.measures import measure
from incidents.operations import Operations
from incidents.record import Record
from incidents.record.html import html
from incidents.record.markdown import markdown
from incidents.roles import Right

Json = dict[str, Any]
TRIES = 5
RESTRICTED, ANOTHER = "a restricted note", "names a restricted incident"


class Sign(Protocol):
    """Signs that ``head`` was the newest event of ``ledger``, for the export of that digest; None: no key is there."""

    def __call__(self, ledger: str, head: Head, at: datetime, export: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Carried:
    """A file to be kept elsewhere. ``media`` is its type with its character set."""

    name: str
    media: str
    text: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one reader may know of an incident, all of one moment."""

    lines: Sequence[Event]
    without: dict[int, dict[str, str]]  # line -> part of it that is withheld -> why
    unknown: frozenset[str]  # incidents that the reader may not know of
    record: Record


class Records:
    def __init__(self, operations: Operations, sign: Sign) -> None:
        self._operations, self._sign = operations, sign

    def export(self, asker: Asker, id: str, form: str, *, handed_out: bool = False) -> Carried:
        """
        The whole record of an incident as a file.

        Args:
            form: ``md``, ``html`` or ``json``.
            handed_out: Without what is for members alone, even if the asker is one.

        Raises:
            Unknown: No such incident, for this asker.
            Invalid: An unknown form.
        """
        needs(asker, Right.READ, "exporting an incident")
        if form not in FORMS:
            message = f"unknown format '{form[:40]}'.{nearest(form, FORMS)} It is {', '.join(FORMS)}"
            raise Invalid.at("format", message)
        media, made = FORMS[form]
        seen = self._steady(asker, id, handed_out)
        return Carried(f"{seen.record.id}.{form}", media, made(self, seen))

    def _steady(self, asker: Asker, id: str, handed_out: bool) -> _Seen:
        """Read again where somebody wrote meanwhile: a record is of one moment."""
        for _ in range(TRIES):
            seen = self._seen(asker, id, handed_out)
            if self._operations.desk.ledger.incident(seen.record.id)[-1].seq == seen.record.head_seq:
                return seen
        raise Conflicting(f"{id} is being written to all the time; try again", code="busy")

    def _seen(self, asker: Asker, id: str, handed_out: bool) -> _Seen:
        operations = self._operations
        reading = operations.reading(asker, id)
        known = str(reading.whole["id"])
        lines = operations.desk.ledger.incident(known)
        inside = not handed_out and operations.may_read_restricted(asker, known)
        with operations.desk.read() as state:
            unknown = hidden(state, asker)
        without = dict(_withheld(lines, inside, unknown))
        now = operations.desk.clock.now()
        rows = reading.rows
        if handed_out:
            rows = operations.timeline(asker, known, limit=len(lines), handed_out=True)
        record = Record(
            incident=reading.whole,
            rows=rows,
            review=operations.postmortem(asker, known),
            figures=measure(lines, now),
            held=reading.exposure["holds"],
            names={id: person["name"] for id, person in reading.people.items()},
            exported_at=rfc3339(now),
            exported_by=asker.actor.name,
            ledger=operations.desk.ledger.id,
            head_seq=lines[-1].seq,
            head_digest=lines[-1].digest,
            events=len(lines),
            withheld=[
                {"seq": seq, "part": part, "because": why}
                for seq, parts in without.items()
                for part, why in sorted(parts.items())
            ],
            restricted=sum(row.restricted for row in rows) if inside else 0,
            site=operations.public_url,
        )
        return _Seen(lines, without, unknown, record)

    # --- forms ---

    def _markdown(self, seen: _Seen) -> str:
        return str(veiled(markdown(seen.record), seen.unknown))

    def _html(self, seen: _Seen) -> str:
        return str(veiled(html(seen.record), seen.unknown))

    def _json(self, seen: _Seen) -> str:
        record = seen.record
        review = {name: value for name, value in record.review.items() if name not in ("may", "facts")}
        views = {
            "incident": record.incident,
            "measures": record.figures.wire(),
            "review": review,
            "timeline": [row.wire() for row in record.rows],
        }
        made = Export(
            incident=record.id,
            kind=record.incident["kind"],
            ledger=record.ledger,
            exported_at=record.exported_at,
            exported_by=record.exported_by,
            withheld=[dict(entry) for entry in record.withheld],
            events=[_line(event, seen.without.get(event.seq, {})) for event in seen.lines],
            views=_without_floats(veiled(views, seen.unknown)),
        )
        newest, now = seen.lines[-1], self._operations.desk.clock.now()
        return made.signed(self._sign(newest.ledger, made.head, now, made.digest)).written()


Made = Callable[[Records, _Seen], str]
FORMS: dict[str, tuple[str, Made]] = {
    "md": ("text/markdown; charset=utf-8", Records._markdown),
    "html": ("text/html; charset=utf-8", Records._html),
    "json": ("application/json", Records._json),
}


def _withheld(lines: Sequence[Event], inside: bool, unknown: frozenset[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line -> which of its bodies this reader does not get, and why."""
    restricted = {line.seq for line in lines if line.data.get("restricted")}
    for line in lines:
        of_restricted = line.kind == EntryCorrected.kind and line.data["entry"] in restricted
        parts: dict[str, str] = {}
        if line.text is not None and not inside and (line.seq in restricted or of_restricted):
            parts["text"] = RESTRICTED
        for part, body in (("text", line.text), ("data", line.data)):
            if unknown and body is not None and _names(body, unknown):
                parts.setdefault(part, ANOTHER)
        if parts:
            yield line.seq, parts


def _names(body: Any, unknown: frozenset[str]) -> bool:
    text = canonical(body).decode()
    return any(id in text for id in unknown)


def _line(event: Event, without: dict[str, str]) -> Json:
    line = whole(event)
    if "text" in without:
        line |= {"text": None, "salt": None}
    if "data" in without:
        line["data"] = None
    return line


def _without_floats(value: Any) -> Any:
    """A view that has one all the same says it in words: what is digested has one spelling only."""
    if isinstance(value, dict):
        return {name: _without_floats(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_floats(item) for item in value]
    return f"{value:g}" if isinstance(value, float) else value
