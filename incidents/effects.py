"""
Does what the log says is owed to the outside: claim, attempt, outcome, each written down apart.

One runner for what is real and one for drills, each with an office of its own. Works in its own threads, never in a
request nor under the desk's lock. Killed on any line it tells nobody twice and loses no order: see ``_carry_out``.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from queue import Empty, SimpleQueue
from random import Random

import structlog

from incidents.backoff import Allowance, wait
from incidents.connectors import Address, Connector, Letter, NotSent, Office, Receipt, Unclear
from incidents.crew import Crew
from incidents.decisions import Decided, effects
from incidents.decisions.effects import Tried
from incidents.desk import Commit, Desk
from incidents.due import DueList
from incidents.errors import AndonError, Unavailable
from incidents.events import SYSTEM
from incidents.gate import Gate
from incidents.ledger import Claim, Wanted
from incidents.letters import Letters
from incidents.metrics import EFFECTS, EFFECTS_OWED
from incidents.notices import digest_of
from incidents.outbox import Effect, Lane, Outcome, Sort
from incidents.state import State

log = structlog.get_logger("andon.effects")

CLAIMED = timedelta(seconds=60)  # from the claim until something leaves
SENDING = timedelta(seconds=120)  # from there until an outcome; a connector is done long before
TRIES = 3  # by one channel, where a message has another
BATCH = 100  # outcomes in one append, at most: a kill must not wait behind more
TOGETHER = 32  # that many are written down at once; fewer, a moment later
PER_MINUTE, BURST = 120.0, 30  # by one channel, of what is not urgent


def _no_fault(point: str) -> None:
    """Does nothing; crash tests put their own in its place."""


fault: Callable[[str], None] = _no_fault


class _ClaimLost(Exception):
    """It is not ours to send any more: somebody else has it, or something newer has replaced it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One try of one effect."""

    effect: Effect
    ticket: str
    tries: int
    connector: Connector
    address: Address

    @property
    def urgent(self) -> bool:
        return self.effect.lane != Lane.REST


@dataclass(frozen=True, slots=True)
class _Result:
    """``again_at``: not an outcome yet, it is tried again then."""

    job: Job
    tried: Tried | None
    again_at: datetime | None = None
    because: str = ""


class Runner:
    """``table``: whose effects it carries out. ``start`` it, or call ``turn`` oneself."""

    def __init__(
        self,
        desk: Desk,
        table: str,
        office: Office,
        letters: Letters,
        *,
        chance: Random | None = None,
        per_minute: float = PER_MINUTE,
        burst: int = BURST,
    ) -> None:
        self.desk, self.table, self.office, self.letters = desk, table, office, letters
        self.wake = threading.Event()
        self._chance = chance or Random()  # noqa: S311 - spreads tries over time, nothing is guessed from it
        self._owner = secrets.token_hex(4)
        self._numbers = count(1)
        self._limits = (per_minute, burst)
        self._agendas: dict[tuple[str, bool], DueList[str]] = {}
        self._place: dict[str, tuple[str, bool]] = {}
        self._allowances: dict[str, Allowance] = {}
        self._crews: dict[str, Crew[Job]] = {}
        self._busy: dict[tuple[str, str], list[str]] = {}  # address at work -> effects that wait for it
        self._running: set[str] = set()
        self._abandoned: dict[str, Claim] = {}
        self._waiting: dict[str, Claim] = {}  # by effect, while it waits for its next try
        self._over: list[str] = []  # tickets of what was settled while it waited
        self._trouble: dict[str, str] = {}  # channel -> what went wrong with it last; gone once something got through
        self._done: SimpleQueue[_Result] = SimpleQueue()
        self._unwritten: list[_Result] = []
        self._lock = threading.Lock()  # over the agendas; the desk's lock is never taken under it
        self._loaded = False
        self._gate = Gate(self._mark_leaving)

    def _mark_leaving(self, claims: Sequence[tuple[str, str]]) -> list[bool]:
        return self.desk.ledger.begin_sending(claims, until=self.desk.clock.now() + SENDING)

    # --- what is owed ---

    def load(self) -> None:
        """Put what is owed on the agenda, and see what whoever ran before has left."""
        if self._loaded:
            return
        self._loaded = True
        self.desk.on_commit(self._committed)
        now = self.desk.clock.now()
        with self.desk.read() as state:
            owed = {id: effect for id, effect in state.outbox.owed.items() if effect.table == self.table}
            known = set(state.outbox.owed)
        starts = {id: effect.not_before for id, effect in owed.items()}
        gone = []
        for claim in self.desk.ledger.claims():
            if claim.effect not in owed:
                gone += [] if claim.effect in known else [claim.ticket]
            elif claim.channel not in owed[claim.effect].channels:
                gone.append(claim.ticket)  # the log has gone on to another channel already
            elif claim.phase == "sending":
                self._abandoned[claim.effect] = claim
                del starts[claim.effect]
            elif claim.phase == "claimed":
                # There is one service for each ledger: whoever claimed it before does not live any more.
                self.desk.ledger.put_back(claim.effect, claim.ticket, until=now, error=claim.error)
            else:
                starts[claim.effect] = max(starts[claim.effect], claim.until)
                self._waiting[claim.effect] = claim
        self.desk.ledger.drop_claims(gone)
        for id, at in starts.items():
            self._enter(owed[id], at)

    def _committed(self, commit: Commit) -> None:
        """Under the desk's lock."""
        changed = [
            event.data["id"] for event in commit.events if event.kind.startswith("effect:") and "id" in event.data
        ]
        if not changed:
            return
        with self.desk.read() as state:
            for id in changed:
                effect = state.outbox.owed.get(id)
                if effect is None or effect.table != self.table:
                    self._leave(id)
                elif id not in self._running:
                    self._enter(effect, effect.not_before)
        self.wake.set()

    def _enter(self, effect: Effect, at: datetime, channel: str | None = None) -> None:
        by = channel if channel is not None else self._served(effect)
        place = (by, effect.lane != Lane.REST)
        with self._lock:
            old = self._place.get(effect.id)
            if old is not None and old != place:
                self._agendas[old].drop(effect.id)
            self._place[effect.id] = place
            self._agendas.setdefault(place, DueList()).put(effect.id, at, Lane(effect.lane).rank)

    def _leave(self, id: str) -> None:
        with self._lock:
            place = self._place.pop(id, None)
            if place is not None:
                self._agendas[place].drop(id)
            if id in self._waiting:
                self._over.append(self._waiting.pop(id).ticket)

    def _served(self, effect: Effect) -> str:
        """The first of its channels that anything serves; nothing serves ``""``."""
        return next((channel for channel in effect.channels if self.office.by(channel) is not None), "")

    def next_at(self) -> datetime | None:
        """When something is due next."""
        with self._lock:
            found = [at for agenda in self._agendas.values() if (at := agenda.next_at()) is not None]
        return min(found, default=None)

    @property
    def idle(self) -> bool:
        """Nothing is under way and everything that was found out is written down."""
        return not self._running and self._done.empty() and not self._unwritten

    # --- one turn ---

    def turn(self) -> bool:
        """Write down what was found out, then start what is due. True: there is more to do at once."""
        self.load()
        more = self._write_down()
        self._give_up_abandoned()
        self._clear_away()
        now = self.desk.clock.now()
        for place in list(self._agendas):
            more |= self._start(*place, now)
        with self._lock:
            EFFECTS_OWED.labels(self.table).set(len(self._place))
        return more

    def _start(self, channel: str, urgent: bool, now: datetime) -> bool:
        """Claim as much of one channel's agenda as it can carry now, and hand it to its crew."""
        crew = self._crew(channel)
        room = crew.room(urgent=urgent)
        allowance = self._allowances.setdefault(channel, Allowance(*self._limits))
        with self._lock:
            ids = self._agendas[channel, urgent].take(now, room)
        if not urgent and ids:
            allowed = allowance.take(len(ids), now)
            self._later(ids[allowed:], allowance.next_at(now))
            ids = ids[:allowed]
        if not ids:
            return False
        ready = self._sorted_out(ids, now)
        if not urgent:
            allowance.give_back(len(ids) - len(ready))
        self._claim(ready, crew, now)
        return len(ids) >= room > 0

    def _later(self, ids: list[str], at: datetime) -> None:
        with self._lock:
            for id in ids:
                place = self._place.get(id)
                if place is not None:
                    self._agendas[place].put(id, at)

    def _sorted_out(self, ids: list[str], now: datetime) -> dict[str, tuple[Effect, Connector, Address]]:
        """What can be sent now; what can't be any more is settled, what has to wait for its reader waits."""
        with self.desk.read() as state:
            found = [replace(state.outbox.owed[id]) for id in ids if id in state.outbox.owed]
        settled: list[Tried] = []
        ready: dict[str, tuple[Effect, Connector, Address]] = {}
        for effect in found:
            if effect.deadline is not None and effect.deadline <= now:
                settled.append(_passed(effect, self._waiting.get(effect.id)))
                continue
            way = self._way(effect)
            if way is None:
                if effect.sort == Sort.ORDER and effect.deadline is None:
                    continue  # it stays owed; nothing that serves it is connected, and only a restart changes that
                settled.append(_tried(effect, *_no_way(effect, self.office)))
                continue
            where = (way[1].channel, way[1].value)
            if where in self._busy:
                self._busy[where].append(effect.id)
                continue
            self._busy.setdefault(where, [])
            ready[effect.id] = (effect, *way)
        if settled:
            self._record(settled)
        return ready

    def _way(self, effect: Effect) -> tuple[Connector, Address] | None:
        """The first channel that is connected and knows where the reader is."""
        for channel in effect.channels:
            connector = self.office.by(channel)
            address = self.office.book.find(channel, effect.to) if connector is not None else None
            if connector is not None and address is not None:
                return connector, address
        return None

    def _claim(self, ready: dict[str, tuple[Effect, Connector, Address]], crew: Crew[Job], now: datetime) -> None:
        if not ready:
            return
        fault("before-claim")
        wanted = [
            Wanted(id, connector.channel, f"{self._owner}/{next(self._numbers)}")
            for id, (_, connector, _) in ready.items()
        ]
        try:
            claims = {c.effect: c for c in self.desk.ledger.claim(wanted, now=now, until=now + CLAIMED)}
        except Unavailable:
            for effect, _, address in ready.values():
                self._free(address)
                self._enter(effect, now)
            raise
        fault("claimed")
        for id, (effect, connector, address) in ready.items():
            claim = claims.get(id)
            if claim is None:
                self._free(address)
                self._enter(effect, now + CLAIMED)
                continue
            self._running.add(id)
            self._waiting.pop(id, None)
            job = Job(effect, claim.ticket, claim.tries, connector, address)
            self._crew(connector.channel).put(job, urgent=job.urgent)

    def _crew(self, channel: str) -> Crew[Job]:
        if channel not in self._crews:
            self._crews[channel] = Crew(f"{self.table}-{channel}", self._work)
        return self._crews[channel]

    # --- in a worker's thread ---

    def _work(self, job: Job) -> None:
        try:
            self._done.put(self._carry_out(job))
        except BaseException:
            self._done.put(_Result(job, None, self.desk.clock.now() + CLAIMED, "a fault of ours"))
            raise
        finally:
            if self._crew(job.connector.channel).dry or self._done.qsize() >= TOGETHER:
                self.wake.set()  # else more are coming, and they are written down together

    def _carry_out(self, job: Job) -> _Result:
        """
        One try.

        A message is marked as leaving, durably, right before its connector hands it over. Killed before that, it is
        tried again; killed after, nobody knows whether it arrived, so it is never sent by this channel again. An order
        has a key by which its target knows a repeat, so it is simply sent again.
        """
        left = False

        def leaving() -> None:
            nonlocal left
            fault("before-leaving")
            with self.desk.read() as state:
                if job.effect.id not in state.outbox.owed:
                    raise _ClaimLost
            if job.effect.sort == Sort.MESSAGE and not self._gate.passes(job.effect.id, job.ticket):
                raise _ClaimLost
            left = True
            fault("leaving")

        try:
            letter = self.office.dressed(self.letters.compose(job.effect))
            receipt = job.connector.send(letter, job.address, leaving)
        except _ClaimLost:
            return _Result(job, None, self.desk.clock.now() + CLAIMED, "not ours any more")
        except NotSent as error:
            return self._not_sent(job, error)
        except Unclear as error:
            return self._unclear(job, error.because)
        except Unavailable as error:
            if left:
                return self._unclear(job, "the ledger failed while it was sent")
            return self._not_sent(job, NotSent(f"the ledger can't be written ({type(error).__name__})"))
        except Exception as error:
            log.exception("connector_failed", channel=job.connector.channel, effect=job.effect.id)
            because = f"a fault of ours ({type(error).__name__})"
            return self._unclear(job, because) if left else self._not_sent(job, NotSent(because))
        fault("sent")
        self._trouble.pop(job.connector.channel, None)
        return _Result(job, _sent(job, letter, receipt, self.office.why_not(job.effect.to, job.effect.all_channels)))

    def _not_sent(self, job: Job, error: NotSent) -> _Result:
        """Known not to have arrived: later, by the next channel, or never."""
        effect, now = job.effect, self.desk.clock.now()
        if not error.for_good:  # else it is about this reader, or this letter
            self._trouble[job.connector.channel] = error.because
        others = self._other_way(job)
        given_up = error.for_good or (others and job.tries >= TRIES)
        at = now + max(wait(job.tries, self._chance, urgent=job.urgent), error.after or timedelta())
        late = effect.deadline is not None and at > effect.deadline
        if effect.sort == Sort.ORDER:
            given_up, others = False, False
        if not given_up and not late:
            return _Result(job, None, at, error.because)
        dead = late and not others and not error.for_good
        return _Result(job, _verdict(job, Outcome.DEAD if dead else Outcome.FAILED, error.because, last=not others))

    def _unclear(self, job: Job, because: str) -> _Result:
        if job.effect.sort == Sort.ORDER:
            return self._not_sent(job, NotSent(because))
        self._trouble[job.connector.channel] = because
        return _Result(job, _verdict(job, Outcome.UNKNOWN, because, last=not self._other_way(job)))

    def no_way(self, to: str, channels: Sequence[str]) -> str | None:
        """Why nothing would reach a reader by any of these channels now; None where one of them would carry it."""
        why = {channel: self._no_way_by(channel, to) for channel in channels}
        if None in why.values():
            return None
        return "; ".join(f"{channel}: {words}" for channel, words in why.items()) or "no channel leads there"

    def _no_way_by(self, channel: str, to: str) -> str | None:
        if self.office.by(channel) is None:
            return "not connected"
        if self.office.book.find(channel, to) is None:
            return "no address is known"
        trouble = self._trouble.get(channel)
        return f"its last try failed ({trouble})" if trouble is not None else None

    def _other_way(self, job: Job) -> bool:
        """Whether its reader can be reached by a channel behind this one."""
        channels = job.effect.channels
        behind = channels[channels.index(job.connector.channel) + 1 :] if job.connector.channel in channels else []
        return self._way(replace(job.effect, channels=behind)) is not None

    # --- what was found out ---

    def _write_down(self) -> bool:
        """Outcomes into the log, tries into the table beside it; what can't be written is kept for the next turn."""
        while len(self._unwritten) < BATCH:
            try:
                self._unwritten.append(self._done.get_nowait())
            except Empty:
                break
        if not self._unwritten:
            return False
        tried = [result.tried for result in self._unwritten if result.tried is not None]
        fault("before-outcome")
        if tried:
            self._record(tried)
        fault("outcome")
        self._settle_claims()
        finished, self._unwritten = self._unwritten, []
        for result in finished:
            self._finish(result)
        return not self._done.empty()

    def _settle_claims(self) -> None:
        with self.desk.read() as state:
            owed = {result.job.effect.id for result in self._unwritten if result.job.effect.id in state.outbox.owed}
        over = []
        for result in self._unwritten:
            job = result.job
            if result.tried is not None or job.effect.id not in owed:
                over.append(job.ticket)
            else:
                until = result.again_at or self.desk.clock.now()
                self.desk.ledger.put_back(job.effect.id, job.ticket, until=until, error=result.because)
                self._waiting[job.effect.id] = Claim(
                    job.effect.id, job.ticket, "waiting", job.connector.channel, job.tries, until, result.because
                )
        self.desk.ledger.drop_claims(over)

    def _finish(self, result: _Result) -> None:
        job = result.job
        self._running.discard(job.effect.id)
        self._free(job.address)
        EFFECTS.labels(job.connector.channel, result.tried.outcome if result.tried else "again").inc()
        with self.desk.read() as state:
            effect = state.outbox.owed.get(job.effect.id)
            if effect is not None:
                self._enter(effect, result.again_at or effect.not_before)

    def _free(self, address: Address) -> None:
        """Whoever waited for this reader may be told now."""
        waiting = self._busy.pop((address.channel, address.value), [])
        self._later(waiting, self.desk.clock.now())

    def _record(self, tried: list[Tried]) -> None:
        def decide(state: State, now: datetime) -> Decided:
            return effects.record(state, tried)

        self.desk.submit(decide, actor=SYSTEM)

    def _clear_away(self) -> None:
        """Claims of what was settled while it waited for its next try."""
        with self._lock:
            over, self._over = self._over, []
        self.desk.ledger.drop_claims(over)

    def _give_up_abandoned(self) -> None:
        """Somebody died in the middle of telling: nobody knows whether it arrived."""
        if not self._abandoned:
            return
        with self.desk.read() as state:
            owed = {id: replace(state.outbox.owed[id]) for id in self._abandoned if id in state.outbox.owed}
        because = "Andon ended while it was being sent"
        tried = []
        for id, effect in owed.items():
            claim = self._abandoned[id]
            behind = effect.channels[effect.channels.index(claim.channel) + 1 :]
            last = self._way(replace(effect, channels=behind)) is None
            tried.append(_tried(effect, Outcome.UNKNOWN, because, channel=claim.channel, tries=claim.tries, last=last))
        self._record(tried)
        self.desk.ledger.drop_claims([claim.ticket for claim in self._abandoned.values()])
        self._abandoned = {}

    # --- its own thread ---

    def stop(self, seconds: float = 2.0) -> None:
        """Finish what is under way as far as that goes; what is not is judged at the next start."""
        for crew in self._crews.values():
            crew.stop(seconds)
        with _told("outcomes_not_written_at_stop"):
            self._write_down()


