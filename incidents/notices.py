"""
A notice that waits for people: its text by digest, who has approved it, and how far it is.

Value types of the state and what can be read off them. The text itself stands in the log (event ``text_seq``), where
it can be redacted; whoever may approve is decided in ``decisions.notices``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class NoticeState(StrEnum):
    """What people read. After the last approval the message's own state counts, see ``outbox.Outcome``."""

    UNDRAFTED = "undrafted"
    WAITS = "waits for approval"
    APPROVED = "approved"
    REFUSED = "refused"
    RECEIPTED = "receipted"  # filed or told by hand; there is a receipt


@dataclass(slots=True)
class Approval:
    person: str
    token: str | None
    at: datetime


@dataclass(slots=True)
class NoticeDraft:
    """``number`` is the playbook's entry, None where something else asks for the notice; ``effect`` carries it out."""

    id: str
    to: str
    template: str
    approval: str
    approvals: int
    owed_at: datetime
    seq: int
    number: int | None = None
    moment: str | None = None
    digest: str | None = None
    text_seq: int | None = None
    written_by: str | None = None
    written_token: str | None = None
    written_at: datetime | None = None
    approved: list[Approval] = field(default_factory=list)
    state: str = NoticeState.UNDRAFTED
    settled_by: str | None = None
    settled_at: datetime | None = None
    receipt_seq: int | None = None
    effect: str | None = None

    @property
    def kind(self) -> str:
        """``partner``, ``authority``, ``slack`` ...: who reads it."""
        return self.to.partition(":")[0]

    @property
    def by_hand(self) -> bool:
        """An authority is never written to by a machine: the approved text is handed over as a document."""
        return self.kind == "authority"

    @property
    def waits(self) -> bool:
        """People have still to do something before anything goes out."""
        return self.state in (NoticeState.UNDRAFTED, NoticeState.WAITS)

    @property
    def approvals_left(self) -> int:
        return max(0, self.approvals - len(self.approved))


def digest_of(subject: str, body: str) -> str:
    """SHA-256, hex, of the exact text: the subject, an empty line, the body."""
    return hashlib.sha256(f"{subject}\n\n{body}".encode()).hexdigest()
