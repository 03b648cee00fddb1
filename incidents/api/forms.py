"""
What requests may hold, field by field. Types only; what a value means is the operations' matter.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from incidents.decisions.incident import NOTE_LIMIT, REASON_LIMIT, SEVERITIES, SUMMARY_LIMIT, TITLE_LIMIT, Kind
from incidents.decisions.review import DOCUMENT_LIMIT
from incidents.life import OPEN, RESTRICTED
from incidents.operations import KILL_KINDS

HIGHEST_VERSION = 1_000_000


class Form(BaseModel):
    """Unknown fields are errors; nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# Lengths stand in the schema for readers of the document; the operations refuse them and say which limit it was.
Title = Annotated[str, Field(json_schema_extra={"maxLength": TITLE_LIMIT})]
Summary = Annotated[str, Field(json_schema_extra={"maxLength": SUMMARY_LIMIT})]
Reason = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": REASON_LIMIT})]
Note = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": NOTE_LIMIT})]
Severity = Annotated[str, Field(json_schema_extra={"enum": [*SEVERITIES]})]
KindName = Annotated[str, Field(json_schema_extra={"enum": [kind.value for kind in Kind]})]
ActionNumber = Annotated[int, Field(ge=1, le=10_000)]


class Declaration(Form):
    """What to declare: a playbook and its parameters; the rest has defaults."""

    playbook: str
    parameters: dict[str, str] = Field(default_factory=dict)
    title: Title | None = None
    summary: Summary | None = None
    severity: Severity | None = None
    kind: KindName | None = None
    separate: bool = False
    visibility: Annotated[str, Field(json_schema_extra={"enum": [OPEN, RESTRICTED]})] | None = None


class Kill(Form):
    """Direct break-glass on one thing."""

    what: Annotated[str, Field(json_schema_extra={"enum": [*KILL_KINDS]})]
    name: str
    reason: Reason


class NoteText(Form):
    """
    Words for the timeline; ``at`` (RFC 3339) is when it happened, if that was earlier.

    ``restricted``: for the incident's members alone.
    """

    text: Note
    at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    restricted: bool = False


class RestoreAsk(Form):
    """
    Why, and which actions' holds (all of them where ``only`` is left out).

    ``canary``: this partner gets its access back first, the rest after ``soak`` (``30m``, ``2h``, ``1d``; 30 minutes
    where it is left out). ``break_glass``: without the playbook's checks and with one approval; everybody is told.
    """

    reason: Reason
    only: Annotated[list[ActionNumber], Field(max_length=200)] = Field(default_factory=list)
    canary: str | None = None
    soak: Annotated[str, Field(examples=["30m"])] | None = None
    break_glass: bool = False


class Approval(Form):
    """The digest of the plan that was read, and its checks: whoever approves says that each of them is true."""

    plan_digest: str
    checks: Annotated[list[str], Field(max_length=200)] = Field(default_factory=list)


class Refusal(Form):
    reason: Reason


class Stop(Form):
    """Why. ``keep``: what it has given back so far stays; otherwise it is held again."""

    reason: Reason
    keep: bool = False


class ReviewText(Form):
    """The whole document as Markdown, and the version that it was written on top of (0: none was there)."""

    document: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": DOCUMENT_LIMIT})]
    base: Annotated[int, Field(ge=0, le=HIGHEST_VERSION)]


class ReviewVersion(Form):
    """The version that was read."""

    version: Annotated[int, Field(ge=1, le=HIGHEST_VERSION)]


class ReviewOwner(Form):
    """A person of the catalog, by id or name."""

    person: str


class TokenRequest(Form):
    """A token for a person (``person``), a partner (role ``partner``) or a machine."""

    name: str
    role: str
    person: str | None = None
    partner: str | None = None


class Nothing(Form):
    """No fields: an empty body or ``{}``."""
