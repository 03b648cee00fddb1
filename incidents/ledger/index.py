"""
The full-text index beside the log (SQLite's FTS5): filled after the append, made anew after a redaction.

An append does not wait for it (in its transaction it would cost a fifth of it): what was appended since is looked
through word by word, with the same answers. Taking words out of FTS5 leaves them in its pages, so a redaction excludes
the line at once, a second table is filled without it, takes over, and the first is emptied, in steps of milliseconds.
"""

from __future__ import annotations

import heapq
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from incidents.events import Event
from incidents.ledger import Chosen, Hit, Reads, everything, search
from incidents.ledger.hits import hits
from incidents.ledger.rows import COLUMNS, from_rows
from incidents.ledger.search import Doc

BATCH = 200  # lines that one step indexes at most,
CHARACTERS = 100_000  # or fewer, once they have so many: a review may be a long one
EMPTIED_ROWS = 500  # of half a KiB, that one step takes out of a table that is not asked any more
STEPS_AT_ONCE = 20
PAUSE_SECONDS = 0.001  # between two steps, so that whoever waits to write gets its turn

_OTHER = {"search_a": "search_b", "search_b": "search_a"}
_ADD = {table: f"INSERT INTO {table} (rowid, words) VALUES (?, ?)" for table in _OTHER}  # noqa: S608  our own names
_FOUND = {
    table: f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid < ? ORDER BY rowid DESC"  # noqa: S608
    for table in _OTHER
}
_EMPTY_SOME = {  # rows up to 10 are the table's own: without them it can't even be opened
    table: f"DELETE FROM {table}_data WHERE id IN (SELECT id FROM {table}_data WHERE id > 10 LIMIT {EMPTIED_ROWS})"  # noqa: S608
    for table in _OTHER
}
_EMPTY = {table: f"INSERT INTO {table} ({table}) VALUES ('delete-all')" for table in _OTHER}  # noqa: S608

_FIRST = "SELECT min(seq) FROM event WHERE incident = ?"
_NAME = "SELECT incident FROM event WHERE seq = ?"
_WITH_FIRST = f"SELECT {COLUMNS}, (SELECT min(f.seq) FROM event AS f WHERE f.incident = event.incident) FROM event"  # noqa: S608
_SAYS = f"incident IS NOT NULL AND (text IS NOT NULL OR kind IN ('{search.DECLARED}', '{search.HELD}'))"
_NEW = f"{_WITH_FIRST} WHERE seq > ? AND {_SAYS} ORDER BY seq LIMIT ?"
_UNSAID = f"{_WITH_FIRST} WHERE seq IN (SELECT seq FROM unsaid) AND {_SAYS}"  # noqa: S608
_OF_INCIDENT = f"SELECT {COLUMNS} FROM event WHERE incident = ? AND {_SAYS} ORDER BY seq"  # noqa: S608
_TEXT = COLUMNS.split(", ").index("text")
_HIGHEST = 2**63 - 1


