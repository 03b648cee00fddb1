"""
What is wrong with a ledger's file, each in one line that names it and the way out.

Looks at the path and at the codes of SQLite's errors; opens nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from incidents.errors import LedgerUnavailable

# Primary result codes of SQLite (https://www.sqlite.org/rescode.html): the low byte of an extended one.
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 3, 5, 6, 8, 10, 11, 13, 14, 26


def identity(path: Path) -> tuple[int, int]:
    """Device and inode of what stands at the path now."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise LedgerUnavailable(missing(path)) from None
    except OSError as error:
        raise LedgerUnavailable(f"{path}: can't be reached ({error.strerror})") from error
    return found.st_dev, found.st_ino


def refuse_unusable(path: Path) -> None:
    """
    Raises:
        LedgerUnavailable: Missing, a directory, or not readable and writable for this user.
    """
    if os.path.isdir(path):
        raise LedgerUnavailable(f"{path}: a directory, not a ledger; give the path of the ledger's file")
    identity(path)
    if not os.access(path, os.R_OK):
        raise LedgerUnavailable(f"{path}: may not be read by this user; run as the owner of the file")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise LedgerUnavailable(
            f"{path}: read-only for this user; the file and its directory must be writable (it keeps a log beside it)"
        )


def missing(path: Path) -> str:
    return f"{path}: there is no ledger; 'andon init' makes one, ANDON_DATABASE_URL names another place"


def locked(path: Path, busy_s: float) -> str:
    return f"{path}: locked by another program for more than {busy_s:g} s; end what holds it and try again"


def meaning(error: Exception, path: Path, busy_s: float) -> str:
    """An error of SQLite as one line for the person who has to act."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_BUSY, _LOCKED):
        return locked(path, busy_s)
    return f"{path}: " + {
        _FULL: "could not be recorded, the disk is full; free some space and try again",
        _READONLY: "read-only; make the file and its directory writable and try again",
        _PERM: "read-only; make the file and its directory writable and try again",
        _NOTADB: "not a ledger (no SQLite file); give the path of the ledger",
        _CORRUPT: f"the file is damaged ({error}); restore the ledger from a backup",
        _CANTOPEN: "can't be opened; check that the file and its directory may be read and written",
        _IOERR: f"the disk reports an error ({error}); check the disk and try again",
    }.get(code, f"SQLite could not do it ({error}); see the service's log")
