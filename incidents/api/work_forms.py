"""
What requests about working an incident may hold. Types only, as in ``forms``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from incidents.api.forms import Form, Note, Reason, Severity, Title
from incidents.decisions.incident import NOTE_LIMIT
from incidents.decisions.life import TYPED
from incidents.decisions.people import Act
from incidents.life import OPEN, RESTRICTED

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Why = Annotated[str, Field(json_schema_extra={"maxLength": 2_000})]
People = Annotated[list[str], Field(max_length=100)]


class StatusChange(Form):
    """
    ``status`` and why; ``at`` when it happened, if that was earlier; ``into`` with ``merged``.

    ``clocks_go_on`` with ``closed``: although duties to others are owed still. They go on and alarm as before.
    """

    status: Annotated[str, Field(json_schema_extra={"enum": [*TYPED]})]
    reason: Why = ""
    at: Moment | None = None
    into: str = ""
    clocks_go_on: bool = False


class RoleChange(Form):
    """
    ``take`` (also accepts an offer), ``assign`` to ``person``, ``decline`` an offer, ``leave``.

    ``force`` with a reason takes command over from whoever has it.
    """

    role: str
    act: Annotated[str, Field(json_schema_extra={"enum": [*Act]})] = Act.TAKE.value
    person: str = ""
    reason: Why = ""
    force: bool = False


class TaskChange(Form):
    """``state`` done, skipped (with a reason) or open; or another owner, due time, or that it is a follow-up."""

    state: Annotated[str, Field(json_schema_extra={"enum": ["done", "skipped", "open"]})] | None = None
    reason: Why = ""
    owner: str = ""
    due_at: Moment | None = None
    follow_up: bool | None = None


class TaskNew(Form):
    """One more task; a follow-up goes on after closing."""

    title: Title
    about: Annotated[str, Field(json_schema_extra={"maxLength": NOTE_LIMIT})] = ""
    role: str = ""
    owner: str = ""
    due_at: Moment | None = None
    runbook: str = ""
    follow_up: bool = False


class ExitJudgement(Form):
    met: bool = True
    evidence: Reason


class ActionSettlement(Form):
    """``done`` by hand (outside actions alone) or ``declined``."""

    state: Annotated[str, Field(json_schema_extra={"enum": ["done", "declined"]})]
    reason: Reason


class SeverityChange(Form):
    severity: Severity
    reason: Reason


class VisibilityChange(Form):
    visibility: Annotated[str, Field(json_schema_extra={"enum": [OPEN, RESTRICTED]})]
    reason: Reason


class MembersChange(Form):
    """People (ids) who may see it from now on, and who may not any more."""

    add: People = Field(default_factory=list)
    remove: People = Field(default_factory=list)


class UpdateText(Form):
    """Where things stand; ``next_at`` promises the next word."""

    text: Note
    next_at: Moment | None = None


class CorrectionText(Form):
    """Another time, or other words, and why."""

    at: Moment | None = None
    text: Note | None = None
    reason: Reason


class Pin(Form):
    pinned: bool = True


class Redaction(Form):
    """Why; the reason is kept, so it must not repeat what is redacted."""

    reason: Reason


class ShareLife(Form):
    """``lasts`` such as ``24h`` or ``7d``, at most 30 days; 7 days where it is left out."""

    lasts: str = ""
