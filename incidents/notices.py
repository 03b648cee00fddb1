"""
A notice that waits for people: its text by digest, who has approved it, and how far it is.

Value types of the state and what can be read off them. The text itself stands in the log (event ``text_seq``), where
it can be redacted; whoever may approve is decided in ``decisions.notices``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from incidents import events as ev
from incidents.events import Event


class NoticeState(StrEnum):
    """What people read. After the last approval the message's own state counts, see ``outbox.Outcome``."""

    UNDRAFTED = "undrafted"
    WAITS = "waits for approval"
    APPROVED = "approved"
    REFUSED = "refused"
    RECEIPTED = "receipted"  # filed or told by hand; there is a receipt
    SHARED_OUT = "shared out"  # it became one notice for each partner that is affected


@dataclass(slots=True)
class Approval:
    person: str
    token: str | None
    at: datetime


@dataclass(slots=True)
class NoticeDraft:
    """
    ``number`` is the playbook's entry, None where something else asks for the notice; ``effect`` carries it out.

    ``clock``: the duty that it is to fulfil, where a clock asked for it.
    """

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
    clock: str | None = None

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
    def stands(self) -> bool:
        """Nobody has withdrawn or filed it: it waits, or is approved and has still to be filed."""
        return self.waits or self.state == NoticeState.APPROVED

    @property
    def as_drafted(self) -> bool:
        """Nobody has put a hand to it since the service drafted it."""
        return self.state == NoticeState.WAITS and self.written_by is None and not self.approved

    @property
    def approvals_left(self) -> int:
        return max(0, self.approvals - len(self.approved))


def digest_of(subject: str, body: str) -> str:
    """SHA-256, hex, of the exact text: the subject, an empty line, the body."""
    return hashlib.sha256(f"{subject}\n\n{body}".encode()).hexdigest()


# --- the fold, over one incident's notices by id ---------------------------------------------------------------------

Drafts = dict[str, NoticeDraft]
FOLDS: dict[str, Callable[[Drafts, Event, Any], None]] = {}


def _on(fact: type[ev.Fact]) -> Callable[[Callable[[Drafts, Event, Any], None]], Callable[[Drafts, Event, Any], None]]:
    def register(handler: Callable[[Drafts, Event, Any], None]) -> Callable[[Drafts, Event, Any], None]:
        FOLDS[fact.kind] = handler
        return handler

    return register


@_on(ev.NoticeOwed)
def _owed(drafts: Drafts, event: Event, fact: ev.NoticeOwed) -> None:
    drafts[fact.notice] = NoticeDraft(
        id=fact.notice,
        to=fact.to,
        template=fact.template,
        approval=fact.approval,
        approvals=fact.approvals,
        owed_at=event.at,
        seq=event.seq,
        number=fact.number,
        moment=fact.moment,
        clock=fact.clock,
    )


@_on(ev.NoticeSharedOut)
def _shared_out(drafts: Drafts, event: Event, fact: ev.NoticeSharedOut) -> None:
    draft = drafts[fact.notice]
    draft.state, draft.settled_at = NoticeState.SHARED_OUT, event.at


@_on(ev.NoticeWritten)
def _written(drafts: Drafts, event: Event, fact: ev.NoticeWritten) -> None:
    draft = drafts[fact.notice]
    draft.digest, draft.text_seq, draft.approved, draft.state = fact.digest, event.seq, [], NoticeState.WAITS
    draft.written_by, draft.written_token, draft.written_at = event.actor.person, event.actor.token, event.at


@_on(ev.NoticeApproved)
def _approved(drafts: Drafts, event: Event, fact: ev.NoticeApproved) -> None:
    draft = drafts[fact.notice]
    draft.approved = [*draft.approved, Approval(event.actor.person or "", event.actor.token, event.at)]
    if not draft.approvals_left:
        _settled(draft, NoticeState.APPROVED, event)


@_on(ev.NoticeRefused)
def _refused(drafts: Drafts, event: Event, fact: ev.NoticeRefused) -> None:
    _settled(drafts[fact.notice], NoticeState.REFUSED, event)


@_on(ev.NoticeApprovalDenied)
def _denied(drafts: Drafts, event: Event, fact: ev.NoticeApprovalDenied) -> None:
    """A line for the log; nothing changes."""


@_on(ev.NoticeReceipted)
def _receipted(drafts: Drafts, event: Event, fact: ev.NoticeReceipted) -> None:
    draft = drafts[fact.notice]
    draft.receipt_seq = event.seq
    _settled(draft, NoticeState.RECEIPTED, event)


def _settled(draft: NoticeDraft, state: NoticeState, event: Event) -> None:
    draft.state, draft.settled_by, draft.settled_at = state, event.actor.name, event.at
