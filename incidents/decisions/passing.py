"""
What is written when deadlines pass: a line for each, and in the same append the word to whoever owns it.

However many pass in the same moment, each reader gets one message; its first lines say which, the page has the rest.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from incidents.clock import rfc3339
from incidents.clock_calls import prompts
from incidents.clock_views import owner_role
from incidents.decisions import Decided, duties
from incidents.decisions.owing import Owing
from incidents.events import SYSTEM, Draft
from incidents.outbox import Lane
from incidents.recipients import About, Readers, about, of_role
from incidents.reminders import Reminder
from incidents.state import State

LISTED = 25
"""Deadlines that one message names before it counts; nobody reads more, and a kill may be waiting for the append."""

Reader = tuple[str, str]  # real or rehearsed, and whom by reference


@dataclass(frozen=True, slots=True)
class Lapse:
    """A clock whose strict moment has passed. ``reminders``: its moments that somebody may still have to hear of."""

    incident: str
    clock: str
    urgent: bool
    reminders: tuple[Reminder, ...] = ()


class Passing:
    """Clocks that were found to have passed in one look, sev1 first, written in one append after another."""

    def __init__(self, state: State, lapses: Iterable[Lapse]) -> None:
        self.lapses = sorted(lapses, key=lambda lapse: not lapse.urgent)
        self._instead: dict[str, str] = {}  # clock -> what its reader is told where nobody has the role
        self._readers: dict[str, list[Reader]] = {}  # clock -> who hears of it
        self._of: dict[Reader, list[Lapse]] = {}
        self._told: dict[Reader, list[str]] = {}
        self._fresh: dict[Reader, list[str]] = {}
        found: dict[object, Readers] = {}
        for lapse in self.lapses:
            self._find(state, lapse, found)

    def _find(self, state: State, lapse: Lapse, found: dict[object, Readers]) -> None:
        incident = state.incidents[lapse.incident]
        if not lapse.reminders or incident.kind == "test":
            return
        role, on = owner_role(state, incident, incident.docket.duties[lapse.clock]), about(incident)
        holder = incident.holders.get(role)
        same = (role, holder.person if holder is not None else None, incident.commander, on.insiders)
        readers = found.get(same)  # looking through everybody once, not for each of thousands
        if readers is None:
            readers = found[same] = of_role(state, on, role)
        self._instead[lapse.clock] = f"Nobody is {readers.instead}, so this goes to you. " if readers.instead else ""
        people = [f"person:{person}" for person in readers.people] or [f"role:{role}"]
        self._readers[lapse.clock] = [(on.table, to) for to in people]
        for reader in self._readers[lapse.clock]:
            self._of.setdefault(reader, []).append(lapse)

    def write(self, batch: Sequence[Lapse], state: State, now: datetime) -> Decided:
        """The lines of a batch, and behind them what is owed to readers who have not been told by an earlier one."""
        self._fresh = {}
        owing = Owing(state, SYSTEM, now)
        lines: list[Draft] = []
        for lapse in batch:
            missed = duties.missed(state, lapse.clock, now)
            if missed is not None:
                told = [id for reader in self._readers.get(lapse.clock, ()) for id in self._tell(owing, reader)]
                reminds = {f"{lapse.clock}/{r.key}": rfc3339(r.moment) for r in lapse.reminders}
                lines.append(duties.line_of(*missed, now, told, reminds))
        return Decided([*lines, *owing.drafts])

    def written(self) -> None:
        """The last batch stands in the log: its readers are told of everything that passed."""
        self._told |= self._fresh

    def _tell(self, owing: Owing, reader: Reader) -> list[str]:
        """The message by which a reader is told of all of it; none where it was settled meanwhile."""
        known = self._told.get(reader) or self._fresh.get(reader)
        if known is None:
            known = self._fresh[reader] = self._owe(owing, reader)
        return known

    def _owe(self, owing: Owing, reader: Reader) -> list[str]:
        state, now = owing.state, owing.now
        lapsed = [lapse for lapse in self._of[reader] if duties.missed(state, lapse.clock, now)]
        listed = prompts(state, [(x.incident, x.clock, r) for x in lapsed[:LISTED] for r in x.reminders], now)
        if not listed:
            return []
        said = [f"{self._instead[prompt.key.partition('/')[0]]}{prompt.words}" for _, prompt in listed]
        first, key = about(state.incidents[listed[0][0]]), listed[0][1].key
        incidents = sorted({incident for incident, _ in listed})
        more = max(0, len(lapsed) - LISTED)
        if more:
            said.append(f"and {more:,} more; the page of all clocks has them")
        words = said[0] if len(said) == 1 else "\n".join(f"- {line}" for line in said)
        alone = len(incidents) == 1 and not more
        on = replace(first, incident=first.incident if alone else "", severity=_severity(state, lapsed, first))
        what: dict[str, Any] = {} if alone else {"about": incidents}
        template = "reminder" if len(said) == 1 else "reminders"
        id = owing.tell(reader[1], template, on, f"reminder/{first.incident}/{key}", words=words, **what)
        return [id] if id is not None else []


def _severity(state: State, lapsed: Sequence[Lapse], first: About) -> str:
    """Of the message: it goes with the most urgent of what it tells."""
    urgent = next((about(state.incidents[x.incident]) for x in lapsed if x.urgent), first)
    return urgent.severity if urgent.lane is Lane.SEV1 else first.severity
