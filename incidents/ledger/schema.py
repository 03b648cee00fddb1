"""
The tables of the SQLite ledger, step by step as they were introduced.

The only file that uses sqlite-utils. A step that was released is never edited; a change is a new step.
"""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database, Migrations

ledger_steps = Migrations("andon-ledger")

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    v INTEGER NOT NULL,
    ledger TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    kind_v INTEGER NOT NULL,
    incident TEXT,
    incident_prev TEXT,
    person TEXT,
    token TEXT,
    via TEXT NOT NULL,
    data TEXT NOT NULL,
    text TEXT,
    salt BLOB,
    data_digest TEXT NOT NULL,
    text_digest TEXT,
    prev TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE INDEX event_of_incident ON event (incident, seq) WHERE incident IS NOT NULL;
CREATE INDEX event_declared ON event (seq) WHERE kind = 'incident:life:declared';

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE OF seq, v, ledger, recorded_at, at, kind, kind_v, incident,
    incident_prev, person, token, via, data, data_digest, text_digest, prev, digest ON event
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;

CREATE TRIGGER event_text_is_only_redacted BEFORE UPDATE OF text, salt ON event
WHEN NEW.text IS NOT NULL OR NEW.salt IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'the text of an event can only be redacted'); END;

CREATE TABLE answer (
    owner TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    json TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (owner, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_by_age ON answer (recorded_at);

CREATE TABLE directory (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE state_copy (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    version TEXT NOT NULL,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE instance (
    point TEXT NOT NULL,
    instance TEXT NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (point, instance)
) STRICT, WITHOUT ROWID;

CREATE TABLE point_use (
    point TEXT PRIMARY KEY,
    copies INTEGER NOT NULL,
    flagd INTEGER NOT NULL,
    asks INTEGER NOT NULL,
    last_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
    instance TEXT NOT NULL,
    partner TEXT NOT NULL,
    flag TEXT NOT NULL,
    per TEXT NOT NULL,
    window_start TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (window_start, instance, partner, flag, per)
) STRICT, WITHOUT ROWID;
"""

# Words are folded before they are put in (search.py), so that FTS5 takes them as they are: its ``ascii`` tokenizer
# parts at spaces. A row's id says where the line stands (``search.place``). One of the two is asked; after a redaction
# the other one is filled and takes over (index.py says what is kept in ``meta``). ``unsaid``: redacted lines that the
# one that is asked may still have, and how far the other was filled then. Neither keeps the words themselves.
# FTS5 merges its parts a number of pages at a time: with small ones a step of 200 lines took 4 ms and 13 at worst (with
# FTS5's own 4,050 bytes 11 and 64), and an append may have to wait for it.
_SEARCH = """
CREATE VIRTUAL TABLE search_a USING fts5(words, content = '', tokenize = 'ascii', columnsize = 0);
CREATE VIRTUAL TABLE search_b USING fts5(words, content = '', tokenize = 'ascii', columnsize = 0);

INSERT INTO search_a (search_a, rank) VALUES ('pgsz', 512);
INSERT INTO search_b (search_b, rank) VALUES ('pgsz', 512);

CREATE TABLE unsaid (seq INTEGER PRIMARY KEY, rebuilt INTEGER NOT NULL) STRICT;

INSERT INTO meta (key, value) VALUES ('search', 'search_a'), ('indexed', '0');

CREATE TRIGGER event_redacted_is_found_no_more AFTER UPDATE OF text ON event WHEN OLD.text IS NOT NULL
BEGIN
    INSERT OR REPLACE INTO unsaid (seq, rebuilt)
        SELECT NEW.seq, coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'rebuilt'), 0)
        WHERE NEW.seq <= (SELECT max(CAST(value AS INTEGER)) FROM meta WHERE key IN ('indexed', 'rebuilt'));
    INSERT OR REPLACE INTO meta (key, value) VALUES ('wiping', hex(randomblob(8)));
END;
"""


@ledger_steps()
def first_tables(db: Database) -> None:
    """The log and the small tables beside it."""
    db.executescript(_TABLES)


@ledger_steps()
def search_index(db: Database) -> None:
    """What searches ask. Empty at first, also beside an old log: it is filled step by step while the ledger is used."""
    db.executescript(_SEARCH)


_CLAIMS = """
CREATE TABLE claim (
    effect TEXT PRIMARY KEY,
    ticket TEXT NOT NULL UNIQUE,
    phase TEXT NOT NULL CHECK (phase IN ('claimed', 'sending', 'waiting')),
    channel TEXT NOT NULL,
    tries INTEGER NOT NULL,
    until TEXT NOT NULL,
    error TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


@ledger_steps()
def claims_of_effects(db: Database) -> None:
    """Who is carrying out what is owed to the outside."""
    db.executescript(_CLAIMS)


def bring_up_to_date(connection: Any) -> None:
    """Apply what is missing; the caller holds the write lock in a transaction, so two programs never race here."""
    ledger_steps.apply(Database(connection))
