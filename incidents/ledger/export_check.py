"""
Is an incident's exported record whole and unchanged? Names the first line that is wrong.

Pure. The chain shows that no event in it was changed; only a signature that is checked with a key kept elsewhere shows
that the file was not written anew, and that nothing was cut off before it was signed.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from incidents.errors import Invalid
from incidents.events import Event
from incidents.ledger import GENESIS, Head
from incidents.ledger.chain import from_json, parsed
from incidents.ledger.checkpoint import Checkpoint, parse, parse_and_check, refuse_no_key
from incidents.ledger.export import ABOUT, BEGINS, FIELDS, FIRST_EVENT, FORM, Export, Json, json_of
from incidents.ledger.verify import Verdict, verify_incident

_ONE_SIGNATURE = re.compile(r"— andon/\S+ [A-Za-z0-9+/]+={0,2}\n")


def is_export(text: str) -> bool:
    """Rather than an exported log."""
    return text.startswith(BEGINS)


@dataclass(frozen=True, slots=True)
class Found:
    """
    ``line`` and ``why``: the first line that is wrong, counted from 1, and a sentence about it; ``wrong`` its event.

    ``signed``: ``good``, ``unchecked`` (no key to check it with was given) or ``none``.
    """

    incident: str
    events: int = 0
    redacted: int = 0
    withheld: int = 0
    head: Head = field(default_factory=lambda: Head(0, GENESIS))
    ledgers: tuple[str, ...] = ()
    signed: str = "none"
    point: Checkpoint | None = None
    line: int | None = None
    wrong: int | None = None
    why: str | None = None

    @property
    def ok(self) -> bool:
        return self.why is None


class _Wrong(Exception):
    def __init__(self, line: int, why: str, seq: int | None = None) -> None:
        super().__init__(why)
        self.line, self.why, self.seq = line, why, seq


def check(text: str, *, pinned: str = "", against: Checkpoint | None = None) -> Found:
    """
    Is this export whole and unchanged?

    Args:
        pinned: The public key (base64 or PEM) or fingerprint that the asker trusts; without it a signature can't tell
            who made the file.
        against: A checkpoint that was kept elsewhere, its signature checked; one of an event of this incident.

    Raises:
        Invalid: ``pinned`` is no key, or ``against`` is of no event in here.
    """
    if pinned:
        refuse_no_key(pinned)
    incident = ""
    try:
        values = _read(text)
        incident = str(values["incident"])
        found = _chain(values)
        export = _as_exported(values, text)
        point, signed = _checkpoint(export, pinned)
    except _Wrong as wrong:
        return Found(incident, line=wrong.line, wrong=wrong.seq, why=wrong.why)
    if against is not None and (wrong_at := _differs(values["events"], against)) is not None:
        return Found(incident, line=wrong_at[0], wrong=against.seq, why=wrong_at[1])
    texts = sum(entry["part"] == "text" for entry in export.withheld)
    return Found(
        incident,
        events=found.events,
        redacted=found.redacted - texts,
        withheld=len(export.withheld),
        head=found.head,
        ledgers=found.ledgers,
        signed=signed,
        point=point,
    )


def _read(text: str) -> Json:
    """The file's values, of the right shape."""
    try:
        values = parsed(text.removesuffix("\n"))
    except json.JSONDecodeError as error:
        raise _Wrong(_first_broken(text) or error.lineno, f"it is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise _Wrong(1, f"it is not JSON of an export ({error})") from error
    if not isinstance(values, dict) or list(values) != list(FIELDS):
        raise _Wrong(1, f"it is no export of an incident: it has the fields {', '.join(FIELDS)}, in this order")
    if values["andon_export"] != FORM:
        raise _Wrong(1, f"it is written in form {values['andon_export']!r}; this program reads form {FORM}")
    whole = isinstance(values["events"], list) and isinstance(values["views"], dict) and values["events"]
    if not whole or not isinstance(values["withheld"], list) or not all(map(_is_entry, values["withheld"])):
        raise _Wrong(1, "it is no export of an incident: its events, views or what is withheld are missing")
    return values


def _first_broken(text: str) -> int | None:
    """The first line of an event that is not JSON by itself: a parser of the whole stumbles only further down."""
    for number, line in enumerate(text.split("\n")[FIRST_EVENT - 1 :], FIRST_EVENT):
        if line == "],":
            return None
        try:
            parsed(line.removesuffix(","))
        except (ValueError, RecursionError):
            return number
    return None


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.keys() == {"seq", "part", "because"} and entry["part"] in ("text", "data")


def _chain(values: Json) -> Verdict:
    """Each event as it was sealed, each hanging on the one before."""
    events: list[Event] = []
    unread: _Wrong | None = None
    for number, value in enumerate(values["events"]):
        try:
            events.append(from_json(json_of(value)))
        except (Invalid, ValueError, TypeError) as error:
            seq = value.get("seq") if isinstance(value, dict) and isinstance(value.get("seq"), int) else None
            unread = _Wrong(FIRST_EVENT + number, str(error), seq)
            break
    withheld = {entry["seq"] for entry in values["withheld"] if entry["part"] == "data"}
    verdict = verify_incident(events, withheld=withheld)
    if not verdict.ok:
        raise _Wrong(FIRST_EVENT + verdict.events, str(verdict.why), verdict.wrong)
    if unread is not None:
        raise unread
    if events[0].incident != values["incident"]:
        raise _Wrong(2, f"it calls itself {values['incident']}, its events are of {events[0].incident}")
    return verdict


def _as_exported(values: Json, text: str) -> Export:
    """The export, once it is known to be written as ours are, to the byte, with every digest right."""
    known = {name: values[name] for name in (*ABOUT, "events", "views", "checkpoint")}
    try:
        export = Export(**known)
        said = "".join(export.lines(values["digests"], values["digest"]))
        digests, digest = export.digests, export.digest
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _Wrong(1, f"it holds what no export can hold ({error})") from error
    if said != text:
        pairs = itertools.zip_longest(said.split("\n"), text.split("\n"))
        line = next(number for number, (wanted, got) in enumerate(pairs, 1) if wanted != got)
        raise _Wrong(line, "it is not written as it was exported (RFC 8785, an event a line)")
    views = FIRST_EVENT + len(export.events) + 2
    for place, name in enumerate(sorted(export.views)):
        if values["digests"].get(name) != digests[name]:
            raise _Wrong(views + place, f"the view '{name}' was changed (it doesn't give the recorded digest)")
    last = views + len(export.views) + 1
    if values["digests"] != digests:
        raise _Wrong(last, "digests of views that are not there")
    if digest != values["digest"]:
        raise _Wrong(last + 1, "what the export says of itself was changed (it doesn't give the recorded digest)")
    return export


def _checkpoint(export: Export, pinned: str) -> tuple[Checkpoint | None, str]:
    if export.checkpoint is None:
        return None, "none"
    line = FIRST_EVENT + len(export.events) + len(export.views) + 5
    if not _ONE_SIGNATURE.fullmatch(str(export.checkpoint).partition("\n\n")[2]):
        raise _Wrong(line, "it does not end with one signature, as an export does")
    try:
        point = parse_and_check(export.checkpoint, pinned) if pinned else parse(export.checkpoint)
    except Invalid as error:
        raise _Wrong(line, str(error)) from error
    of = (export.events[-1]["ledger"], export.head.seq, export.head.digest)
    if (point.ledger, point.seq, point.digest) != of:
        raise _Wrong(line, f"it is signed at event {point.seq}, the export ends with event {export.head.seq}")
    if point.export != export.digest:
        raise _Wrong(line, "it was signed for another export of this incident")
    return point, "good" if pinned else "unchecked"


def _differs(events: Sequence[Json], point: Checkpoint) -> tuple[int, str] | None:
    """Where the export contradicts a checkpoint that was kept elsewhere, and how."""
    for number, event in enumerate(events):
        if event["seq"] == point.seq:
            if (event["ledger"], event["digest"]) == (point.ledger, point.digest):
                return None
            return (
                FIRST_EVENT + number,
                f"the checkpoint holds {point.digest} for event {point.seq}, the export another",
            )
    raise Invalid(
        f"the checkpoint is of event {point.seq}, which is none of this incident's: nothing can be compared;"
        " one of an earlier export of it can"
    )
