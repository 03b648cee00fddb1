"""
An incident's docket: the regimes that it has taken, the facts that clocks run from, and what became of every duty.

Holds what the log says and nothing that is computed: due moments stand here because a ``clocks:duty:moved`` wrote them
down, with the rules of that day. ``apply`` takes one fact; the fold and decisions that look ahead both use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339

OPEN = frozenset({"under-assessment", "not-started", "running", "late", "stayed"})
SETTLED = ("submitted", "not-reportable", "not-applicable")
STATES = ("late", "running", "under-assessment", "stayed", "not-started", *SETTLED)


@dataclass(frozen=True, slots=True)
class Hand:
    """Whose hand a fact is in, and its place in the log."""

    by: str
    at: datetime
    seq: int


@dataclass(slots=True)
class Candidate:
    """One time that an anchor may have. ``proposed``: by declaring, not by a person who says so."""

    id: int
    at: datetime
    zone: str
    by: str
    recorded_at: datetime
    seq: int
    proposed: bool = False
    withdrawn: bool = False


@dataclass(slots=True)
class Anchor:
    """Several candidates, one of which a person may have chosen; until then the earliest counts."""

    candidates: list[Candidate] = field(default_factory=list)
    chosen: int | None = None

    @property
    def standing(self) -> list[Candidate]:
        return [known for known in self.candidates if not known.withdrawn]

    @property
    def counts(self) -> Candidate | None:
        """The one that clocks run from."""
        chosen = next((known for known in self.standing if known.id == self.chosen), None)
        return chosen or min(self.standing, key=lambda known: (known.at, known.id), default=None)


@dataclass(slots=True)
class Answer:
    """Whether a condition holds, and who said so."""

    yes: bool
    by: str
    at: datetime
    seq: int


@dataclass(slots=True)
class Taken:
    """A regime as it was when the incident took it; ``digest`` finds its terms."""

    regime: str
    version: int
    digest: str
    title: str
    because: str
    at: datetime
    seq: int


@dataclass(slots=True)
class Move:
    """One line of a duty's history: its strict moment was, and became."""

    seq: int
    at: datetime
    by: str
    was: datetime | None
    due: datetime | None
    because: str
    rules: str


@dataclass(slots=True)
class Duty:
    """
    One clock. ``due`` is the strict moment, ``latest`` what the rule would still allow, ``starts`` its anchor's.

    ``projected``: what it counts from has not happened yet. ``asks``: conditions that decide whether it is owed at all.
    ``sooner``: condition -> when it would be due if that were answered yes. ``gone``: why it fell away. ``internal``: a
    target of ours where the regime has no number.
    """

    id: str
    regime: str
    name: str
    occurrence: int = 1
    due: datetime | None = None
    latest: datetime | None = None
    starts: datetime | None = None
    projected: bool = False
    internal: bool = False
    waits_for: str | None = None
    asks: list[str] = field(default_factory=list)
    sooner: dict[str, datetime] = field(default_factory=dict)
    gone: str | None = None
    basis: str = ""
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    submitted_seq: int | None = None
    late: bool = False
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_seq: int | None = None
    stayed_by: str | None = None
    stayed_until: datetime | None = None
    stayed_seq: int | None = None
    missed: datetime | None = None  # the strict moment that was noticed to have passed
    noticed_at: datetime | None = None
    history: list[Move] = field(default_factory=list)

    def state(self, now: datetime) -> str:
        """One of ``STATES``."""
        if self.submitted_seq is not None:
            return "submitted"
        if self.decided_seq is not None:
            return "not-reportable"
        if self.gone is not None:
            return "not-applicable"
        if self.is_stayed(now):
            return "stayed"
        if self.asks:
            return "under-assessment"
        if self.projected or (self.due is None and self.waits_for is not None):
            return "not-started"
        return "late" if self.due is not None and now > self.due else "running"

    def is_stayed(self, now: datetime) -> bool:
        return self.stayed_seq is not None and (self.stayed_until is None or now < self.stayed_until)

    @property
    def settled(self) -> bool:
        return self.submitted_seq is not None or self.decided_seq is not None or self.gone is not None


