"""
Who is told that a playbook waits for its drill: once for each time at which one was due, once for each text of it that
nobody has rehearsed yet.

Worked out from the log and the playbooks alone. What fell due while nobody ran is told in one message to each reader.
Quiet while something real is open: nobody rehearses beside it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339, rfc3339
from incidents.decisions import Decided
from incidents.decisions.drills import real_open
from incidents.decisions.owing import NOTICE_LIFE, Owing
from incidents.drill_views import standing
from incidents.events import SYSTEM, Draft
from incidents.recipients import About, Readers, of_role
from incidents.state import State
from playbooks.durations import Duration
from playbooks.schema import Playbook

NEW_HOUSE = timedelta(days=1)
"""So long after its first line a ledger is left alone about playbooks that were never rehearsed."""

HOUSE = About("", "real", "sev4")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """``because``: overdue or stale. ``mark`` is the occurrence: told once, and another one is told again."""

    playbook: str
    because: str
    mark: str
    whom: str
    words: str


def remind(state: State, books: Sequence[tuple[Playbook, str]], now: datetime) -> Decided:
    """
    Owe what was not told yet; nothing where all of it was.

    Args:
        books: Each playbook with the digest of its text.
    """
    found = [one for one in wanted(state, books, now) if not _told(state, one)]
    if not found or real_open(state) is not None:
        return Decided([])
    owing = Owing(state, SYSTEM, now)
    messages: dict[str, str | None] = {}
    for to, lines in _by_reader(state, found).items():
        words = "\n".join(f"- {line}" for line in lines)
        topic = f"drills-due/{rfc3339(now)}"
        messages[to] = owing.tell(to, "drills-due", HOUSE, topic, words=words, life=NOTICE_LIFE)
    told = [id for id in messages.values() if id is not None]
    facts = [ev.DrillReminded(playbook=w.playbook, because=w.because, mark=w.mark, messages=told) for w in found]
    return Decided([*owing.drafts, *(Draft(fact) for fact in facts)])


def wanted(state: State, books: Sequence[tuple[Playbook, str]], now: datetime) -> Iterator[Wanted]:
    """All that waits for a drill now, told or not. What is being rehearsed at this moment does not."""
    rehearsed = {state.drills.runs[id].playbook for id in state.drills.running}
    by_id = {book.id: (book, digest) for book, digest in books}
    for row in standing(state, books, now):
        book, digest = by_id[row["playbook"]]
        if book.drill is None or book.id in rehearsed:
            continue
        whom, name = book.drill.tell, f"{book.title} ({book.id})"
        if (since := _overdue_since(state, row, book.drill.every, now)) is not None:
            yield Wanted(book.id, "overdue", rfc3339(since), whom, f"{name}: {_overdue(row)}{_named(state, row)}")
        if row["stale"]:
            words = f"its text has changed since it was rehearsed last{_named(state, row)}"
            yield Wanted(book.id, "stale", digest, whom, f"{name}: {words}")


def _told(state: State, one: Wanted) -> bool:
    return state.drills.reminded.get(f"{one.playbook}/{one.because}") == one.mark


def _overdue_since(state: State, row: Json, every: Duration, now: datetime) -> datetime | None:
    """The newest moment at which a drill was due; None where none was yet."""
    if row["due_at"] is not None:
        due = parse_rfc3339(row["due_at"])
    else:
        due = (state.opened_at or now) + NEW_HOUSE
    if due > now:
        return None
    if every.elapsed is not None:
        return due + (now - due) // every.elapsed * every.elapsed
    while (following := every.end(due)) <= now:
        due = following
    return due


def _overdue(row: Json) -> str:
    if row["never"]:
        return f"it was never rehearsed, and should be every {row['every']}"
    return f"overdue since {row['due_at'][:10]}; rehearsed last on {row['last_at'][:10]}"


def _named(state: State, row: Json) -> str:
    """The last drill, unless only some may know of it."""
    return f" ({row['last']})" if row["last"] is not None and row["last"] not in state.restricted else ""


def _by_reader(state: State, found: Sequence[Wanted]) -> dict[str, list[str]]:
    """Each reader with all that is for them. Where nobody has a role others are told, and read why."""
    lines: dict[str, list[str]] = {}
    for one in found:
        kind, _, role = one.whom.partition(":")
        readers = of_role(state, HOUSE, role) if kind == "role" else Readers(())
        instead = f" (nobody is {readers.instead}, so this goes to you)" if readers.people and readers.instead else ""
        for to in [f"person:{person}" for person in readers.people] or [one.whom]:
            lines.setdefault(to, []).append(one.words + instead)
    return lines
