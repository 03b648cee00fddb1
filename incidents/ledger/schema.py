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


@ledger_steps()
def first_tables(db: Database) -> None:
    """The log and the small tables beside it."""
    db.executescript(_TABLES)


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
