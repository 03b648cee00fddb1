"""
What is owed to the outside, as it stands: messages to people, orders to machines, dead letters.

Value types and how they change by facts; kept in the state, changed by its fold alone. Knows no address, no channel's
way of working and no clock. A message whose outcome is unknown is never tried again by the same channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339
from incidents.events import Event

DEAD_LETTERS_KEPT = 1_000  # the newest; older ones stand in their incidents' timelines


class Lane(StrEnum):
    """What goes first. Only ``rest`` is held back by a channel's limit."""

    CONTAINMENT = "containment"
    SEV1 = "sev1"
    REST = "rest"

    @property
    def rank(self) -> int:
        return list(Lane).index(self)


class Sort(StrEnum):
    """A message is told once, by one channel after the other; an order is repeated until it is confirmed."""

    MESSAGE = "message"
    ORDER = "order"


class Outcome(StrEnum):
    """What became of an effect, or of one channel's try of it."""

    SENT = "sent"  # a message; there is evidence
    CONFIRMED = "confirmed"  # an order; likewise
    FAILED = "failed"  # it certainly did not arrive
    UNKNOWN = "unknown"  # it may have arrived
    DEAD = "dead"  # its time passed
    SUPERSEDED = "superseded"  # something newer says it
    REHEARSED = "rehearsed"  # a drill's: it would have gone out, and arrived if there is no ``because`` against that


DONE = frozenset({Outcome.SENT, Outcome.CONFIRMED, Outcome.REHEARSED})
LETTERS = frozenset({Outcome.FAILED, Outcome.UNKNOWN, Outcome.DEAD})  # a person may have these tried again


def number(id: str) -> int:
    """Which effect of all that id names, the first being 1; 0 for what is no such id."""
    return int(id[1:]) if id[1:].isdecimal() else 0


@dataclass(slots=True)
class Effect:
    """
    Something owed. ``channels`` are those still to try, the next one first; ``doubt`` those by which it may have
    arrived already. ``seq`` is the event that owes it: its text holds the message's own words.
    """

    id: str
    sort: str
    to: str
    channels: list[str]
    template: str
    lane: str
    table: str
    topic: str
    incident: str | None
    not_before: datetime
    deadline: datetime | None
    owed_at: datetime
    seq: int
    all_channels: list[str]
    notice: str | None = None
    digest: str | None = None
    action: int | None = None
    order: dict[str, Any] | None = None
    about: list[str] = field(default_factory=list)
    doubt: list[str] = field(default_factory=list)
    outcome: str | None = None  # of a dead letter
    because: str | None = None
    settled_at: datetime | None = None

    @property
    def channel(self) -> str:
        """The one to try now."""
        return self.channels[0] if self.channels else ""


@dataclass(slots=True)
class Outbox:
    """``made``: how many there ever were. ``owed`` and ``letters`` (dead ones) by id; ``topics``: topic -> owed id."""

    made: int = 0
    owed: dict[str, Effect] = field(default_factory=dict)
    letters: dict[str, Effect] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)

    def next_id(self, after: int = 0) -> str:
        """The id of the next effect, or of the one ``after`` so many that are drafted already."""
        return f"M{self.made + after + 1}"

    def find(self, id: str) -> Effect | None:
        return self.owed.get(id) or self.letters.get(id)

    # --- how facts change it ---

    def owe(self, effect: Effect) -> None:
        self.made += 1
        self.owed[effect.id] = effect
        self.topics[effect.topic] = effect.id

    def pass_on(self, id: str, channel: str, outcome: str) -> None:
        effect = self.owed.get(id)
        if effect is not None and channel in effect.channels:
            effect.channels = effect.channels[effect.channels.index(channel) + 1 :]
            if outcome == Outcome.UNKNOWN:
                effect.doubt = [*effect.doubt, channel]

    def settle(self, id: str, outcome: str, because: str | None, at: datetime) -> Effect | None:
        """What was settled; None where it was settled for good before."""
        effect = self.owed.pop(id, None) or self.letters.pop(id, None)
        if effect is None:
            return None
        if self.topics.get(effect.topic) == id:
            del self.topics[effect.topic]
        if outcome in LETTERS:
            effect.outcome, effect.because, effect.settled_at = outcome, because, at
            self.letters[id] = effect
            for old in list(islice(self.letters, max(0, len(self.letters) - DEAD_LETTERS_KEPT))):
                del self.letters[old]
        return effect

    def retry(self, id: str, deadline: datetime | None, at: datetime) -> None:
        effect = self.letters.pop(id, None)
        if effect is None:
            return
        effect.channels, effect.not_before, effect.deadline = list(effect.all_channels), at, deadline
        effect.outcome = effect.because = effect.settled_at = None
        self.owed[id] = effect
        self.topics.setdefault(effect.topic, id)

    def doubt_all(self) -> None:
        """
        The ledger went on from a backup: what was owed then may have been sent since by the ledger that was lost.

        Messages lose the channel that was in turn, orders are simply sent again.
        """
        for effect in self.owed.values():
            if effect.sort == Sort.MESSAGE and effect.channels:
                effect.doubt = [*effect.doubt, effect.channels[0]]
                effect.channels = effect.channels[1:]


# --- the fold; OrderSettled is the state's, because it also concerns the incident's action ---------------------------

FOLDS: dict[str, Callable[[Outbox, Event, Any], Any]] = {
    ev.MessageOwed.kind: lambda outbox, event, fact: outbox.owe(_effect(event, fact, Sort.MESSAGE)),
    ev.OrderOwed.kind: lambda outbox, event, fact: outbox.owe(_effect(event, fact, Sort.ORDER)),
    ev.MessagePassedOn.kind: lambda outbox, event, fact: outbox.pass_on(fact.id, fact.channel, fact.outcome),
    ev.MessageSettled.kind: lambda outbox, event, fact: outbox.settle(fact.id, fact.outcome, fact.because, event.at),
    ev.MessageRetried.kind: lambda outbox, event, fact: outbox.retry(fact.id, _moment(fact.deadline), event.at),
    ev.OrderRetried.kind: lambda outbox, event, fact: outbox.retry(fact.id, _moment(fact.deadline), event.at),
    ev.OutageCaughtUp.kind: lambda outbox, event, fact: None,  # what it settled has lines of its own
}


def _moment(text: str | None) -> datetime | None:
    return parse_rfc3339(text) if text else None


def _effect(event: Event, fact: Any, sort: Sort) -> Effect:
    return Effect(
        id=fact.id,
        sort=sort,
        to=fact.to,
        channels=list(fact.channels),
        template=fact.template,
        lane=fact.lane,
        table=fact.table,
        topic=fact.topic,
        incident=event.incident,
        not_before=parse_rfc3339(fact.not_before),
        deadline=_moment(fact.deadline),
        owed_at=event.at,
        seq=event.seq,
        all_channels=list(fact.channels),
        notice=fact.notice,
        digest=fact.digest,
        action=getattr(fact, "action", None),
        order=getattr(fact, "order", None),
        about=list(getattr(fact, "about", None) or ()),
    )
