"""
Is this log whole and unchanged? Every digest computed again, every link followed.

Pure: over any iterable of events, from a ledger or from an exported file. A chain alone can't show that its tail was
cut off or that all of it was written anew; a checkpoint that was kept elsewhere can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from incidents.events import ENVELOPE_VERSION, WITHHELD, Event, LedgerRestored, Withheld
from incidents.ledger import GENESIS, Head
from incidents.ledger.chain import digest_of_data, digest_of_header, digest_of_text, stamp
from incidents.ledger.checkpoint import Checkpoint, parse_and_check


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What was found. ``wrong`` is the number of the first event that is wrong and ``why`` a sentence about it.

    ``events`` counts the good ones before it, ``redacted`` those of them whose text was taken out, ``withheld`` those
    that were not for whoever was given the copy, ``head`` is the last good one and ``ledgers`` the ids that the log has
    had, oldest first.
    """

    events: int
    redacted: int
    head: Head
    ledgers: tuple[str, ...]
    wrong: int | None = None
    why: str | None = None
    withheld: int = 0

    @property
    def ok(self) -> bool:
        """Nothing is wrong. With lines ``withheld`` that is no proof: nobody can see what they hang on."""
        return self.why is None


@dataclass(slots=True)
class _Walk:
    """Where in the log we are, and what the next event must hang on."""

    whole: bool = True  # the whole log, or the events of one incident alone
    events: int = 0
    redacted: int = 0
    head: Head = field(default_factory=lambda: Head(0, GENESIS))
    recorded_at: datetime | None = None
    ledgers: list[str] = field(default_factory=list)
    newest_of: dict[str, str] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)  # digests of withheld events
    withheld: int = 0

    def step_over(self, event: Withheld) -> None:
        self.events += 1
        self.withheld += 1
        self.head = Head(event.seq, event.digest)
        self.unseen.add(event.digest)

    def step(self, event: Event) -> None:
        self.events += 1
        self.withheld += event.data == WITHHELD
        self.redacted += event.text is None and event.text_digest is not None
        self.head = Head(event.seq, event.digest)
        self.recorded_at = event.recorded_at
        if not self.ledgers or self.ledgers[-1] != event.ledger:
            self.ledgers.append(event.ledger)
        if event.incident is not None:
            self.newest_of[event.incident] = event.digest

    def verdict(self, wrong: int | None = None, why: str | None = None) -> Verdict:
        return Verdict(self.events, self.redacted, self.head, tuple(self.ledgers), wrong, why, self.withheld)


def verify(
    events: Iterable[Event | Withheld],
    *,
    ledger: str | None = None,
    against: Checkpoint | None = None,
    copy: bool = False,
) -> Verdict:
    """
    Check a whole log from its first event on.

    Args:
        ledger: The id that the ledger claims to have now, if known.
        against: A checkpoint whose signature has been checked already (``parse_and_check``).
        copy: It is what somebody was given, so data may be withheld in it; in a ledger that is a change.
    """
    walk = _Walk()
    for event in events:
        if isinstance(event, Withheld):
            why = _place(walk, event) or _differs(event, against)
        else:
            why = _link(walk, event) or _content(event, copy and event.data == WITHHELD) or _differs(event, against)
        if why is not None:
            place = walk.head.seq + 1
            return walk.verdict(place, f"event {place}: {why}")
        if isinstance(event, Withheld):
            walk.step_over(event)
        else:
            walk.step(event)
    if ledger is not None and walk.ledgers and walk.ledgers[-1] != ledger:
        why = f"the ledger calls itself {ledger}, but its last event belongs to ledger {walk.ledgers[-1]}"
        return walk.verdict(walk.head.seq, why)
    return _reaches(walk, ledger, against)


def against(events: Iterable[Event], text: str, pinned: str, *, ledger: str | None = None) -> Verdict:
    """
    Check a whole log against the text of a signed checkpoint.

    Args:
        pinned: The public key (base64 or PEM) or its fingerprint, kept by the asker and never taken from the ledger.

    Raises:
        Invalid: The checkpoint itself is broken, or was not signed with the pinned key.
    """
    return verify(events, ledger=ledger, against=parse_and_check(text, pinned))


def verify_incident(events: Iterable[Event], *, withheld: Collection[int] = ()) -> Verdict:
    """
    Check one incident's events alone, as exported: each hangs on the one before by ``incident_prev``.

    Can't see whether newer events of the incident are missing; compare ``head`` with the ledger for that.

    Args:
        withheld: Events whose data the reader was not given; what their header says of it can't be checked.
    """
    walk = _Walk(whole=False)
    incident: str | None = None
    for event in events:
        incident = incident or event.incident
        why = (
            _of_incident(event, incident)
            or _link(walk, event)
            or _content(event, event.data is None and event.seq in withheld)
        )
        if why is not None:
            return walk.verdict(event.seq, f"event {event.seq}: {why}")
        walk.step(event)
    return walk.verdict()


