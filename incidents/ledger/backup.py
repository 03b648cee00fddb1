"""
A copy of a live ledger, and a copy's going on as a ledger of its own.

Never touches the ledger that is copied, and never overwrites a file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from incidents.errors import LedgerUnavailable
from incidents.events import SYSTEM, Actor, Event
from incidents.ledger import GENESIS, Head
from incidents.ledger.files import placed_whole
from incidents.ledger.serving import serve_lock
from incidents.ledger.sqlite import SqliteLedger


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied, and where to."""

    path: Path
    ledger: str
    head: Head


def backup(ledger: SqliteLedger, target: str | os.PathLike[str]) -> Backup:
    """
    Copy the ledger as of one moment, while others go on writing. The copy has mode 0600 and is synced to disk.

    Raises:
        Conflicting: ``target`` exists.
        LedgerUnavailable: The target can't be written, or the copy turned out damaged; nothing is left there then.
    """
    path = Path(os.path.abspath(target))
    with _placed(path, "a backup", ledger.name) as unfinished:
        head = _whole_copy(ledger, unfinished)
    return Backup(path, ledger.id, head)


def restore_from(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, now: datetime, actor: Actor = SYSTEM
) -> Event:
    """
    Put a backup in the place of a lost ledger, as a ledger of its own; returns the event that says so.

    Safer than copying the file by hand: a write-ahead log that the lost ledger left there would be played into it.

    Raises:
        Conflicting: ``target`` exists, or such a leftover lies beside it.
        LedgerUnavailable: The backup can't be opened or is damaged, or the target can't be written.
    """
    path = Path(os.path.abspath(target))
    with closing(SqliteLedger.open(source)) as kept, _placed(path, "a restore", kept.name) as unfinished:
        _whole_copy(kept, unfinished)
        with closing(SqliteLedger.open(unfinished)) as ledger:
            return ledger.go_on_as_new(actor=actor, now=now)


def restore_as_new(path: str | os.PathLike[str], *, now: datetime, actor: Actor = SYSTEM) -> Event:
    """
    Let a copy, already lying at its new place, go on as a ledger of its own; returns the event that says so.

    Gateways that hold a copy of the old ledger's table drop it when they see the new id. A second call mints one more.

    Raises:
        LedgerUnavailable: It is being served, or can't be opened.
    """
    with serve_lock(path), closing(SqliteLedger.open(path)) as ledger:
        return ledger.go_on_as_new(actor=actor, now=now)


def _whole_copy(ledger: SqliteLedger, unfinished: Path) -> Head:
    heads: list[Head] = []

    def check(copy: sqlite3.Connection) -> None:
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise LedgerUnavailable(f"{ledger.name}: it can't be copied, it is damaged ({found})")
        newest = copy.execute("SELECT seq, digest FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        heads.append(Head(*newest) if newest else Head(0, GENESIS))

    ledger.copy_into(unfinished, check=check)
    return heads[0]


@contextmanager
def _placed(path: Path, what: str, source: str) -> Iterator[Path]:
    try:
        with placed_whole(path, what) as unfinished:
            yield unfinished
    except OSError as error:
        raise LedgerUnavailable(
            f"{path}: {what} can't be written there ({error.strerror}); check the directory and its free space"
        ) from error
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"{path}: {what} of {source} failed ({error}); nothing was left there") from error
