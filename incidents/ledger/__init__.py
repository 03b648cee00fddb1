"""
The ledger: an append-only, chained log, and the small tables beside it.

This package owns storing and reading; it refuses to know what an event means. ``memory`` and ``sqlite`` keep the
same promises and pass the same tests (``tests/contracts``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from incidents.events import Actor, Draft, Event
from incidents.ledger.search import Chosen as Chosen
from incidents.ledger.search import Hit as Hit
from incidents.ledger.search import Reads as Reads
from incidents.ledger.search import everything as everything

GENESIS = "0" * 64  # what the first event names as the digest before it


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event: ``seq`` 0 and ``digest`` GENESIS where there is none."""

    seq: int
    digest: str


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """
    Which request an answer belongs to (``Idempotency-Key``).

    ``owner`` is the person, or the token where there is no person; ``body`` is a SHA-256 of the request's body.
    """

    owner: str
    route: str
    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with: HTTP status and JSON text, and the digest of the body that asked."""

    status: int
    json: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """One running process of an enforcement point, as written down before its first grant (wall time, UTC)."""

    point: str
    instance: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class PointUse:
    """How a point's token has been used, ever: holding a copy, through flagd, or asking live."""

    point: str
    copies: bool
    flagd: bool
    asks: bool
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """Decisions counted in one window. ``per`` is minute, hour or day; ``window_start`` RFC 3339 UTC."""

    instance: str
    partner: str
    flag: str
    per: str
    window_start: str
    count: int


@dataclass(frozen=True, slots=True)
class Claim:
    """
    Who is carrying out an effect and how far that got; what became of it in the end is a fact of the log.

    ``phase``: ``claimed``, nothing has left us yet; ``sending``, something may have; ``waiting``, nothing has, and it
    is not tried again before ``until``. In the other two ``until`` is when whoever holds it is given up for dead.
    ``ticket`` is new with each claim, ``<owner>/<number>``: every later step names it, so that only the newest counts.
    """

    effect: str
    ticket: str
    phase: str
    channel: str
    tries: int
    until: datetime
    error: str = ""

    @property
    def owner(self) -> str:
        return self.ticket.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An effect that somebody wants to carry out by a channel; ``ticket`` becomes the claim's."""

    effect: str
    channel: str
    ticket: str


