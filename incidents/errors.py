"""
Every error that Andon raises on purpose.

    AndonError
    ├── Refused            a person can fix the request; nothing was changed
    │   ├── Invalid        what was sent is wrong: names the field, the value and the way out
    │   ├── Unknown        the thing that was named does not exist
    │   ├── Forbidden      the asker may not do this
    │   └── Conflicting    it would contradict what stands now
    └── Unavailable        the world is wrong (disk, lock, network); the same request may work later
        ├── LedgerUnavailable   missing, read-only, locked, corrupt, of a newer version
        └── HeadMoved           somebody else appended first; decide again

Each surface translates once: HTTP to problem+json, the command line to an exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where it stands in the request (or ``file:line``) and what is wrong with it."""

    where: str
    message: str


class AndonError(Exception):
    """Base of everything below; ``str()`` of it is a sentence for a person."""


class Refused(AndonError):
    """A person can fix this. ``code`` is stable and ends up as the problem's ``type``."""

    status = 422
    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)
        if code is not None:
            self.code = code


class Invalid(Refused):
    """What was sent is wrong."""

    status = 422
    code = "invalid"


class Unknown(Refused):
    """The thing that was named does not exist."""

    status = 404
    code = "unknown"


class Forbidden(Refused):
    """The asker may not do this."""

    status = 403
    code = "forbidden"


class Conflicting(Refused):
    """It contradicts what stands now (already approved, already lifted, plan changed meanwhile)."""

    status = 409
    code = "conflict"


class Unavailable(AndonError):
    """The world is wrong; the same request may work later."""

    status = 503
    code = "unavailable"


class LedgerUnavailable(Unavailable):
    """The ledger can't be opened, read or written. The message holds its absolute path or address."""


class HeadMoved(Unavailable):
    """The ledger's head is no longer the one that the decision was made on."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` with a leading space, or nothing: the tail of a message about an unknown name."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.55)
    return f" Did you mean '{close[0]}'?" if close else ""
