"""
What clocks do by themselves: regimes are taken up, what has passed is written down once, reminders are handed on.

Everything is computed from the log; a process that dies loses nothing, and a start after a long night settles all that
fell due meanwhile. Declaring does not wait for any of this, and can't fail for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from incidents.agenda import Agenda
from incidents.decisions import Decided, clockfacts, duties
from incidents.decisions.passing import Lapse, Passing
from incidents.desk import Commit, Desk
from incidents.docket import Duty, incident_of
from incidents.errors import Unavailable
from incidents.events import SYSTEM
from incidents.life import MERGED, Incident
from incidents.metrics import CLOCKS_MISSED, CLOCKS_PENDING
from incidents.reminders import USUAL, Reminder, next_moment, passed
from incidents.state import State
from playbooks.register import Proposal, Register, UnknownRegime
from playbooks.rhythm import Prompts

log = structlog.get_logger("andon.clocks")
T = TypeVar("T")

BATCH = 200
"""Clocks settled in one append: a kill never waits behind more than these."""
CONSIDER_SECONDS = 0.5
"""How long one tick looks at incidents; more are waiting only after a start or a change of the register."""
OVERLAP = timedelta(minutes=5)
"""After a start reminders are handed on again from so long before the last event: their keys tell repeats."""
STIRS = ("incident:duties:owed", "incident:life:", "incident:entry:corrected")
TOUCHES = (*STIRS, "clocks:")


@dataclass(frozen=True, slots=True)
class Call:
    """A clock that wants to be spoken of now."""

    incident: str
    clock: str
    reminder: Reminder
    simulated: bool


Listener = Callable[[Sequence[Call]], None]


class Clockwork:
    """``tick`` each second; the first use reads all clocks of the state. Safe to use from several threads."""

    def __init__(self, desk: Desk, register: Register, prompts: Prompts = USUAL) -> None:
        self.desk, self.register, self.prompts = desk, register, prompts
        self.ticked = False  # somebody calls ``tick`` each second
        self.tells = False  # somebody sends messages: the line of a missed clock and the word of it are one append
        self.agenda = Agenda()
        self._stirred: dict[str, None] = {}
        self._handed: dict[str, datetime] = {}  # clock -> up to when its reminders were handed on
        self._since: datetime | None = None  # None: not built yet
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()  # one tick at a time

    def build(self) -> None:
        """Fill the agenda from the state, once, and follow what is appended from now on."""
        with self.desk.read() as state:
            if self._since is not None:
                return
            since = (state.recorded_at or self.desk.clock.now()) - OVERLAP
            pairs = [(i, duty) for i in state.incidents.values() for duty in i.docket.duties.values()]
            self.agenda.fill([self._row(incident, duty, since) for incident, duty in pairs])
            self._stirred = dict.fromkeys(i.id for i in state.incidents.values() if not i.ended or i.docket.open)
            self._since = since
            self.desk.on_commit(self._committed)

    def on_reminder(self, listener: Listener) -> None:
        """
        ``listener`` gets every reminder whose moment has come, once in this process's life, outside of any lock.

        After a start those of the last minutes may come a second time; their keys are the same.
        """
        self._listeners.append(listener)

    # --- following the log ---

    def _committed(self, commit: Commit) -> None:
        """Under the desk's lock: note what has to be looked at, and put what moved into the agenda."""
        touched: dict[str, None] = {}
        for event in commit.events:
            if event.incident is None or not event.kind.startswith(TOUCHES):
                continue
            if event.kind != "clocks:duty:missed":  # the tick that wrote it goes on with that clock itself
                touched[event.incident] = None
            if event.kind.startswith(STIRS):
                self._stirred[event.incident] = None
        if touched:
            with self.desk.read() as state:
                for id in touched:
                    self._put(state, id)

    def _put(self, state: State, id: str) -> None:
        incident = state.incidents.get(id)
        if incident is not None:
            for duty in incident.docket.duties.values():
                self.agenda.put(*self._row(incident, duty, self._handed_until(duty.id)))

    def _handed_until(self, clock: str) -> datetime:
        return self._handed.get(clock) or self._since or self.desk.clock.now()

    def _row(self, incident: Incident, duty: Duty, since: datetime) -> tuple[str, datetime | None, datetime | None]:
        if not duties.alarms(incident, duty):
            self._handed.pop(duty.id, None)
            return duty.id, duty.due, None
        wake = next_moment(duty, since, self.prompts)
        quiet = duty.projected or duty.asks or duty.is_stayed(since)
        if duty.due is not None and duty.missed != duty.due and not quiet:
            # No line yet: its moment may lie in the past already, when a fact has moved it there.
            wake = duty.due if wake is None else min(wake, duty.due)
        return duty.id, duty.due, wake

    # --- what is done by itself ---

    @property
    def stirred(self) -> int:
        """Incidents whose facts may mean other clocks than are written, and that no tick has looked at yet."""
        return len(self._stirred)

    def is_due(self) -> bool:
        """Whether a moment has come since the last tick: a look-up, for whoever asks several times a second."""
        if self._since is None:
            return False
        with self.desk.read():
            at = self.agenda.next()
        return at is not None and at < self.desk.clock.now()

    def tick(self) -> None:
        """Write down what has passed and hand on reminders, then take up what is new. A repeat does nothing."""
        with self._lock:
            self.build()
            self._settle_all()
            if self._consider_stirred():
                self._settle_all()
            CLOCKS_PENDING.set(len(self.agenda))

    def _settle_all(self) -> None:
        """Everything whose moment has come, until nothing is left whose moment has."""
        while self._settle_once(self.desk.clock.now()):
            continue

    def _settle_once(self, now: datetime) -> bool:
        with self.desk.read():
            awake = self.agenda.take(now)
        try:
            self._settle(awake, now)
        except BaseException:
            self._each(awake, self._back)  # nothing of them is lost: the next tick finds them again
            raise
        self._each(awake, lambda state, clock: self._turn(state, clock, now))
        return bool(awake)

    def _each(self, clocks: Sequence[str], do: Callable[[State, str], None]) -> None:
        """In pieces, so that nobody waits for the state longer than for one of them."""
        for piece in _pieces(clocks):
            with self.desk.read() as state:
                for clock in piece:
                    do(state, clock)

    def _consider_stirred(self) -> bool:
        """
        See whether the facts of incidents that something happened to mean other clocks than are written.

        Stops when its time is up, so that deadlines are looked at in between; the rest is for the next tick.
        """
        ends, considered = self.desk.clock.boot() + CONSIDER_SECONDS, bool(self._stirred)
        while self._stirred and self.desk.clock.boot() < ends:
            with self.desk.read():
                id, _ = self._stirred.popitem()
            try:
                self._consider(id)
            except Unavailable:
                self._stirred[id] = None
                raise
            except Exception:  # one incident must not keep the deadlines of all others from being looked at
                log.exception("clocks_not_computed", incident=id, again="when something happens to it, or at a start")
        return considered

    def consider(self, id: str) -> None:
        """
        The same for one incident, right after it was declared. Trouble is left to the next tick.

        Where there is a tick it is left to that altogether: the change is on its way to the points just now.
        """
        if self.ticked:
            return
        try:
            self._consider(id)
        except Exception:  # the kill is recorded and has to be answered
            log.exception("clocks_not_taken_up", incident=id, again="at the next tick")
            self._stirred[id] = None

    def _consider(self, id: str) -> None:
        with self.desk.read(id) as state:
            known = state.incidents.get(id)
            into = known.into if known is not None and known.stage == MERGED else None
        if into is not None:
            self._consider_one(into, surely=True)
        self._consider_one(id)

    def _consider_one(self, id: str, *, surely: bool = False) -> None:
        def decide(state: State, now: datetime) -> Decided:
            return clockfacts.consider(state, id, self._proposals(state.incidents[id], now), now)

        with self.desk.read(id) as state:  # most often nothing is to be done: see so without a write
            now, known = self.desk.clock.now(), state.incidents.get(id)
            if known is None or not (surely or clockfacts.may_differ(known, self._proposals(known, now))):
                self._stirred.pop(id, None)
                return
        self.desk.submit(decide, actor=SYSTEM, about=id)
        self._stirred.pop(id, None)

    def _proposals(self, incident: Incident, now: datetime) -> list[Proposal]:
        """What its playbook names and what the company adds, and the newest terms of whatever it has taken."""
        partner = incident.parameters.get("partner")
        found, _ = self.register.proposals(incident.playbook, incident.clocks, partner, now.date())
        proposed = {proposal.terms.id for proposal in found}
        for regime in incident.docket.taken:
            if regime not in proposed and (standing := self._newest(regime, now)) is not None:
                found.append(standing)
        return found

    def _newest(self, regime: str, now: datetime) -> Proposal | None:
        try:
            enabled = self.register.standing(regime, now.date()).enabled
        except UnknownRegime:
            return None
        return Proposal(self.register.terms(regime), "taken by a person") if enabled else None

    def _settle(self, awake: Sequence[str], now: datetime) -> None:
        """Write down those that are missed by now, sev1 first; the other moments are handed on."""
        lapses: list[Lapse] = []
        calls: list[Call] = []
        self._each(awake, lambda state, clock: self._look(state, clock, now, lapses, calls))
        if lapses:
            try:
                self._write(lapses)
            except Unavailable:
                raise
            except Exception:  # the evidence does not wait until somebody has mended what is said of it
                log.exception("deadlines_not_told", count=len(lapses))
                self._write([replace(lapse, reminders=()) for lapse in lapses])
        self._hand_on(calls)

    def _write(self, lapses: Sequence[Lapse]) -> None:
        with self.desk.read() as state:
            passing = Passing(state, lapses)
            real = sum(state.incidents[lapse.incident].kind == "real" for lapse in lapses)
        for piece in _pieces(passing.lapses):
            self.desk.give_way()
            self.desk.submit(partial(passing.write, piece), actor=SYSTEM)
            passing.written()
        CLOCKS_MISSED.inc(real)  # what is rehearsed counts in no statistics
        log.warning("deadlines_missed", count=len(lapses), first=passing.lapses[0].clock)

    def _look(self, state: State, clock: str, now: datetime, lapses: list[Lapse], calls: list[Call]) -> None:
        incident = state.incidents.get(incident_of(clock))
        duty = incident.docket.duties.get(clock) if incident is not None else None
        if incident is None or duty is None or not duties.alarms(incident, duty):
            return
        missed, since = duties.is_missed(incident, duty, now), self._handed_until(clock)
        if missed and duty.due is not None:
            since = min(since, duty.due)  # somebody may have appended beside a service that was down at its moment
        passed_by = passed(duty, since, now, self.prompts)
        due = tuple(r for r in passed_by if f"{clock}/{r.key}" not in incident.reminded)
        if missed:
            lapses.append(Lapse(incident.id, clock, _urgent(incident), due if self.tells else ()))
        if not missed or not self.tells:
            calls += [Call(incident.id, clock, reminder, incident.kind != "real") for reminder in due]

    def _back(self, state: State, clock: str) -> None:
        incident = state.incidents.get(incident_of(clock))
        duty = incident.docket.duties.get(clock) if incident is not None else None
        if incident is not None and duty is not None:
            self.agenda.put(*self._row(incident, duty, self._handed_until(clock)))

    def _turn(self, state: State, clock: str, now: datetime) -> None:
        """Its moment is dealt with: the next one, or none where it has left memory or is settled."""
        incident = state.incidents.get(incident_of(clock))
        duty = incident.docket.duties.get(clock) if incident is not None else None
        if incident is None or duty is None:
            self.agenda.drop(clock)
            self._handed.pop(clock, None)
            return
        self._handed[clock] = now
        self.agenda.put(*self._row(incident, duty, now))

    def _hand_on(self, calls: Sequence[Call]) -> None:
        if not calls:
            return
        for listener in self._listeners:
            listener(calls)


def _urgent(incident: Incident) -> bool:
    return incident.kind == "real" and incident.severity == "sev1"


def _pieces(listed: Sequence[T]) -> Iterator[Sequence[T]]:
    return (listed[at : at + BATCH] for at in range(0, len(listed), BATCH))
