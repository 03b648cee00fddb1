"""
The one door for change: read, decide, append, fold, tell; and decide again if somebody else appended first.

What a change owes to the outside is added to it here, so that it is always in the same append.

Owns the state in memory and keeps it at the ledger's head, whoever appends. Publishes an immutable snapshot after
every append. Knows nothing of HTTP, streams or leases; ``read_began`` and ``blocked`` are facts that others judge by.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from incidents.clock import Clock, rfc3339
from incidents.credentials import Credential, credentials
from incidents.decisions import Decided
from incidents.decisions.consequences import consequences
from incidents.errors import HeadMoved, Invalid, Refused, Unavailable
from incidents.events import SYSTEM, Actor, Draft, Event, WriteResumed
from incidents.ledger import Answer, AnswerKey, Ledger, pages
from incidents.snapshot import Change, Snapshot, advance, build, merge
from incidents.state import State, bring_back, fold, is_over, let_go
from incidents.state_copy import FOLD_VERSION, dump_state, load_state
from incidents.tokens import mask

log = structlog.get_logger("andon.desk")

TRIES = 25
TOGETHER = 16  # changes in one write: the last of a storm waits less, and the first hardly longer
WORDS_ONLY = frozenset(  # lines that change no incident
    {
        "incident:note:added",
        "incident:entry:pinned",
        "incident:entry:redacted",
        "slack:message:captured",
        "slack:message:edited",
        "slack:message:deleted",
        "restore:approval:denied",
        "effect:message:passed-on",
        "effect:message:settled",
        "effect:message:retried",
    }
)
_PART_OF = re.compile(r"(.+-\d+)-[RN]\d+")  # a restore request or a notice of an incident
LET_GO_EVERY = 5_000  # events folded at the start between two looks at what is over
GIVE_WAY_S = 0.5  # kills without end must not keep deadlines from being written
COPY_EVERY = 5_000  # events between two kept states

Decide = Callable[[State, datetime], Decided]
# Made inside the transaction where it is to be kept, else after the points were told: it must not matter to it.
MakeAnswer = Callable[[State, Decided, Sequence[Event]], Answer]


@dataclass(frozen=True, slots=True)
class Commit:
    """What listeners are told after an append was folded. ``seen_boot``: boot clock when this process saw it."""

    events: Sequence[Event]
    snapshot: Snapshot
    change: Change | None
    seen_boot: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """``replayed``: the stored answer of an earlier request with the same key; nothing was decided again."""

    decided: Decided
    events: Sequence[Event]
    answer: Answer | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Blocked:
    """A narrowing change that could not be recorded; no grants are given until an append works again."""

    since: datetime
    what: str
    error: str
    since_boot: float  # the same moment on the boot clock


@dataclass(slots=True)
class _Wish:
    """A change that somebody waits for. Done once it has an outcome or an error."""

    decide: Decide
    actor: Actor
    key: AnswerKey | None
    answer: MakeAnswer | None
    about: str
    narrowing: str = ""  # what stays on if it can't be recorded, in words
    outcome: Outcome | None = None
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.outcome is not None or self.error is not None


class Desk:
    """
    Safe to use from several threads. ``start`` before anything else.

    ``snapshot`` is what the points are told; ``newest`` is of the state that is being decided on, which may be on its
    way to the disk still.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.blocked: Blocked | None = None
        self._unwritten: Blocked | None = None  # the first failure that the log does not tell of yet
        self.read_began = float("-inf")  # boot clock at which the last successful look at the head began
        self.trouble: str | None = None  # why the head could not be read
        self._state = State()
        self._lock = threading.RLock()  # on the state; nobody who only looks waits for the disk
        self._order = threading.RLock()  # one change after the other; taken before the ledger's locks and the state's
        self._queue: list[_Wish] = []
        self._queue_lock = threading.Lock()
        self._is_ahead = False  # the state holds what was never written: it is made anew before anybody looks
        self._told_seq = 0
        self._kills = 0  # narrowing changes that are being made or wait to be
        self._calm = threading.Condition()
        self._listeners: list[Callable[[Commit], None]] = []
        self._words: dict[str, dict[str, str]] = {}
        self._copied_seq = 0
        self.snapshot: Snapshot = build(self._state)
        self.newest = self.snapshot
        self.credentials: dict[str, Credential] = {}

    # --- starting and following ---

    def start(self) -> None:
        """
        Fold the ledger up to its head, from the kept state where there is a usable one.

        Raises:
            LedgerUnavailable: It can't be read.
        """
        with self._lock:
            began = self.clock.boot()
            self._replay_log()
            self.snapshot = self.newest = build(self._state)
            self.credentials = credentials(self._state)
            self.read_began = began

    def _replay_log(self, upto: int | None = None) -> None:
        self._state = self._kept_state() or State()
        self._copied_seq = self._state.seq
        for number, event in enumerate(pages(self.ledger, after=self._state.seq), 1):
            if upto is not None and event.seq > upto:
                break
            self._fold(event)
            if number % LET_GO_EVERY == 0:
                self.let_go()
        self.let_go()

    def _kept_state(self) -> State | None:
        kept = self.ledger.load_state(FOLD_VERSION)
        if kept is None:
            return None
        try:
            state = load_state(kept[1])
        except ValueError as error:
            log.warning("kept_state_refused", seq=kept[0], why=f"it can't be read: {error}")
            return None
        at_seq = self.ledger.read(after=state.seq - 1, limit=1)
        if not at_seq or at_seq[0].digest != state.digest:
            log.warning("kept_state_refused", seq=state.seq, why="it is not of this chain")
            return None
        return state

    def on_commit(self, listener: Callable[[Commit], None], *, first: bool = False) -> None:
        """
        ``listener`` is called in order, under the desk's lock: it must be quick and must not raise.

        ``first``: before the others, for whoever carries the change to the points.
        """
        self._listeners.insert(0 if first else len(self._listeners), listener)

    def follow(self) -> None:
        """
        Look at the ledger's head and fold what others appended. Meant for every 50 ms.

        Raises:
            LedgerUnavailable: The head can't be read; ``trouble`` says why until it can.
        """
        with self._lock:
            began = self.clock.boot()
            try:
                self._go_back()
                self._catch_up()
            except Unavailable as error:
                self.trouble = str(error)
                raise
            self.trouble = None
            self.read_began = began

    def _catch_up(self) -> None:
        if self.ledger.moved():
            self._take(self.ledger.read(after=self._state.seq))

    def _take(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self._tell(events, self._take_in(events))

    def _take_in(self, events: Sequence[Event]) -> Change | None:
        """For whoever decides next; nobody is told yet of what has changed."""
        for event in events:
            self._fold(event)
            self._remember_words(event)
        change = None
        if any(e.kind.startswith("access:") or e.kind == "ledger:chain:restored" for e in events):
            self.newest, change = advance(self.newest, self._state, events)
        return change

    def _tell(self, events: Sequence[Event], change: Change | None) -> None:
        """Durable and taken in."""
        self.snapshot = self.newest
        if any(e.kind.startswith(("people:", "points:")) for e in events):
            self.credentials = credentials(self._state)
        commit = Commit(events, self.snapshot, change, self.clock.boot())
        for listener in self._listeners:
            try:
                listener(commit)
            except Exception:
                log.exception("listener_failed", seq=events[-1].seq)

    def _fold(self, event: Event) -> None:
        if event.kind not in WORDS_ONLY:
            self._bring_back(event.incident)
        fold(self._state, event)

    def _bring_back(self, incident: str | None) -> None:
        """An incident that is over is read from the ledger again when somebody opens it or something happens to it."""
        if incident in self._state.over:
            bring_back(self._state, incident, self.ledger.incident(incident))

    def let_go(self) -> None:
        """Forget incidents that are over, so that neither memory nor start-up grows with what lies behind."""
        with self._lock:
            for incident in [i.id for i in self._state.incidents.values() if is_over(self._state, i)]:
                let_go(self._state, incident)
                self._words.pop(incident, None)

    # --- reading ---

    @contextmanager
    def read(self, about: str = "") -> Iterator[State]:
        """
        The state, standing still while the block runs. Keep the block short and change nothing.

        ``about``: the incident or restore request that the block is going to look at, even if it is long over.
        """
        with self._lock:
            self._go_back()
            self._bring_back(self._meant(about))
            yield self._state

    def _meant(self, about: str) -> str | None:
        """The incident that is named, by itself, by one of its requests or notices, or as the newest."""
        if about == "latest":
            return self._state.order[-1] if self._state.order else None
        incident = about.upper()
        found = _PART_OF.fullmatch(incident)
        return found[1] if found and incident not in self._state.over else incident

    def words(self, incident: str) -> dict[str, str]:
        """Title and summary of an incident, as its declaration wrote them (empty where redacted)."""
        if (known := self._words.get(incident)) is not None:
            return known
        for event in self.ledger.incident(incident)[:1]:
            self._remember_words(event)
        return self._words.get(incident, {})

    def _remember_words(self, event: Event) -> None:
        if event.kind == "incident:life:declared" and event.incident:
            self._words[event.incident] = dict(event.text or {})
        elif event.kind == "incident:entry:redacted":
            self._words.pop(event.incident or "", None)

    # --- changing ---

    def submit(
        self,
        decide: Decide,
        *,
        actor: Actor,
        key: AnswerKey | None = None,
        answer: MakeAnswer | None = None,
        narrowing: str = "",
        about: str = "",
        shares: bool = False,
    ) -> Outcome:
        """
        Decide on the newest state and append; durable when it returns.

        Args:
            key: With ``answer``: the same key and body gets the first answer again, across crashes, for 7 days.
            about: The incident or request that it is about, see ``read``.
            narrowing: What a failed append would have stopped, in words. If it can't be recorded, grants stop.
            shares: It may share a write with others, as what narrows does: it looks at nothing but the state.

        Raises:
            Refused: Nothing was changed.
            Unavailable: Nothing was recorded.
        """
        wish = _Wish(decide, actor, key, answer, about, narrowing)
        with self._ahead(narrowing):
            return self._done_with_others(wish) if narrowing or shares else self._done(wish)

    def _done(self, wish: _Wish) -> Outcome:
        for _ in range(TRIES):
            try:
                with self._order:
                    return self._once(wish)
            except HeadMoved:
                continue
        raise Unavailable(f"could not be recorded: {TRIES} others appended to {self.ledger.name} first; try again")

    @contextmanager
    def _ahead(self, narrowing: str) -> Iterator[None]:
        """A kill waits for the append that is under way and for no other, as far as those others give way."""
        if not narrowing:
            yield
            return
        with self._calm:
            self._kills += 1
        try:
            yield
        finally:
            with self._calm:
                self._kills -= 1
                self._calm.notify_all()

    def give_way(self) -> None:
        """
        Wait while a kill is being written. For whoever makes many appends in a row: a lock is not fair, and whoever
        lets go of it only to take it again may have it for as long as it likes.
        """
        with self._calm:
            self._calm.wait_for(lambda: not self._kills, GIVE_WAY_S)

    def _done_with_others(self, wish: _Wish) -> Outcome:
        """
        What waits at the same moment is written together: each by itself would wait for the disk of all before.

        Whoever gets the lock does what waits by then; a lone one is done like any other change.
        """
        with self._queue_lock:
            self._queue.append(wish)
        with self._order:
            while not wish.is_done:
                with self._queue_lock:
                    batch, self._queue = self._queue[:TOGETHER], self._queue[TOGETHER:]
                self._do(batch)
        if wish.outcome is None:
            raise wish.error or Unavailable("could not be recorded")
        return wish.outcome

    @property
    def waiting(self) -> int:
        """Kills and notes that wait for their turn."""
        return len(self._queue)

    def _do(self, batch: list[_Wish]) -> None:
        """Every one of them has an outcome or an error afterwards."""
        late = self._write_together(batch) if len(batch) > 1 else batch
        for wish in late:
            try:
                wish.outcome = self._done(wish)
            except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for it
                wish.error = error
                if wish.narrowing and isinstance(error, Unavailable):
                    self._block(wish.narrowing, error)  # at once: those behind it may wait long for the same disk

    def _write_together(self, batch: list[_Wish]) -> list[_Wish]:
        """In one write, each decided on what those before it did; returns those that are to be done by themselves."""
        with self._lock:
            try:
                with self.ledger.together():
                    late, events, change = self._decided_in_turn(batch)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is met again and raised where it belongs
                log.warning("not_written_together", changes=len(batch), error=repr(error))
                if isinstance(error, Unavailable) and (kills := [w.narrowing for w in batch if w.narrowing]):
                    self.blocked = self.blocked or self._failed(kills[0], error)  # until one by one says more
                for wish in batch:
                    wish.outcome = wish.error = None
                return batch
            self._is_ahead = False
            if events:
                self.blocked = None
                self._tell(events, change)
            return late

    def _decided_in_turn(self, batch: list[_Wish]) -> tuple[list[_Wish], list[Event], Change | None]:
        late: list[_Wish] = []
        events: list[Event] = []
        change: Change | None = None
        self._go_back()
        self._catch_up()
        self._told_seq = self._state.seq
        for wish in batch:
            try:
                written, finish = self._decided(wish)
            except HeadMoved:
                late.append(wish)  # its key was answered in this very write
            except Refused as error:
                wish.error = error
            else:
                if written:
                    self._is_ahead = True
                    newer = self._take_in(written)
                    change = merge(change, newer) if change and newer else newer or change
                    events += written
                wish.outcome = finish()
        return late, events, change

    def _go_back(self) -> None:
        """What was taken in and could not be written is forgotten: the log is read anew, up to what was told."""
        if self._is_ahead:
            self._words.clear()
            self._replay_log(self._told_seq)
            self.newest = self.snapshot
            self._is_ahead = False

    def _once(self, wish: _Wish) -> Outcome:
        with self._lock:
            self._go_back()
            self._catch_up()
        events, finish = self._decided(wish)
        with self._lock:
            if events is not None:
                self.blocked = None
                # Whoever followed the log meanwhile has taken them already. Told before anything is written for people.
                self._take([event for event in events if event.seq > self._state.seq])
            return finish()

    def _decided(self, wish: _Wish) -> tuple[list[Event] | None, Callable[[], Outcome]]:
        """
        Decided on the state as it is, and appended: the events, None where nothing had to be written.

        Not taken in yet; the outcome is asked for once it is.
        """
        with self._lock:
            self._bring_back(self._meant(wish.about))
            if wish.key is not None:
                stored = self.ledger.answer(wish.key)
                if stored is not None:
                    replayed = _replay(wish.key, stored)
                    return None, lambda: replayed
            now = self.clock.now()
            decided = wish.decide(self._state, now)
            follows = self._follows(decided, wish.actor, now)
            expected = self._state.seq
        made: list[Answer] = []

        def make(events: Sequence[Event]) -> Answer:
            asked = events[: len(decided.drafts)]  # the answer is about what was decided, not about what follows
            with self._lock:
                made.append(wish.answer(self._state, decided, asked) if wish.answer else Answer(200, "null"))
            return made[0]

        if not decided.drafts and not decided.directory and wish.key is None:
            return None, lambda: Outcome(decided, [], make([]))
        events = self.ledger.append(
            [_masked(draft) for draft in (*decided.drafts, *follows)],
            actor=wish.actor,
            now=now,
            expected=expected,
            key=wish.key,
            answer=make if wish.answer else None,
            directory=decided.directory or None,
            redact=decided.redact,
        )
        return events, lambda: Outcome(decided, events[: len(decided.drafts)], made[0] if made else make(events))

    def _follows(self, decided: Decided, actor: Actor, now: datetime) -> list[Draft]:
        """What the change owes to the outside. A fault in working that out must not keep a kill from being written."""
        try:
            return consequences(self._state, decided.drafts, actor, now)
        except Exception:
            log.exception("consequences_failed", kinds=[draft.fact.kind for draft in decided.drafts][:5])
            return []

    def _block(self, what: str, error: Exception) -> None:
        self.blocked = self.blocked or self._failed(what, error)
        self._unwritten = self._unwritten or self.blocked
        log.error("kill_not_recorded", what=what, error=str(error), grants="stopped")

    def _failed(self, what: str, error: Exception) -> Blocked:
        return Blocked(self.clock.now(), what, str(error), self.clock.boot())

    def try_resume(self) -> None:
        """See whether appending works again after a failure, and write down that it had not, whoever appended first."""
        failed = self._unwritten
        if failed is None:
            return
        fact = WriteResumed(failed_at=rfc3339(failed.since), what=failed.what, error=failed.error)
        self.submit(lambda state, now: Decided([Draft(fact)]), actor=SYSTEM)
        self._unwritten = None

    def prove_writable(self) -> None:
        """Write once before anything is granted: a block that a restart has forgotten must not be lifted by it."""
        with self._lock:
            self._go_back()
            seq, kept = self._state.seq, dump_state(self._state)
        try:
            self.ledger.save_state(seq, FOLD_VERSION, kept)
        except Unavailable as error:
            self._block("whatever was ordered before this start", error)

    def keep_state(self, *, always: bool = False) -> None:
        """Keep the folded state beside the log, so that the next start replays only the tail."""
        with self._lock:
            self._go_back()
            if self._state.seq - self._copied_seq < (1 if always else COPY_EVERY):
                return
            seq, kept = self._state.seq, dump_state(self._state)
            self._copied_seq = seq
        self.ledger.save_state(seq, FOLD_VERSION, kept)


def _replay(key: AnswerKey, stored: Answer) -> Outcome:
    if stored.body != key.body:
        raise Invalid(
            f"Idempotency-Key '{key.key[:64]}' was used for another request body; use a new key",
            code="idempotency-key-reused",
        )
    return Outcome(Decided([]), [], stored, replayed=True)


def _masked(draft: Draft) -> Draft:
    """Free words may hold a pasted token; it is masked before anything is written."""
    if not draft.text:
        return draft
    return dataclasses.replace(draft, text={name: mask(words) for name, words in draft.text.items()})