@contextmanager
def _told(event: str) -> Iterator[None]:
    try:
        yield
    except AndonError as error:
        log.warning(event, error=str(error))


def _tried(
    effect: Effect, outcome: Outcome, because: str, *, channel: str = "", tries: int = 0, last: bool = True
) -> Tried:
    return Tried(
        id=effect.id,
        sort=effect.sort,
        incident=effect.incident,
        channel=channel,
        outcome=outcome,
        tries=tries,
        last=last,
        because=because,
    )


def _passed(effect: Effect, claim: Claim | None) -> Tried:
    """Its time is over; with what stood in its way."""
    if claim is None:
        return _tried(effect, Outcome.DEAD, "its time passed before it was tried")
    return _tried(effect, Outcome.DEAD, claim.error, channel=claim.channel, tries=claim.tries)


def _verdict(job: Job, outcome: Outcome, because: str, *, last: bool) -> Tried:
    return _tried(job.effect, outcome, because, channel=job.connector.channel, tries=job.tries, last=last)


def _no_way(effect: Effect, office: Office) -> tuple[Outcome, str]:
    """Why no channel can take it, for each of them."""
    if effect.doubt:
        return Outcome.UNKNOWN, f"it may have arrived by {', '.join(effect.doubt)}, and there is no other channel"
    if not effect.channels:
        return Outcome.FAILED, "nobody has this role" if effect.to.startswith("role:") else "no channel is left"
    why = [
        f"{channel}: {'no address is known' if office.by(channel) is not None else 'not connected'}"
        for channel in effect.channels
    ]
    return Outcome.FAILED, "; ".join(why)


def _sent(job: Job, letter: Letter, receipt: Receipt, because: str | None) -> Tried:
    """``because``: of what was only rehearsed, why it would not have arrived."""
    outcome = receipt.outcome
    if job.effect.sort == Sort.ORDER and outcome is Outcome.SENT:
        outcome = Outcome.CONFIRMED
    return Tried(
        id=job.effect.id,
        sort=job.effect.sort,
        incident=job.effect.incident,
        channel=job.connector.channel,
        outcome=outcome,
        tries=job.tries,
        because=because,
        digest=digest_of(letter.subject, letter.body),
        evidence=receipt.evidence,
        text={"receipt": receipt.words},
    )