class SearchIndex(ABC):
    """The part of the Ledger protocol that finds words, and what it needs of the ledger for it."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _writing(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _wipe_write_ahead_log(self) -> bool: ...

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
        with self._looking() as look, closing(look.together(phrases, before, among)) as candidates:
            return search.readable(candidates, look.name_of, reads, limit)

    def hits(
        self, words: Sequence[str], incidents: Sequence[str], *, each: int = 3, reads: Reads = everything
    ) -> list[Hit]:
        phrases = search.asked(words)
        found: list[Hit] = []
        for incident in incidents:
            if phrases and reads(incident, False):
                with self._reading() as connection:
                    events = from_rows(connection.execute(_OF_INCIDENT, (incident,)), self.name)
                found += hits(events, phrases, each, reads)
        return found

    @contextmanager
    def _looking(self) -> Iterator[_Look]:
        """The index and what is not in it, as of one moment."""
        with self._reading() as connection:
            connection.execute("BEGIN")
            yield _Look(connection, self.name)
            connection.execute("ROLLBACK")  # where this is not reached, the connection is closed

    def tidy(self, *, steps: int = STEPS_AT_ONCE) -> bool:
        for step in range(steps):
            if step:
                time.sleep(PAUSE_SECONDS)
            with self._reading() as connection:
                meta, owed = _meta(connection), _owed(connection)
            if "wiping" in meta and owed in (None, _index_more):
                if not self._wipe(meta["wiping"]):
                    return False  # a reader was in the way; the next time
            elif owed is None:
                return True
            else:
                with self._writing() as writer:
                    owed(writer, self.name)
        return False

    def _wipe(self, asked: str) -> bool:
        """Empty the write-ahead log, which no transaction can do, unless a later redaction asks for it again."""
        if not self._wipe_write_ahead_log():
            return False
        with self._writing() as writer:
            writer.execute("DELETE FROM meta WHERE key = 'wiping' AND value = ?", (asked,))
        return True


# --- what is to be done, in this order ------------------------------------------------------------------------------

Owed = Callable[[sqlite3.Connection, str], None]


def _owed(connection: sqlite3.Connection) -> Owed | None:
    """The next step. It looks again at what there is to do: somebody else may have done it meanwhile."""
    meta = _meta(connection)
    if "emptying" in meta:
        return _empty_some
    if connection.execute("SELECT 1 FROM unsaid").fetchone() is not None:
        return _make_anew
    newest = connection.execute("SELECT max(seq) FROM event").fetchone()[0] or 0
    return _index_more if newest > int(meta["indexed"]) else None


def _meta(connection: sqlite3.Connection) -> dict[str, str]:
    """
    What the index keeps in ``meta``.

    ``search`` is the table that is asked and ``indexed`` how far it goes; ``rebuilt`` how far the other one is filled,
    ``emptying`` that the other one is being emptied, ``wiping`` (by a redaction) that the write-ahead log has to go.
    """
    return dict(connection.execute("SELECT key, value FROM meta"))


def _set(writer: sqlite3.Connection, key: str, value: str | int) -> None:
    writer.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, str(value)))


def _unset(writer: sqlite3.Connection, key: str) -> None:
    writer.execute("DELETE FROM meta WHERE key = ?", (key,))


def _index_more(writer: sqlite3.Connection, ledger_name: str) -> None:
    """The next lines, in the transaction in which they are read: none is redacted in between."""
    meta = _meta(writer)
    _set(writer, "indexed", _fill(writer, meta["search"], int(meta["indexed"]), ledger_name))


def _fill(writer: sqlite3.Connection, table: str, after: int, ledger_name: str) -> int:
    """Puts in the next lines after an event; returns the number of the last event that it went over."""
    rows, left = [], CHARACTERS
    for row in writer.execute(_NEW, (after, BATCH)):
        rows.append(row)
        left -= len(row[_TEXT] or "")
        if left <= 0:
            break
    new = _docs(rows, ledger_name)
    writer.executemany(_ADD[table], [doc for _, doc in new])
    if left <= 0 or len(new) == BATCH:
        return new[-1][0].seq
    return int(writer.execute("SELECT max(seq) FROM event").fetchone()[0] or 0)


def _make_anew(writer: sqlite3.Connection, ledger_name: str) -> None:
    """Fill the other table from the log as it is now; once it goes as far as the one that is asked, it takes over."""
    meta = _meta(writer)
    if "emptying" in meta or not writer.execute("SELECT 1 FROM unsaid").fetchone():
        return
    rebuilt = _fill(writer, _OTHER[meta["search"]], int(meta.get("rebuilt", 0)), ledger_name)
    if rebuilt < int(meta["indexed"]):
        _set(writer, "rebuilt", rebuilt)
        return
    _set(writer, "search", _OTHER[meta["search"]])
    _set(writer, "indexed", rebuilt)
    _set(writer, "emptying", "yes")
    _unset(writer, "rebuilt")
    writer.execute("DELETE FROM unsaid WHERE rebuilt < seq")  # the others were put in before they were redacted
    writer.execute("UPDATE unsaid SET rebuilt = 0")


def _empty_some(writer: sqlite3.Connection, _: str) -> None:
    """Part of the table that is not asked any more; the last step leaves it as it was made."""
    meta = _meta(writer)
    if "emptying" in meta:
        table = _OTHER[meta["search"]]
        if writer.execute(_EMPTY_SOME[table]).rowcount < EMPTIED_ROWS:
            writer.execute(_EMPTY[table])
            _unset(writer, "emptying")


# --- looking --------------------------------------------------------------------------------------------------------


def _docs(rows: Sequence[tuple[Any, ...]], ledger_name: str) -> list[tuple[Event, Doc]]:
    """Each event with its place and its words; ``rows`` have the number of the incident's first event at the end."""
    events = from_rows(rows, ledger_name)
    return [
        (event, (search.place(row[-1], event), search.words_of(event))) for event, row in zip(events, rows, strict=True)
    ]


class _Look:
    """One read transaction: the index as it is, and the lines that are not in it or not in it any more."""

    def __init__(self, connection: sqlite3.Connection, ledger_name: str) -> None:
        meta = _meta(connection)
        self._connection, self._table = connection, meta["search"]
        rows = connection.execute(_NEW, (int(meta["indexed"]), -1)).fetchall()
        self._unsaid = {seq for (seq,) in connection.execute("SELECT seq FROM unsaid")}
        if self._unsaid:
            rows += connection.execute(_UNSAID).fetchall()
        self._beside = sorted({doc for _, doc in _docs(rows, ledger_name)}, reverse=True)

    def together(self, phrases: Sequence[str], before: str | None, among: Chosen | None) -> Generator[tuple[int, bool]]:
        """``(first, open)`` of the incidents that have every phrase, the newest declared first."""
        below = _HIGHEST
        if before is not None:
            (first,) = self._connection.execute(_FIRST, (before,)).fetchone()
            below = search.places_of(first or 0)[0]
        cursors = [self._connection.execute(_FOUND[self._table], (f'"{phrase}" *', below)) for phrase in phrases]
        try:
            places = [self._places(cursor, phrase, below) for cursor, phrase in zip(cursors, phrases, strict=True)]
            yield from search.together([search.by_incident(found) for found in places], among)
        finally:
            for cursor in cursors:
                cursor.close()

    def _places(self, cursor: sqlite3.Cursor, phrase: str, below: int) -> Iterator[int]:
        indexed: Iterator[int] = (at for (at,) in cursor)
        if self._unsaid:
            indexed = (at for at in indexed if search.seq_of(at) not in self._unsaid)
        beside = (at for at, said in self._beside if at < below and search.holds(said, phrase))
        return heapq.merge(indexed, beside, reverse=True)

    def name_of(self, first: int) -> str:
        return str(self._connection.execute(_NAME, (first,)).fetchone()[0])
