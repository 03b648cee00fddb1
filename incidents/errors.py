"""
Every error that Andon raises on purpose.

    AndonError
    ├── Refused            a person can fix the request; nothing was changed
    │   ├── Invalid        what was sent is wrong: names the field, the value and the way out
    │   ├── Unknown        the thing that was named does not exist
    │   ├── Forbidden      the asker may not do this
    │   └── Conflicting    it would contradict what stands now
    │       └── Outdated   somebody saved meanwhile: carries what stands now
    └── Unavailable        the world is wrong (disk, lock, network); the same request may work later
        ├── LedgerUnavailable   missing, read-only, locked, corrupt, of a newer version
        └── HeadMoved           somebody else appended first; decide again

Each surface translates once: HTTP to problem+json, the command line to an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from playbooks.words import nearest as nearest  # where playbooks can use it too


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where it stands in the request (or ``file:line``) and what is wrong with it."""

    where: str
    message: str


class AndonError(Exception):
    """
    Base of everything below; ``str()`` of it is a sentence for a person.

    ``status`` is HTTP's; ``code`` is stable and ends up as the problem's ``type``; ``errors`` names the wrong fields;
    ``more`` holds what goes with the problem beside words (plain JSON values).
    """

    status = 500
    code = ""
    errors: tuple[FieldError, ...] = ()
    more: Mapping[str, Any] = {}


class Refused(AndonError):
    """A person can fix this."""

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

    @classmethod
    def at(cls, where: str, message: str, *, code: str | None = None) -> Self:
        """One wrong field, of which the message says everything."""
        return cls(message, code=code, errors=[FieldError(where, message)])


class Unknown(Refused):
    """The thing that was named does not exist."""

    status = 404
    code = "unknown"


class Forbidden(Refused):
    """The asker may not do this. ``needed``: the right that is missing, where it is one (``roles.Right``)."""

    status = 403
    code = "forbidden"
    needed = ""


class Conflicting(Refused):
    """It contradicts what stands now (already approved, already lifted, plan changed meanwhile)."""

    status = 409
    code = "conflict"


class Outdated(Conflicting):
    """Written on top of what stands no longer; ``more["newer"]`` is what stands now, so that nothing is lost."""

    code = "version-conflict"

    def __init__(self, message: str, newer: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.more = {"newer": dict(newer)}


class Unavailable(AndonError):
    """The world is wrong; the same request may work later."""

    status = 503
    code = "unavailable"


class LedgerUnavailable(Unavailable):
    """The ledger can't be opened, read or written. The message holds its absolute path or address."""


class HeadMoved(Unavailable):
    """The ledger's head is no longer the one that the decision was made on."""
