"""
The ledger without a disk: for tests and previews.

Keeps every promise of the protocol but durability, with the same sealing; ``beside`` opens the same log a second time.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from incidents.errors import HeadMoved, LedgerUnavailable, Unknown
from incidents.events import Actor, Draft, Event
from incidents.ledger import (
    Answer,
    AnswerKey,
    Chosen,
    Claim,
    Head,
    Hit,
    Instance,
    PointUse,
    Reads,
    Usage,
    Wanted,
    everything,
    search,
)
from incidents.ledger.chain import Tip, mint, seal_all
from incidents.ledger.hits import hits
from incidents.ledger.redaction import without


@dataclass(slots=True)
class _Store:
    """What all handles of one log share."""

    id: str
    lock: threading.RLock = field(default_factory=threading.RLock)
    commits: int = 0
    events: list[Event] = field(default_factory=list)
    of_incident: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], tuple[datetime, Answer]] = field(default_factory=dict)
    directory: dict[str, str] = field(default_factory=dict)
    state: tuple[int, str, bytes] | None = None
    instances: dict[tuple[str, str], Instance] = field(default_factory=dict)
    uses: dict[str, PointUse] = field(default_factory=dict)
    usage: dict[tuple[str, str, str, str, str], Usage] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)

    def tip(self) -> Tip:
        if not self.events:
            return Tip()
        last = self.events[-1]
        return Tip(last.seq, last.digest, last.recorded_at)


class MemoryLedger:
    """The Ledger protocol over Python lists."""

    name = "memory"

    def __init__(self, ledger_id: str | None = None, *, _store: _Store | None = None) -> None:
        self._store = _store or _Store(ledger_id or mint())
        self._seen = self._store.commits
        self._closed = False

    def beside(self) -> MemoryLedger:
        """Another handle on the same log, as another program would have it."""
        return MemoryLedger(_store=self._store)

    @property
    def id(self) -> str:
        return self._store.id

    def head(self) -> Head:
        store = self._looked_at()
        return store.tip().head

    def append(
        self,
        drafts: Sequence[Draft],
        *,
        actor: Actor,
        now: datetime,
        expected: int,
        key: AnswerKey | None = None,
        answer: Callable[[Sequence[Event]], Answer] | None = None,
        directory: Mapping[str, str | None] | None = None,
        redact: Sequence[int] = (),
    ) -> list[Event]:
        with self._open() as store:
            tip = store.tip()
            _refuse_moved_head(store, tip, expected, key)
            sealed = seal_all(drafts, actor=actor, now=now, ledger=store.id, tip=tip, newest_of=self._newest_of)
            kept = answer(sealed) if key is not None and answer is not None else None
            for seq in redact:
                if not 0 < seq <= expected:
                    raise Unknown(f"there is no event {seq} to redact; the newest is {expected}")
            # Nothing above has changed anything, nothing below can fail: that is this ledger's transaction.
            _store_events(store, sealed, redact)
            if key is not None and kept is not None:
                recorded_at = sealed[0].recorded_at if sealed else now
                store.answers[key.owner, key.route, key.key] = (recorded_at, replace(kept, body=key.body))
            for name, value in (directory or {}).items():
                if value is None:
                    store.directory.pop(name, None)
                else:
                    store.directory[name] = value
            store.commits += 1
            return sealed

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._open() as store:
            before = copy.deepcopy((len(store.events), store.of_incident, store.commits))
            answers, directory = dict(store.answers), dict(store.directory)
            try:
                yield
            except BaseException:
                length, store.of_incident, store.commits = before
                del store.events[length:]
                store.answers, store.directory = answers, directory
                raise

    def read(self, *, after: int = 0, limit: int | None = None) -> list[Event]:
        store = self._looked_at()
        return store.events[after : None if limit is None else after + limit]

    def incident(self, incident: str) -> list[Event]:
        store = self._looked_at()
        return [store.events[seq - 1] for seq in store.of_incident.get(incident, ())]

    def find(
        self,
        words: Sequence[str],
        *,
        before: str | None = None,
        limit: int | None = None,
        among: Chosen | None = None,
        reads: Reads = everything,
    ) -> list[str]:
        phrases = search.asked(words)
        with self._open() as store:  # and no longer: whoever is asked what may be read may wait for an append
            docs = [doc for event in store.events if (doc := _doc(store, event)) is not None]
            names = {numbers[0]: incident for incident, numbers in store.of_incident.items()}
            first = store.of_incident.get(before, [0])[0] if before is not None else len(store.events) + 1
        docs = sorted((doc for doc in docs if search.first_of(doc[0]) < first), reverse=True)
        found = [search.by_incident([at for at, said in docs if search.holds(said, one)]) for one in phrases]
        return search.readable(search.together(found, among), names.__getitem__, reads, limit)

    def hits(
        self, words: Sequence[str], incidents: Sequence[str], *, each: int = 3, reads: Reads = everything
    ) -> list[Hit]:
        phrases = search.asked(words)
        found: list[Hit] = []
        for incident in incidents:
            if phrases and reads(incident, False):
                found += hits(self.incident(incident), phrases, each, reads)
        return found

    def tidy(self, *, steps: int = 20) -> bool:
        with self._open():
            return True

    def moved(self) -> bool:
        store = self._looked_at()
        commits = store.commits
        moved, self._seen = commits != self._seen, commits
        return moved

    def answer(self, key: AnswerKey) -> Answer | None:
        store = self._looked_at()
        found = store.answers.get((key.owner, key.route, key.key))
        return found[1] if found else None

    def keep_answers(self, answers: Sequence[tuple[AnswerKey, Answer]], *, now: datetime) -> list[Answer]:
        with self._open() as store:
            for key, answer in answers:
                store.answers.setdefault((key.owner, key.route, key.key), (now, replace(answer, body=key.body)))
            return [store.answers[key.owner, key.route, key.key][1] for key, _ in answers]

    def forget_answers(self, before: datetime) -> int:
        with self._open() as store:
            old = [name for name, (recorded_at, _) in store.answers.items() if recorded_at < before]
            for name in old:
                del store.answers[name]
            store.commits += 1
            return len(old)

    def directory(self) -> dict[str, str]:
        with self._open() as store:
            return dict(sorted(store.directory.items()))

    def save_state(self, seq: int, version: str, state: bytes) -> None:
        with self._open() as store:
            store.state = (seq, version, state)

    def load_state(self, version: str) -> tuple[int, bytes] | None:
        with self._open() as store:
            if store.state is None or store.state[1] != version:
                return None
            return store.state[0], store.state[2]

    def instances(self) -> list[Instance]:
        with self._open() as store:
            return [row for _, row in sorted(store.instances.items())]

    def write_instances(self, rows: Sequence[Instance]) -> None:
        with self._open() as store:
            for row in rows:
                old = store.instances.get((row.point, row.instance), row)
                store.instances[row.point, row.instance] = replace(old, last_at=max(old.last_at, row.last_at))

    def drop_instances(self, rows: Sequence[tuple[str, str]], *, before: datetime) -> None:
        with self._open() as store:
            for row in rows:
                if row in store.instances and store.instances[row].last_at < before:
                    del store.instances[row]

    def point_uses(self) -> list[PointUse]:
        with self._open() as store:
            return [row for _, row in sorted(store.uses.items())]

    def write_point_uses(self, rows: Sequence[PointUse]) -> None:
        with self._open() as store:
            for row in rows:
                old = store.uses.get(row.point, row)
                store.uses[row.point] = PointUse(
                    row.point,
                    old.copies or row.copies,
                    old.flagd or row.flagd,
                    old.asks or row.asks,
                    max(old.last_at, row.last_at),
                )

    def usage(self, *, since: str) -> list[Usage]:
        with self._open() as store:
            return [row for _, row in sorted(store.usage.items()) if row.window_start >= since]

    def write_usage(self, rows: Sequence[Usage]) -> None:
        with self._open() as store:
            for row in rows:
                name = (row.window_start, row.instance, row.partner, row.flag, row.per)
                old = store.usage.get(name, row)
                store.usage[name] = row if row.count >= old.count else old

    def drop_usage(self, *, before: str) -> None:
        with self._open() as store:
            store.usage = {name: row for name, row in store.usage.items() if row.window_start >= before}

    def claims(self) -> list[Claim]:
        with self._open() as store:
            return [claim for _, claim in sorted(store.claims.items())]

    def claim(self, wanted: Sequence[Wanted], *, now: datetime, until: datetime) -> list[Claim]:
        taken = []
        with self._open() as store:
            for want in wanted:
                old = store.claims.get(want.effect)
                if old is not None and (old.phase == "sending" or old.until > now):
                    continue
                tries = old.tries + 1 if old is not None and old.channel == want.channel else 1
                error = old.error if old is not None else ""
                claim = Claim(want.effect, want.ticket, "claimed", want.channel, tries, until, error)
                store.claims[want.effect] = claim
                taken.append(claim)
        return taken

    def begin_sending(self, claims: Sequence[tuple[str, str]], *, until: datetime) -> list[bool]:
        found = []
        with self._open() as store:
            for effect, ticket in claims:
                old = store.claims.get(effect)
                found.append(old is not None and old.ticket == ticket and old.phase == "claimed")
                if old is not None and found[-1]:
                    store.claims[effect] = replace(old, phase="sending", until=until)
        return found

    def put_back(self, effect: str, ticket: str, *, until: datetime, error: str) -> bool:
        with self._open() as store:
            old = store.claims.get(effect)
            if old is None or old.ticket != ticket:
                return False
            store.claims[effect] = replace(old, phase="waiting", until=until, error=error)
            return True

    def drop_claims(self, tickets: Sequence[str]) -> None:
        with self._open() as store:
            gone = set(tickets)
            store.claims = {effect: claim for effect, claim in store.claims.items() if claim.ticket not in gone}

    def close(self) -> None:
        self._closed = True

    def _newest_of(self, incident: str) -> str | None:
        found = self._store.of_incident.get(incident)
        return self._store.events[found[-1] - 1].digest if found else None

    def _open(self) -> _Held:
        return _Held(self._looked_at())

    def _looked_at(self) -> _Store:
        """Without waiting for whoever writes, as in a file: they may be waiting for the one who looks."""
        if self._closed:
            raise LedgerUnavailable("memory: this ledger has been closed; open it again")
        return self._store


class _Held:
    """The store, locked for one ``with`` block."""

    def __init__(self, store: _Store) -> None:
        self._store = store

    def __enter__(self) -> _Store:
        self._store.lock.acquire()
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.lock.release()


def _refuse_moved_head(store: _Store, tip: Tip, expected: int, key: AnswerKey | None) -> None:
    if tip.seq != expected:
        raise HeadMoved(f"memory: the head is event {tip.seq}, the decision was made on event {expected}")
    if key is not None and (key.owner, key.route, key.key) in store.answers:
        raise HeadMoved(f"memory: the key '{key.key}' has been answered meanwhile; look the answer up")


def _store_events(store: _Store, sealed: Sequence[Event], redact: Sequence[int]) -> None:
    store.events.extend(sealed)  # at once: whoever reads meanwhile sees all of an append or nothing
    of_incident: dict[str, list[int]] = {}
    for event in sealed:
        if event.incident is not None:
            of_incident.setdefault(event.incident, []).append(event.seq)
    for incident, seqs in of_incident.items():
        store.of_incident.setdefault(incident, []).extend(seqs)
    for seq in redact:
        event = store.events[seq - 1]
        store.events[seq - 1] = replace(event, text=None, salt=None)
        if event.text is not None:
            _redact_answers(store, event, list(event.text.values()))


def _redact_answers(store: _Store, event: Event, said: Sequence[str]) -> None:
    about = event.incident or ""
    for name, (recorded_at, answer) in store.answers.items():
        if about in answer.json or about in name[1]:
            body = "" if recorded_at == event.recorded_at else answer.body
            store.answers[name] = (recorded_at, replace(answer, json=without(answer.json, said), body=body))


def _doc(store: _Store, event: Event) -> search.Doc | None:
    """Place and words of an event that says something about an incident."""
    if event.incident is None or not (said := search.words_of(event)):
        return None
    return search.place(store.of_incident[event.incident][0], event), said
