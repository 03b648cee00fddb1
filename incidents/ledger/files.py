"""
Putting a finished file in its place: whole or not at all, readable by its owner only, never over another one.

Knows nothing of what is in the file.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from incidents.errors import Conflicting


@contextmanager
def placed_whole(path: Path, what: str) -> Iterator[Path]:
    """
    Give an empty file of mode 0600 to fill; on leaving without an error it becomes ``path``, synced to disk.

    A crash leaves at most a hidden ``.new`` file beside ``path``, never half of ``path``.

    Raises:
        Conflicting: ``path`` exists, or became taken meanwhile.
        OSError: The directory is missing or can't be written, or the disk is full.
    """
    refuse_existing(path, what)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        yield unfinished
        _sync(unfinished)
        _take_the_name(unfinished, path, what)
        _sync(path.parent)
    finally:
        for leftover in (unfinished, Path(f"{unfinished}-wal"), Path(f"{unfinished}-shm")):
            leftover.unlink(missing_ok=True)


def refuse_existing(path: Path, what: str) -> None:
    """
    Raises:
        Conflicting: ``path`` is taken, or the write-ahead log of an older database lies beside it: SQLite would
            play that into the new file.
    """
    if os.path.lexists(path):
        raise Conflicting(f"{path} exists already; {what} never overwrites a file, name another one")
    stray = Path(f"{path}-wal")
    if stray.exists():
        raise Conflicting(f"{stray} is left over from another database; move it away first")


def _take_the_name(unfinished: Path, path: Path, what: str) -> None:
    try:
        os.link(unfinished, path)  # unlike rename, it fails where the name is taken
    except FileExistsError:
        raise Conflicting(f"{path} exists already; {what} never overwrites a file, name another one") from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        refuse_existing(path, what)  # a file system without hard links
        os.rename(unfinished, path)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
