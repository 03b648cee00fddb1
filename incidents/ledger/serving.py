"""
One ``serve`` per ledger file: a lock that ends with its holder, however that dies.

It binds services only; commands append beside the service.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from incidents.errors import LedgerUnavailable


class ServeLock:
    """Held from construction until ``release`` (or the end of a ``with`` block, or of the program)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.ledger = Path(os.path.realpath(path))
        self.file = Path(f"{self.ledger}.serve")
        try:
            self._fd = os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise LedgerUnavailable(
                f"{self.file}: the lock of the service can't be opened ({error.strerror}); "
                "check that the directory exists and may be written"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise LedgerUnavailable(
                f"{self.ledger}: another 'andon serve' (process {holder}) is using this ledger; stop that one first"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)  # for the message above; the lock is what counts

    def release(self) -> None:
        """Let the next one in; the file stays, because removing it would let two hold a lock of the same name."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> ServeLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def serve_lock(path: str | os.PathLike[str]) -> ServeLock:
    """
    Take the right to serve this ledger.

    Raises:
        LedgerUnavailable: Another service has it.
    """
    return ServeLock(path)
