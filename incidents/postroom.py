"""
What goes out, and when: one thread that wakes each second and after every change, and does what is due.

Owns two runners that know nothing of each other, one for what is real and one for drills; tells reminders whose moment
has come; writes first drafts of notices. What is owed next is looked up in agendas that are built from the folded
state at the start and kept by the desk's commits; nothing is kept here that the log does not say.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random

import structlog

from incidents.clock_calls import Heard
from incidents.clockwork import Call
from incidents.connectors import Connector, NotSent, Office
from incidents.connectors.rehearsal import RehearsalOffice
from incidents.decisions import Decided, notices, reminding
from incidents.desk import Commit, Desk
from incidents.due import DueList
from incidents.effects import Runner
from incidents.errors import AndonError
from incidents.escalation import pending
from incidents.events import SYSTEM, Event, MessageOwed
from incidents.holds import LIVE, SHADOW
from incidents.letters import Letters
from incidents.life import Incident
from incidents.notices import NoticeDraft
from incidents.state import State
from playbooks.rhythm import Pace

log = structlog.get_logger("andon.effects")

AT_ONCE = 100  # reminders in one append: a kill must not wait behind more of them
AT_FIRST = 1_000  # in the first turn after a start, of what was missed, and of clocks
AT_WORK_S = 0.02
NO_MATTER = ("effect:message:", "effect:order:", "access:", "clocks:duty:missed")  # kinds that change no reminder


class PostRoom:
    """``start`` its thread, or call ``turn`` oneself. Nothing leaves before either."""

    def __init__(self, desk: Desk, office: Office, letters: Letters, pace: Pace, *, chance: Random | None = None):
        self.desk, self.office, self.letters, self.pace = desk, office, letters, pace
        live = Runner(desk, LIVE, office, letters, chance=chance)
        self.runners = (live, Runner(desk, SHADOW, RehearsalOffice(live.no_way), letters, chance=chance))
        self.wake = threading.Event()
        for runner in self.runners:
            runner.wake = self.wake
        self._agenda: DueList[tuple[str, str]] = DueList()
        self._keys: dict[str, set[str]] = {}
        self._undrafted: dict[str, None] = {}
        self._heard: list[Heard] = []
        self._lock = threading.Lock()  # over the four above; the desk's lock is never taken under it
        self.turned_at = float("-inf")  # boot clock of the last turn that ended well
        self._first = True
        self._loaded = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._complained: dict[str, float] = {}

    def add(self, connector: Connector) -> None:
        """Connect one more channel for what is real; before the start."""
        self.office.add(connector)

    # --- what is due when ---

    def load(self) -> None:
        """Look at every incident once."""
        if self._loaded:
            return
        self._loaded = True
        self.desk.on_commit(self._committed)
        with self.desk.read() as state:
            for incident in state.incidents.values():
                self._look(state, incident)
        for runner in self.runners:
            runner.load()

    def _committed(self, commit: Commit) -> None:
        """Under the desk's lock."""
        with self.desk.read() as state:
            for id in _touched(commit.events):
                incident = state.incidents.get(id)
                if incident is not None:
                    self._look(state, incident)
        self.wake.set()

    def _look(self, state: State, incident: Incident) -> None:
        found = pending(state, incident, self.pace)
        with self._lock:
            for key in self._keys.pop(incident.id, set()) - found.keys():
                self._agenda.drop((incident.id, key))
            for key, reminder in found.items():
                self._agenda.put((incident.id, key), reminder.at)
            if found:
                self._keys[incident.id] = set(found)
            if notices.undrafted(incident):
                self._undrafted[incident.id] = None

    def hear(self, calls: Sequence[Call]) -> None:
        """
        Clocks that want to be spoken of, as the clockwork hands them on; the next turn tells them with the rest.

        Should this process die before, they are handed on again after the next start, and what was told is passed over.
        """
        with self._lock:
            self._heard += [(call.incident, call.clock, call.reminder) for call in calls]
        self.wake.set()

    # --- one turn ---

    def turn(self) -> bool:
        """Everything that is due now, or as much of it as can be done at once. True: there is more."""
        self.load()
        more = self._remind()
        for runner in self.runners:
            more |= runner.turn()
        more |= self._draft()
        self.turned_at = self.desk.clock.boot()
        return more

    def _remind(self) -> bool:
        now, first = self.desk.clock.now(), self._first
        with self._lock:
            # What nobody was there for is told in few appends, so in few messages.
            late = self._agenda.take(now - reminding.LATE, AT_FIRST)
            limit = AT_FIRST if first or late else AT_ONCE
            due = [*late, *self._agenda.take(now, limit - len(late))]
            heard, self._heard = self._heard[:AT_FIRST], self._heard[AT_FIRST:]
        if not due and not heard and not first:
            return False

        def decide(state: State, now: datetime) -> Decided:
            return reminding.remind(state, due, heard, self.pace, now, first=first)

        self.desk.give_way()
        try:
            self.desk.submit(decide, actor=SYSTEM)
        except AndonError:
            with self._lock:
                self._heard = heard + self._heard
                for key in due:
                    self._agenda.put(key, now)
            raise
        self._first = False
        return bool(due or heard)

    def _draft(self) -> bool:
        """First texts for notices that have none."""
        with self._lock:
            waiting = list(self._undrafted)
        for id in waiting:
            with self.desk.read(id) as state:
                wanted = [replace(notice) for notice in notices.undrafted(state.incidents[id])]
            for notice in wanted:
                self._draft_one(id, notice)
            if not wanted:
                with self._lock:
                    self._undrafted.pop(id, None)
        return bool(waiting)

    def _draft_one(self, incident: str, notice: NoticeDraft) -> None:
        try:
            if notice.kind == "partners":
                texts = self.letters.drafts_for_partners(incident, notice.template)
                self.desk.submit(
                    lambda state, now: notices.share_out(state, notice.id, texts, now), actor=SYSTEM, about=incident
                )
                return
            with self.desk.read(incident) as state:
                subject, body = self.letters.draft(state, state.incidents[incident], notice)
        except NotSent as error:  # a person writes it, and reads why
            subject, body = f"unknown: {error.because}", f"unknown: {error.because}\n"
        self.desk.submit(
            lambda state, now: notices.draft(state, notice.id, subject, body), actor=SYSTEM, about=incident
        )

    # --- its own thread ---

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return all(runner.idle for runner in self.runners)

    def start(self) -> None:
        self.load()
        self._thread = threading.Thread(target=self._run, name="andon-postroom", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way as far as that goes."""
        self._stopping = True
        self.wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        for runner in self.runners:
            runner.stop()
            runner.office.close()

    def _run(self) -> None:
        while not self._stopping:
            # The ticker wakes it each second; should that stop, it goes on by itself. What is under way is looked at
            # sooner, so that outcomes are written down together and still at once.
            self.wake.wait(1.0 if self.idle else AT_WORK_S)
            self.wake.clear()
            try:
                while self.turn() and not self._stopping:
                    pass
            except Exception as error:  # noqa: BLE001 - it must go on, whatever one turn met
                self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Each trouble once a minute; with the traceback where it is not one that we know."""
        now = self.desk.clock.boot()
        if now - self._complained.get(str(error), float("-inf")) >= 60:
            self._complained = {str(error): now}
            log.error("turn_failed", error=str(error), exc_info=not isinstance(error, AndonError))


def _touched(events: Iterable[Event]) -> Iterable[str]:
    return dict.fromkeys(
        e.incident
        for e in events
        if e.incident and (not e.kind.startswith(NO_MATTER) or (e.kind == MessageOwed.kind and "reminds" in e.data))
    )
