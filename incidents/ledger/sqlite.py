"""
The ledger in one SQLite file: opening, appending, reading and noticing that somebody else appended.

Owns connections, transactions and what their errors mean; refuses to know what an event says. The file is never
opened by anything but SQLite here: closing any other descriptor of it would drop SQLite's locks in this program.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from incidents.errors import HeadMoved, LedgerUnavailable, Unknown
from incidents.events import Actor, Draft, Event, LedgerRestored
from incidents.ledger import GENESIS, Answer, AnswerKey, Head
from incidents.ledger.chain import Tip, mint, seal_all, stamp
from incidents.ledger.files import placed_whole
from incidents.ledger.index import SearchIndex
from incidents.ledger.redaction import without
from incidents.ledger.rows import COLUMNS, PLACES, changed_outside, from_rows, to_row
from incidents.ledger.tables import (
    ADD_ANSWER,
    ALL_ANSWERS,
    DROP_DIRECTORY,
    FIND_ANSWER,
    SET_DIRECTORY,
    SideTables,
)
from incidents.ledger.trouble import identity, locked, meaning, refuse_unusable

BUSY_SECONDS = 5.0
# Of schema.py, which is imported only when one is missing: sqlite-utils costs a start 0.1 s.
STEPS = ("first_tables", "search_index", "claims_of_effects")
IDLE_READERS = 8
WIPE_SECONDS = 0.2  # emptying the write-ahead log holds up writers while it waits for readers: never long


def _no_fault(point: str) -> None:
    """Does nothing; crash tests put their own in its place."""


fault: Callable[[str], None] = _no_fault

_ADD_EVENT = f"INSERT INTO event ({COLUMNS}) VALUES ({PLACES})"  # noqa: S608  only our own column names
_TIP = "SELECT seq, digest, recorded_at FROM event ORDER BY seq DESC LIMIT 1"
_NEWEST_OF = (  # of any number of incidents in one statement: thousands may miss a deadline in the same second
    "SELECT value, (SELECT digest FROM event WHERE incident = value ORDER BY seq DESC LIMIT 1) FROM json_each(?)"
)
_READ = f"SELECT {COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_INCIDENT = f"SELECT {COLUMNS} FROM event WHERE incident = ? ORDER BY seq"  # noqa: S608
_LEDGER_ID = "SELECT value FROM meta WHERE key = 'ledger'"


class SqliteLedger(SideTables, SearchIndex):
    """
    The Ledger protocol over one file. Safe for threads: one writing connection under a lock, a few reading ones.

    Not to be carried over a fork: open it in the child.
    """

    def __init__(self, path: Path, *, busy_s: float) -> None:
        """Use ``open`` or ``create``."""
        self.path = path
        self._busy_s = busy_s
        self._closed = False
        self._together: int | None = None  # the thread whose appends are one transaction
        self._write_lock = threading.Lock()
        self._readers_lock = threading.Lock()
        self._moved_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._file = identity(path)
        self._writer: sqlite3.Connection | None = self._connect()
        self._watcher = self._connect()  # data_version is counted per connection, so one is kept for it
        try:
            _bring_up_to_date(self._writer, path)
            self._id = _ledger_id(self._writer, path)
            self._writer.execute(_TIP).fetchone()
            self._version = _version(self._watcher)
        except BaseException as error:
            self._watcher.close()
            self._writer.close()
            if isinstance(error, sqlite3.Error):
                raise self._explained(error) from error
            raise

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, busy_s: float = BUSY_SECONDS) -> Self:
        """
        Make an empty ledger with an id of its own, and open it. Parents are made; the file's mode is 0600.

        Raises:
            Conflicting: Something is at ``path`` already.
            LedgerUnavailable: It can't be written there.
        """
        absolute = Path(os.path.abspath(path))
        try:
            absolute.parent.mkdir(parents=True, exist_ok=True)
            with placed_whole(absolute, "a new ledger") as unfinished:
                _fill(unfinished)
        except OSError as error:
            raise LedgerUnavailable(
                f"{absolute}: no ledger can be made there ({error.strerror}); check the directory and its free space"
            ) from error
        except sqlite3.Error as error:
            raise LedgerUnavailable(meaning(error, absolute, busy_s)) from error
        return cls.open(absolute, busy_s=busy_s)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, busy_s: float = BUSY_SECONDS) -> Self:
        """
        Open a ledger that exists; never makes one.

        Args:
            busy_s: How long to wait, in seconds, for another program's write before giving up.

        Raises:
            LedgerUnavailable: Missing, read-only, locked, no ledger, damaged, or of a newer program.
        """
        absolute = Path(os.path.abspath(path))
        refuse_unusable(absolute)
        return cls(absolute, busy_s=busy_s)

    @property
    def id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        return str(self.path)

    def head(self) -> Head:
        found = self._rows(_TIP)
        return Head(found[0][0], found[0][1]) if found else Head(0, GENESIS)

    def read(self, *, after: int = 0, limit: int | None = None) -> list[Event]:
        return self._events(_READ, (after, -1 if limit is None else limit))

    def incident(self, incident: str) -> list[Event]:
        return self._events(_INCIDENT, (incident,))

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
        with self._writing() as connection:
            tip = self._tip(connection, expected, key)
            events = _add(connection, drafts, actor=actor, now=now, ledger=self._id, tip=tip)
            fault("after-insert")
            _redact(connection, redact, expected, self.name)
            recorded_at = events[0].recorded_at if events else now
            _keep_answer(connection, key, answer(events) if answer is not None else None, recorded_at)
            _set_directory(connection, directory or {})
        if redact:
            # It is redacted; what is still left of the words in the files goes with the next tidying.
            with suppress(LedgerUnavailable):
                self.tidy()
        return events

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._writing():
            self._together = threading.get_ident()
            try:
                yield
            finally:
                self._together = None

    def go_on_as_new(self, *, actor: Actor, now: datetime) -> Event:
        """Take a new id and say so in the chain, in one transaction; the way to use a copy (see ``backup``)."""
        new = mint()
        with self._writing() as connection:
            tip = self._tip(connection, None, None)
            drafts = [Draft(LedgerRestored(from_ledger=self._id, to_ledger=new))]
            connection.execute("UPDATE meta SET value = ? WHERE key = 'ledger'", (new,))
            connection.execute("DELETE FROM claim")  # they are another ledger's; the fold doubts what is still owed
            events = _add(connection, drafts, actor=actor, now=now, ledger=new, tip=tip)
        self._id = new
        return events[0]

    def moved(self) -> bool:
        """
        True if anybody, this program's own writes included, has committed since the last call.

        Raises:
            LedgerUnavailable: The file at the path is no longer the one that was opened.
        """
        with self._moved_lock:
            self._refuse_closed()
            self._refuse_moved_file()
            try:
                version = _version(self._watcher)
            except sqlite3.Error as error:
                raise self._explained(error) from error
            moved, self._version = version != self._version, version
            return moved

    def copy_into(self, target: Path, *, check: Callable[[sqlite3.Connection], None]) -> None:
        """
        Copy everything as of one moment into an empty file while others write; ``check`` then sees the copy.

        Raises:
            sqlite3.Error: As SQLite says it, for either file.
        """
        self._refuse_closed()
        with closing(self._connect()) as source, closing(_connect(target, self._busy_s)) as copy:
            source.backup(copy)  # all pages in one step: in WAL mode that blocks no writer
            check(copy)

    def close(self) -> None:
        """Close every connection; a second time does nothing."""
        with self._write_lock, self._moved_lock, self._readers_lock:
            if self._closed:
                return
            self._closed = True
            connections = [*self._readers, self._watcher]
            if self._writer is not None:
                connections.append(self._writer)
            self._readers.clear()
            for connection in connections:
                connection.close()

    def _tip(self, connection: sqlite3.Connection, expected: int | None, key: AnswerKey | None) -> Tip:
        """The head inside the transaction, if it is what the caller decided on."""
        now_id = _ledger_id(connection, self.path)
        if now_id != self._id:
            raise LedgerUnavailable(f"{self.path}: it has become ledger {now_id} (was {self._id}); start again")
        found = connection.execute(_TIP).fetchone()
        tip = Tip(found[0], found[1], datetime.fromisoformat(found[2])) if found else Tip()
        if expected is not None and tip.seq != expected:
            raise HeadMoved(f"{self.path}: the head is event {tip.seq}, the decision was made on event {expected}")
        if key is not None and connection.execute(FIND_ANSWER, (key.owner, key.route, key.key)).fetchone():
            raise HeadMoved(f"{self.path}: the key '{key.key}' has been answered meanwhile; look the answer up")
        return tip

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that is durable on leaving, or has left nothing behind; inside ``together`` a part of it."""
        if self._together == threading.get_ident() and self._writer is not None:
            with self._part(self._writer) as connection:
                yield connection
            return
        if not self._write_lock.acquire(timeout=self._busy_s):
            raise LedgerUnavailable(locked(self.path, self._busy_s))
        try:
            self._refuse_closed()
            self._refuse_moved_file()
            connection = self._writer = self._writer or self._connect()
            fault("before-begin")
            try:
                connection.execute("BEGIN IMMEDIATE")
                fault("after-begin")
                yield connection
                fault("before-commit")
                self._refuse_moved_file()
                connection.execute("COMMIT")
            except BaseException as error:
                self._undo(connection)
                if isinstance(error, sqlite3.Error):
                    raise self._explained(error) from error
                raise
            fault("after-commit")
        finally:
            self._write_lock.release()

    @contextmanager
    def _part(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        try:
            connection.execute("SAVEPOINT part")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK TO part")
                raise
            finally:
                connection.execute("RELEASE part")
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _undo(self, connection: sqlite3.Connection) -> None:
        """Roll back; a connection that can't even do that is replaced before the next write."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._writer = None
            with suppress(sqlite3.Error):
                connection.close()

    def _write(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        listed = list(rows)
        if not listed:
            return 0
        with self._writing() as connection:
            return connection.executemany(sql, listed).rowcount

    def _write_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> list[bool]:
        listed = list(rows)
        if not listed:
            return []
        with self._writing() as connection:
            return [connection.execute(sql, row).rowcount == 1 for row in listed]

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._reading() as connection:
            return connection.execute(sql, values).fetchall()

    def _events(self, sql: str, values: Sequence[Any]) -> list[Event]:
        """Row by row: a list of all rows first took a third longer, most of it garbage collection."""
        with self._reading() as connection:
            try:
                return from_rows(connection.execute(sql, values), self.name)
            except sqlite3.OperationalError as error:
                seq = _undecodable(connection, sql, values)
                if seq is None:
                    raise
                raise LedgerUnavailable(changed_outside(self.name, seq, "broken text")) from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._refuse_closed()
        with self._readers_lock:
            connection = self._readers.pop() if self._readers else None
        connection = connection or self._connect()
        try:
            yield connection
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise self._explained(error) from error
            raise
        with self._readers_lock:
            if not self._closed and len(self._readers) < IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = _connect(self.path, self._busy_s)
        except sqlite3.Error as error:
            raise self._explained(error) from error
        try:
            self._refuse_moved_file()
        except LedgerUnavailable:
            connection.close()
            raise
        return connection

    def _refuse_moved_file(self) -> None:
        found = identity(self.path)
        if found != self._file:
            raise LedgerUnavailable(
                f"{self.path}: the file was moved or replaced while it was open; "
                "put it back, or start again on the new one"
            )

    def _refuse_closed(self) -> None:
        if self._closed:
            raise LedgerUnavailable(f"{self.path}: this ledger has been closed; open it again")

    def _wipe_write_ahead_log(self) -> bool:
        """The redacted words also stand in the write-ahead log; False where a reader was in the way."""
        try:
            with closing(_connect(self.path, WIPE_SECONDS)) as connection:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return not busy

    def _explained(self, error: sqlite3.Error) -> LedgerUnavailable:
        return LedgerUnavailable(meaning(error, self.path, self._busy_s))


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    """A connection with every pragma that is not kept in the file; ``mode=rw`` never creates one."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # redacted words are overwritten, not left in free pages
    except BaseException:
        connection.close()
        raise
    return connection


def _fill(unfinished: Path) -> None:
    connection = _connect(unfinished, BUSY_SECONDS)
    try:
        fault("create-tables")
        _bring_up_to_date(connection, unfinished, new=True)
        fault("create-id")
        connection.execute("INSERT INTO meta (key, value) VALUES ('ledger', ?)", (mint(),))
    finally:
        connection.close()
    fault("create-place")


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, *, new: bool = False) -> None:
    """
    Add the tables of newer steps, refuse a file of a newer program, and prove that it can be written.

    Raises:
        LedgerUnavailable: No ledger, or of a newer program.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        known = _steps_in(connection)
        if not known and not new:
            raise LedgerUnavailable(f"{path}: an SQLite file, but no Andon ledger; give the path of the ledger")
        newer = [step for step in known if step not in STEPS]
        if newer:
            raise LedgerUnavailable(
                f"{path}: written by a newer Andon (it has '{newer[0]}'); upgrade this program, never the file"
            )
        if len(known) < len(STEPS):
            from incidents.ledger.schema import bring_up_to_date

            bring_up_to_date(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    # Only now: it would have turned somebody else's database into another journal mode before it was refused.
    connection.execute("PRAGMA journal_mode = WAL")


def _steps_in(connection: sqlite3.Connection) -> list[str]:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'").fetchone():
        return []
    found = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'andon-ledger' ORDER BY id")
    return [name for (name,) in found]


def _ledger_id(connection: sqlite3.Connection, path: Path) -> str:
    found = connection.execute(_LEDGER_ID).fetchone()
    if found is None:
        raise LedgerUnavailable(f"{path}: the ledger has lost its id; restore it from a backup")
    return str(found[0])


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _undecodable(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> int | None:
    """The first event with a text that is no UTF-8: the driver gives up on it without saying which."""
    connection.text_factory = bytes
    try:
        for row in connection.execute(sql, values):
            try:
                for value in row:
                    if isinstance(value, bytes) and value is not row[14]:  # the salt is the one that is no text
                        value.decode()
            except UnicodeDecodeError:
                return int(row[0])
        return None
    finally:
        connection.text_factory = str


def _add(
    connection: sqlite3.Connection, drafts: Sequence[Draft], *, actor: Actor, now: datetime, ledger: str, tip: Tip
) -> list[Event]:
    incidents = dict.fromkeys(draft.incident for draft in drafts if draft.incident is not None)
    newest = dict(connection.execute(_NEWEST_OF, (json.dumps(list(incidents)),))) if incidents else {}
    events = seal_all(drafts, actor=actor, now=now, ledger=ledger, tip=tip, newest_of=newest.get)
    connection.executemany(_ADD_EVENT, map(to_row, events))
    return events


def _redact(connection: sqlite3.Connection, redact: Sequence[int], head: int, ledger_name: str) -> None:
    for seq in redact:
        if not 0 < seq <= head:
            raise Unknown(f"there is no event {seq} to redact; the newest is {head}")
        event = from_rows(connection.execute(_READ, (seq - 1, 1)), ledger_name)[0]
        if event.text is not None:
            connection.execute("UPDATE event SET text = NULL, salt = NULL WHERE seq = ?", (seq,))
            _redact_answers(connection, event, list(event.text.values()))


def _redact_answers(connection: sqlite3.Connection, event: Event, said: Sequence[str]) -> None:
    """
    In what was answered about its incident; and the digest of its own request is no longer one to guess by.

    All answers are written anew then: SQLite overwrites what is deleted, but not what it left behind in a page when it
    moved a row to another one.
    """
    about, at = event.incident or "", stamp(event.recorded_at)
    rows = connection.execute(ALL_ANSWERS).fetchall()
    kept = [_redacted(row, about, at, said) for row in rows]
    if kept != rows:
        connection.execute("DELETE FROM answer")
        connection.executemany(ADD_ANSWER, kept)


def _redacted(row: tuple[Any, ...], about: str, at: str, said: Sequence[str]) -> tuple[Any, ...]:
    owner, route, key, body, status, answer, recorded_at = row
    if about not in answer and about not in route:
        return row
    return owner, route, key, "" if recorded_at == at else body, status, without(answer, said), recorded_at


def _keep_answer(connection: sqlite3.Connection, key: AnswerKey | None, answer: Answer | None, at: datetime) -> None:
    if key is not None and answer is not None:
        row = (key.owner, key.route, key.key, key.body, answer.status, answer.json, stamp(at))
        connection.execute(ADD_ANSWER, row)


def _set_directory(connection: sqlite3.Connection, directory: Mapping[str, str | None]) -> None:
    for name, value in directory.items():
        if value is None:
            connection.execute(DROP_DIRECTORY, (name,))
        else:
            connection.execute(SET_DIRECTORY, (name, value))