class Ledger(Protocol):
    """
    What the rest of Andon needs from a store. Safe to call from several threads.

    Every method may raise LedgerUnavailable, which names the ledger.
    """

    @property
    def id(self) -> str:
        """Minted by ``init`` and by every restore from a backup; never reused."""

    @property
    def name(self) -> str:
        """For people: the absolute path, or the address without its password, or ``memory``."""

    def head(self) -> Head: ...

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
        """
        Chain and store all drafts in one transaction, or none of them. Durable when it returns.

        ``expected`` is the sequence number that the decision was made on. With ``key`` and ``answer``, the answer
        is computed from the stored events and kept in the same transaction. ``directory`` entries (contact data
        that must not be chained) are set or, where None, removed in it too. ``redact`` names older events whose text is
        taken out for good in it (a repeat does nothing). No drafts: only answer, directory and redaction.

        Raises:
            HeadMoved: The head is not ``expected``, or ``key`` has been answered meanwhile; nothing was stored.
            Invalid: A draft holds what has no canonical form (float, huge integer); nothing was stored.
            Unknown: There is no such event to redact; nothing was stored.
        """

    def together(self) -> AbstractContextManager[None]:
        """
        What this thread appends inside the block is one transaction: all of it durable on leaving, or none.

        An append that fails inside leaves nothing behind and does not end it. Nobody else reads any of it before.

        Raises:
            LedgerUnavailable: On entering or leaving; nothing was stored.
        """

    def read(self, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with ``seq > after`` in order; one view, never half of an append (unless ``limit`` cuts it)."""

    def incident(self, incident: str) -> list[Event]:
        """All events of one incident, in order."""

    def find(
        self,
        words: Sequence[str],
        *,
        before: str | None = None,
        limit: int | None = None,
        among: Chosen | None = None,
        reads: Reads = everything,
    ) -> list[str]:
        """
        Incidents in whose lines every word stands, the newest declared first.

        A word is looked for from its beginning, without case and accents (``search``), in every text, and in a
        declaration's id, playbook and parameters and what was held. Words without a letter or digit find nothing.

        Args:
            before: Only those declared before this one.
            limit: At most so many; what ``reads`` hides takes nobody's place.
            among: Only those that it gives, asked for the next lower one whenever one is found.
        """

    def hits(
        self, words: Sequence[str], incidents: Sequence[str], *, each: int = 3, reads: Reads = everything
    ) -> list[Hit]:
        """Where in these incidents the words were found: at most ``each`` lines of each, those that show most first."""

    def tidy(self, *, steps: int = 20) -> bool:
        """
        Do in short steps what appends and redactions have left for later; True when nothing is left.

        Meant for every second. Searches are right without it, only slower; redacted words are gone from all files
        once it says True.
        """

    def moved(self) -> bool:
        """True if another process may have appended since the last call. Cheap enough for every 50 ms."""

    def answer(self, key: AnswerKey) -> Answer | None:
        """The stored answer for (owner, route, key), whatever the body; None where there is none."""

    def keep_answers(self, answers: Sequence[tuple[AnswerKey, Answer]], *, now: datetime) -> list[Answer]:
        """
        Keep answers to requests that change nothing, one durable transaction for all of them.

        Returns what is kept of each: what was given, or the first answer of that (owner, route, key).
        """

    def forget_answers(self, before: datetime) -> int:
        """Drop answers recorded before a moment; returns how many."""

    def directory(self) -> dict[str, str]: ...

    def save_state(self, seq: int, version: str, state: bytes) -> None:
        """Keep the folded state as of ``seq``; replaces the older one. Never part of the evidence."""

    def load_state(self, version: str) -> tuple[int, bytes] | None:
        """The kept state if it was written by the same ``version`` of the fold."""

    def instances(self) -> list[Instance]: ...

    def write_instances(self, rows: Sequence[Instance]) -> None:
        """Insert or refresh (``last_at``), one transaction, durable when it returns."""

    def drop_instances(self, rows: Sequence[tuple[str, str]], *, before: datetime) -> None:
        """Drop those that were not written again since ``before``: one that came back meanwhile stays."""

    def point_uses(self) -> list[PointUse]: ...

    def write_point_uses(self, rows: Sequence[PointUse]) -> None:
        """Insert or merge: a use once seen stays seen."""

    def usage(self, *, since: str) -> list[Usage]:
        """Rows whose window starts at or after ``since``."""

    def write_usage(self, rows: Sequence[Usage]) -> None:
        """Insert or keep the higher count."""

    def drop_usage(self, *, before: str) -> None: ...

    def claims(self) -> list[Claim]:
        """Every claim, by effect."""

    def claim(self, wanted: Sequence[Wanted], *, now: datetime, until: datetime) -> list[Claim]:
        """
        Take effects to carry them out, one durable transaction; returns those that were taken.

        Taken is what nobody holds, what waits no longer, and what was claimed by somebody who is given up before
        anything left them. What may have left is never taken: somebody has to judge first what became of it.
        ``tries`` counts the claims by the same channel.
        """

    def begin_sending(self, claims: Sequence[tuple[str, str]], *, until: datetime) -> list[bool]:
        """
        Write down, durably and in one transaction, that from now on something may have left.

        Args:
            claims: Effect and ticket. Of each the answer is whether it may leave; False: the claim is lost.
        """

    def put_back(self, effect: str, ticket: str, *, until: datetime, error: str) -> bool:
        """Nothing has left us, or the target said no: not before ``until`` again. False: the claim is lost."""

    def drop_claims(self, tickets: Sequence[str]) -> None:
        """What became of them is in the log."""

    def close(self) -> None: ...


def pages(ledger: Ledger, *, after: int = 0, size: int = 5000) -> Iterator[Event]:
    """Every event after ``after``, read in pages; what is appended meanwhile comes too."""
    while batch := ledger.read(after=after, limit=size):
        yield from batch
        after = batch[-1].seq
