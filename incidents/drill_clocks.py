"""
When a drill's list of clocks was right: those that its playbook says, no others, from times that a person confirmed.

Pure, from the drill's own events. The clocks themselves are the same as an incident's, only simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.docket import Docket, Duty, Hand
from incidents.events import SYSTEM, Event

ADDED = "assess_in"  # why a regime came in that the house's own register adds: right, whatever the playbook names


@dataclass(slots=True)
class ClockList:
    """
    ``right_at``: when it was right for the first time. The others are as of the last event: clocks that should run and
    don't, those that run and should not or hang on a question, and facts that no person has confirmed.
    """

    right_at: datetime | None = None
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    unconfirmed: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        return not (self.missing or self.extra or self.unconfirmed)

    def wire(self) -> dict[str, Any]:
        return {"right": self.right, "missing": self.missing, "extra": self.extra, "unconfirmed": self.unconfirmed}


def clock_list(events: Sequence[Event], wanted: Sequence[str], facts: Sequence[str]) -> ClockList:
    """
    Args:
        wanted: ``regime.deadline``, or ``regime``: any of its clocks, and at least one.
        facts: Anchors that a person has to have recorded or chosen.
    """
    watch = _Watch(list(wanted), list(facts))
    for event in events:
        if event.kind.startswith("clocks:"):
            watch.take(event)
    watch.judge()
    return watch.found


@dataclass(slots=True)
class _Watch:
    wanted: list[str]
    facts: list[str]
    docket: Docket = field(default_factory=Docket)
    told: dict[str, set[str]] = field(default_factory=dict)  # anchor -> times that people gave
    added: set[str] = field(default_factory=set)
    found: ClockList = field(default_factory=ClockList)

    def take(self, event: Event) -> None:
        fact = ev.KINDS[event.kind].read(event.data) if event.kind in ev.KINDS else None
        match fact:
            case ev.RegimeTaken(because=because, regime=regime):
                self.added |= {regime} if because == ADDED else set()
            case ev.AnchorRecorded(anchor=anchor, at=at) | ev.AnchorChosen(anchor=anchor, at=at):
                self.told.setdefault(anchor, set()).update({at} if event.actor != SYSTEM else ())
            case ev.AnchorWithdrawn(anchor=anchor, at=at):
                self.told.get(anchor, set()).discard(at)
            case ev.Fact() if event.kind.startswith("clocks:duty:"):
                self.docket.apply(fact, Hand(by=event.actor.name, at=event.at, seq=event.seq))
        self.judge()
        if self.found.right and self.found.right_at is None:
            self.found.right_at = event.recorded_at

    def judge(self) -> None:
        runs = [duty for duty in self.docket.duties.values() if _runs(duty)]
        names = {name for duty in runs for name in (duty.regime, _name(duty))}
        asked = [d for d in self.docket.duties.values() if d.asks and not d.settled]
        self.found.missing = [clock for clock in self.wanted if clock not in names]
        self.found.extra = list(dict.fromkeys(_name(duty) for duty in (*runs, *asked) if not self._right(duty)))
        self.found.unconfirmed = [anchor for anchor in self.facts if not self.told.get(anchor)]

    def _right(self, duty: Duty) -> bool:
        return duty.regime in self.added or duty.regime in self.wanted or _name(duty) in self.wanted


def _name(duty: Duty) -> str:
    return f"{duty.regime}.{duty.name}"


def _runs(duty: Duty) -> bool:
    """It has a moment by which it is owed, or was sent; nobody has decided that it is not."""
    if duty.gone is not None or duty.decided_seq is not None:
        return False
    return duty.submitted_seq is not None or (duty.due is not None and not duty.projected and not duty.asks)
