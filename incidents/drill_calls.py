"""
Whom a drill called, whether the message would have arrived, and who gave a sign of life. Pure, from its own events.

A drill's messages leave for nowhere; their outcomes say what the real way to each reader was at that moment. A sign of
life is a line of the person's own in the drill: nothing that a channel says proves that anybody has read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from incidents import events as ev
from incidents.events import Event
from incidents.outbox import DONE, Outcome

PENDING = "not tried yet"


@dataclass(slots=True)
class Called:
    """``who`` is ``person:ada``, or ``role:comms`` where nobody has it. ``because``: why no message would arrive."""

    who: str
    at: datetime
    arrives: bool = False
    because: str = PENDING
    answered_at: datetime | None = None

    @property
    def person(self) -> str:
        return self.who.partition(":")[2]


@dataclass(slots=True)
class _Calls:
    by_reader: dict[str, Called] = field(default_factory=dict)
    to: dict[str, Called] = field(default_factory=dict)  # by message

    def take(self, event: Event) -> None:
        data = event.data
        if event.kind == ev.MessageOwed.kind and data["to"].partition(":")[0] in ("person", "role"):
            called = self.by_reader.setdefault(data["to"], Called(data["to"], event.recorded_at))
            self.to[data["id"]] = called
        elif event.kind == ev.MessageSettled.kind and data["id"] in self.to:
            self._settled(self.to[data["id"]], data["outcome"], data.get("because"))
        one = self.by_reader.get(f"person:{event.actor.person}")
        if one is not None and one.answered_at is None and event.kind != ev.DrillEnded.kind:
            one.answered_at = event.recorded_at if event.recorded_at > one.at else None

    def _settled(self, one: Called, outcome: str, because: str | None) -> None:
        if outcome in DONE and because is None:
            one.arrives, one.because = True, ""
        elif not one.arrives and outcome != Outcome.SUPERSEDED:
            one.because = because or outcome


def calls(events: Sequence[Event]) -> list[Called]:
    """Everybody who was called, in that order."""
    found = _Calls()
    for event in events:
        found.take(event)
    return list(found.by_reader.values())
