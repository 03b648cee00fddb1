"""
Lines of the timeline that people look at again: corrected, pinned, redacted.

Nothing is ever edited. A correction is a line of its own that points at the earlier one; a redaction takes words out
for good and says so. The earlier event is handed in, because the state does not keep lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import NOTE_LIMIT, check_past, check_reason, get_incident
from incidents.decisions.life import check_words, in_order
from incidents.decisions.sight import is_insider
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown
from incidents.events import Draft, Event
from incidents.life import Incident
from incidents.roles import Right
from incidents.state import State

WORDS = {"incident:note:added": "note", "incident:update:posted": "update"}
EVIDENCE = ("contained", "reviewed")  # moments that no person wrote


def _line(state: State, incident_id: str, entry: Event | None, seq: int) -> tuple[Incident, Event]:
    incident = get_incident(state, incident_id)
    if entry is None or entry.incident != incident.id:
        raise Unknown(f"{incident.id} has no line {seq}", code="unknown-entry")
    return incident, entry


def _check_is_for(incident: Incident, line: Event, asker: Asker) -> None:
    if line.data.get("restricted") and not is_insider(asker, incident.insiders):
        raise Forbidden(f"line {line.seq} is for the members of {incident.id}", code="members-only")


def correct(
    state: State,
    incident_id: str,
    seq: int,
    entry: Event | None,
    *,
    at: datetime | None,
    words: str | None,
    reason: str,
    asker: Asker,
    now: datetime,
) -> Decided:
    """
    Say that a line happened at another time, or said it otherwise.

    Raises:
        Invalid: Nothing to correct, a time that can't be, no reason, a line that evidence wrote.
        Forbidden: Somebody else's note, without the right to command; or one that is not for the asker.
        Conflicting: The line was redacted.
    """
    needs(asker, Right.RESPOND, "correcting a line")
    incident, line = _line(state, incident_id, entry, seq)
    _check_is_for(incident, line, asker)
    mine = line.actor.person is not None and line.actor.person == asker.actor.person
    if not mine:
        needs(asker, Right.COMMAND, "correcting somebody else's line")
    if at is None and words is None:
        raise Invalid("a correction gives another time or other words")
    if words is not None:
        _check_words_of(line, words)
    if at is not None:
        at = _time_of(incident, line, at, now)
    check_reason(reason, "a correction needs a reason")
    text = {"reason": reason} | ({"note": words} if words is not None else {})
    restricted = True if line.data.get("restricted") else None
    fact = ev.EntryCorrected(entry=seq, at=rfc3339(at) if at else None, restricted=restricted)
    return Decided([Draft(fact, incident=incident.id, text=text)], subject=incident.id)


def _check_words_of(line: Event, words: str) -> None:
    name = WORDS.get(line.kind)
    if name is None:
        raise Invalid.at("text", f"line {line.seq} is no note or update: only its time can be corrected")
    if line.text is None:
        raise Conflicting(f"line {line.seq} was redacted; write a new one")
    check_words(name, words, NOTE_LIMIT)


def _time_of(incident: Incident, line: Event, at: datetime, now: datetime) -> datetime:
    if line.kind in WORDS:
        return check_past(at, now)
    name = next((n for n, m in incident.moments.items() if m.seq == line.seq), None)
    if name is None or name in EVIDENCE:
        raise Invalid.at("at", f"the time of line {line.seq} ({line.kind}) is evidence and is not corrected")
    return in_order(incident, line.seq, name, at, now)


def pin(
    state: State, incident_id: str, seq: int, entry: Event | None, *, pinned: bool, asker: Asker, is_pinned: bool
) -> Decided:
    """Call a line a key moment, or no longer; what it is already changes nothing and leaves no line."""
    needs(asker, Right.RESPOND, "pinning a line")
    incident, line = _line(state, incident_id, entry, seq)
    if line.kind in ("incident:entry:pinned", "incident:entry:redacted"):
        raise Invalid.at("entry", f"line {seq} is about another line; pin that one")
    if pinned == is_pinned:
        return Decided([], subject=incident.id, joined=True)
    return Decided([Draft(ev.EntryPinned(entry=seq, pinned=pinned), incident=incident.id)], subject=incident.id)


def redact(
    state: State,
    incident_id: str,
    seq: int,
    entry: Event | None,
    *,
    reason: str,
    asker: Asker,
    corrections: Sequence[int] = (),
) -> Decided:
    """
    Take the words of a line out for good, and with them what corrections of it said.

    Args:
        corrections: The lines that correct it.

    Raises:
        Forbidden: No right to command, or the line is not for the asker.
        Conflicting: It has none, or they are out already.
    """
    needs(asker, Right.COMMAND, "redacting a line")
    incident, line = _line(state, incident_id, entry, seq)
    _check_is_for(incident, line, asker)
    if line.text is None:
        raise Conflicting(f"line {seq} has no words" + (" any more" if line.text_digest else ""), code="already")
    check_reason(reason, "a redaction needs a reason; it is kept, so it must not say what was redacted")
    draft = Draft(ev.EntryRedacted(entry=seq), incident=incident.id, text={"reason": reason})
    return Decided([draft], subject=incident.id, redact=(seq, *corrections))