@dataclass(slots=True)
class Docket:
    """
    Everything about an incident's clocks.

    ``behind``: something happened since the deadlines were computed last; ``rules``: what they were computed with.
    """

    anchors: dict[str, Anchor] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    duties: dict[str, Duty] = field(default_factory=dict)
    behind: bool = False
    rules: str = ""

    def moment(self, anchor: str) -> datetime | None:
        """The time that clocks run from, if there is one."""
        known = self.anchors.get(anchor)
        found = known.counts if known is not None else None
        return found.at if found is not None else None

    def propose(self, anchor: str, at: datetime, hand: Hand) -> None:
        """A candidate that follows from something else that happened; it is never chosen by this."""
        whole = at.replace(microsecond=at.microsecond // 1000 * 1000)  # as the log has it
        self._add(anchor, whole, "UTC", hand, proposed=True)
        self.behind = True

    def _add(self, anchor: str, at: datetime, zone: str, hand: Hand, *, proposed: bool = False) -> None:
        candidates = self.anchors.setdefault(anchor, Anchor()).candidates
        candidates.append(Candidate(len(candidates) + 1, at, zone, hand.by, hand.at, hand.seq, proposed))

    def correct(self, seq: int, at: datetime) -> None:
        """What a candidate follows from happened at another time than was written first."""
        for candidate in (c for anchor in self.anchors.values() for c in anchor.candidates):
            if candidate.seq == seq and candidate.proposed:
                candidate.at = at
                self.behind = True

    def retract(self, anchor: str) -> None:
        """What an anchor's proposed candidates follow from does not stand any more."""
        self.behind = True
        for candidate in self.anchors.get(anchor, Anchor()).candidates:
            candidate.withdrawn = candidate.withdrawn or candidate.proposed

    def of(self, regime: str, name: str) -> list[Duty]:
        """A deadline's duties by occurrence."""
        found = (duty for duty in self.duties.values() if duty.regime == regime and duty.name == name)
        return sorted(found, key=lambda duty: duty.occurrence)

    @property
    def open(self) -> bool:
        return any(not duty.settled for duty in self.duties.values())

    def apply(self, fact: ev.Fact, hand: Hand) -> None:
        """Take one ``clocks:`` fact; others are none of ours."""
        handler = APPLIES.get(type(fact))
        if handler is not None:
            handler(self, fact, hand)


def clock_id(incident: str, regime: str, name: str, occurrence: int = 1) -> str:
    """``INC-2026-0001.gdpr-art33.notify-authority``, with ``.2`` for a second one: safe in a URL and in a shell."""
    tail = f".{occurrence}" if occurrence > 1 else ""
    return f"{incident}.{regime}.{name}{tail}"


def incident_of(clock: str) -> str:
    """The incident that a clock's id names."""
    return clock.partition(".")[0]


def new_duty(clock: str) -> Duty:
    _, regime, name, *occurrence = clock.split(".")
    return Duty(clock, regime, name, int(occurrence[0]) if occurrence else 1)


# --- facts ----------------------------------------------------------------------------------------------------------


def _take(docket: Docket, fact: ev.RegimeTaken, hand: Hand) -> None:
    title = str(fact.terms.get("title", fact.regime))
    docket.taken[fact.regime] = Taken(fact.regime, fact.version, fact.digest, title, fact.because, hand.at, hand.seq)


def _record(docket: Docket, fact: ev.AnchorRecorded, hand: Hand) -> None:
    docket._add(fact.anchor, parse_rfc3339(fact.at), fact.zone, hand)


def _choose(docket: Docket, fact: ev.AnchorChosen, hand: Hand) -> None:
    docket.anchors[fact.anchor].chosen = fact.candidate


def _withdraw(docket: Docket, fact: ev.AnchorWithdrawn, hand: Hand) -> None:
    for candidate in docket.anchors[fact.anchor].candidates:
        if candidate.id == fact.candidate:
            candidate.withdrawn = True


def _answer(docket: Docket, fact: ev.ConditionAnswered, hand: Hand) -> None:
    docket.answers[fact.condition] = Answer(fact.holds, hand.by, hand.at, hand.seq)


def _move(docket: Docket, fact: ev.DutiesMoved, hand: Hand) -> None:
    docket.behind, docket.rules = False, fact.rules
    for move in fact.moves:
        duty = docket.duties.setdefault(move["clock"], new_duty(move["clock"]))
        was, duty.due = duty.due, _moment(move, "due")
        duty.latest, duty.starts = _moment(move, "latest"), _moment(move, "starts")
        duty.projected, duty.internal = bool(move.get("projected")), bool(move.get("internal"))
        duty.waits_for, duty.gone = move.get("waits_for"), move.get("gone")
        duty.asks = list(move.get("asks", ()))
        duty.sooner = {name: parse_rfc3339(at) for name, at in move.get("sooner", {}).items()}
        duty.basis = str(move.get("basis", ""))
        duty.history.append(Move(hand.seq, hand.at, hand.by, was, duty.due, fact.because, fact.rules))


def _moment(move: Mapping[str, Any], name: str) -> datetime | None:
    return parse_rfc3339(move[name]) if move.get(name) else None


def _submit(docket: Docket, fact: ev.DutySubmitted, hand: Hand) -> None:
    duty = docket.duties[fact.clock]
    duty.submitted_at, duty.submitted_by, duty.submitted_seq = parse_rfc3339(fact.at), hand.by, hand.seq
    duty.late = fact.late


def _decide(docket: Docket, fact: ev.DutyDecided, hand: Hand) -> None:
    duty = docket.duties[fact.clock]
    duty.decided_by, duty.decided_at, duty.decided_seq = hand.by, hand.at, hand.seq


def _stay(docket: Docket, fact: ev.DutyStayed, hand: Hand) -> None:
    duty = docket.duties[fact.clock]
    duty.stayed_by, duty.stayed_seq = hand.by, hand.seq
    duty.stayed_until = parse_rfc3339(fact.until) if fact.until else None


def _reopen(docket: Docket, fact: ev.DutyReopened, hand: Hand) -> None:
    duty = docket.duties[fact.clock]
    duty.submitted_at = duty.submitted_by = duty.submitted_seq = None
    duty.decided_by = duty.decided_at = duty.decided_seq = None
    duty.stayed_by = duty.stayed_until = duty.stayed_seq = None
    duty.late = False


def _miss(docket: Docket, fact: ev.DutyMissed, hand: Hand) -> None:
    duty = docket.duties[fact.clock]
    duty.missed, duty.noticed_at = parse_rfc3339(fact.due), parse_rfc3339(fact.noticed_at)


APPLIES: dict[type[ev.Fact], Callable[[Docket, Any, Hand], None]] = {
    ev.RegimeTaken: _take,
    ev.AnchorRecorded: _record,
    ev.AnchorChosen: _choose,
    ev.AnchorWithdrawn: _withdraw,
    ev.ConditionAnswered: _answer,
    ev.DutiesMoved: _move,
    ev.DutySubmitted: _submit,
    ev.DutyDecided: _decide,
    ev.DutyStayed: _stay,
    ev.DutyReopened: _reopen,
    ev.DutyMissed: _miss,
}