def _of_incident(event: Event, incident: str | None) -> str | None:
    if event.incident is None:
        return "it belongs to no incident, and so not into an incident's export"
    return None if event.incident == incident else f"it belongs to {event.incident}, the export is of {incident}"


def _link(walk: _Walk, event: Event) -> str | None:
    """Why the event doesn't hang on the one before it; None if it does."""
    if event.v != ENVELOPE_VERSION:
        return (
            f"its envelope version is {event.v}, this program knows {ENVELOPE_VERSION}; was it written by a newer one?"
        )
    if walk.whole:
        misplaced = _place(walk, event) or _ledger_changed(walk, event)
        if misplaced is not None:
            return misplaced
    elif event.seq <= walk.head.seq:
        return f"it stands after event {walk.head.seq}; events are out of order"
    newest = walk.newest_of.get(event.incident) if event.incident is not None else None
    if event.incident_prev != newest and event.incident_prev not in walk.unseen:
        return f"its link to the event before it of {event.incident or 'no incident'} is wrong"
    if walk.recorded_at is not None and event.recorded_at < walk.recorded_at:
        return f"recorded at {stamp(event.recorded_at)}, before the event in front of it ({stamp(walk.recorded_at)})"
    return None


def _place(walk: _Walk, event: Event | Withheld) -> str | None:
    if event.seq != walk.head.seq + 1:
        return f"in its place stands number {event.seq}; events are missing or out of order"
    if event.prev != walk.head.digest:
        before = f"the digest of event {walk.head.seq}" if walk.head.seq else "the start of a log"
        return f"its link names another event than the one before it (not {before})"
    return None


def _ledger_changed(walk: _Walk, event: Event) -> str | None:
    """The id changes where a backup went on as a new ledger, said by exactly that event, and nowhere else."""
    before = walk.ledgers[-1] if walk.ledgers else None
    if event.kind == LedgerRestored.kind:
        named = (event.data.get("from_ledger"), event.data.get("to_ledger"))
        if named != (before or named[0], event.ledger) or named[0] == named[1]:
            return f"it says that ledger {named[0]} went on as {named[1]}, the chain says {before} and {event.ledger}"
    elif before is not None and event.ledger != before:
        return f"it belongs to ledger {event.ledger}, the one before it to {before}, and no restore is recorded"
    return None


def _content(event: Event, without_data: bool = False) -> str | None:
    """Why the event is not what was sealed; None if it is."""
    try:
        if not without_data and digest_of_data(event.data) != event.data_digest:
            return "its data was changed (they don't give the recorded digest)"
        text = _text(event)
        if text is not None:
            return text
        if digest_of_header(event) != event.digest:
            return "its header was changed (it doesn't give the recorded digest)"
    except (ValueError, TypeError, AttributeError) as error:  # what JCS can't write was never sealed
        return f"it holds what no sealed event can hold ({error})"
    return None


def _text(event: Event) -> str | None:
    if event.text is None:
        return None if event.salt is None else "its text was removed, but not by a redaction (the salt is still there)"
    if event.text_digest is None or event.salt is None:
        return "it has a text that was never sealed (no digest or no salt)"
    if digest_of_text(event.text, event.salt) != event.text_digest:
        return "its text was changed (it doesn't give the recorded digest)"
    return None


def _differs(event: Event | Withheld, point: Checkpoint | None) -> str | None:
    if point is None or event.seq != point.seq:
        return None
    if event.ledger != point.ledger:
        return f"it belongs to ledger {event.ledger}, the checkpoint is of ledger {point.ledger}"
    if event.digest != point.digest:
        return f"the log was rewritten: the signed checkpoint holds {point.digest} here, the log {event.digest}"
    return None


def _reaches(walk: _Walk, ledger: str | None, point: Checkpoint | None) -> Verdict:
    if point is None:
        return walk.verdict()
    if walk.head.seq < point.seq:
        why = f"the tail was cut off: the signed checkpoint knows event {point.seq}, the log ends with {walk.head.seq}"
        return walk.verdict(walk.head.seq + 1, why)
    first = walk.ledgers[0] if walk.ledgers else ledger
    if point.seq == 0 and first is not None and first != point.ledger:
        return walk.verdict(1, f"the log began as ledger {first}, the checkpoint is of ledger {point.ledger}")
    return walk.verdict()
