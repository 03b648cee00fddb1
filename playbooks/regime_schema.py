"""
What a file of the register holds, field by field; what its parts must say about each other is in ``regime_rules``.

A regime is data: who owes what to whom by when, and how surely we know. Whether it counts is the register's matter.
"""

from __future__ import annotations

import datetime as dt
import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StrictBool, StrictInt, WithJsonSchema

from playbooks.anchors import ANCHORS, EACH
from playbooks.durations import ElapsedField
from playbooks.forms import Form, Slug, slug
from playbooks.regime_terms import Counting, Deadline, Item, Limit, Period, Rule, Terms, period
from playbooks.templates import Literally
from playbooks.words import nearest, shown
from playbooks.zones import zone_fault

FACTS = (
    "title", "summary", "severity", "playbook", "declared", "partner", "model", "capability", "partners-affected",
    "measures", "containment", "timeline", "conditions",
)  # fmt: skip
"""What a notice can be filled with from the incident itself, beside its anchors and answered conditions."""

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class Status(StrEnum):
    """How firmly a regime stands. A bill is never an obligation."""

    IN_FORCE = "in-force"
    ENACTED = "enacted"
    BILL = "bill"
    PROPOSED = "proposed"
    VOLUNTARY = "voluntary"
    CONTRACTUAL = "contractual"


def _anchor(text: str) -> str:
    if text not in ANCHORS:
        raise ValueError(f"unknown anchor {shown(text)}.{nearest(text, ANCHORS) or ' It is one of: ' + _all(ANCHORS)}")
    return text


def _all(names: Any) -> str:
    return ", ".join(names)


def _zone(text: str) -> str:
    if fault := zone_fault(text):
        raise ValueError(fault)
    return text


def _country(text: str) -> str:
    if re.fullmatch(r"[A-Z]{2}", text) is None:
        raise ValueError(f"{shown(text)} is not a country: two capital letters (ISO 3166), such as BE or US")
    return text


def _day_ends(text: str) -> str:
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not a time of day: write it like '17:30', in quotes")
    return text


def _period(written: object) -> object:
    return period(written) if isinstance(written, str) else written


AnchorName = Annotated[str, AfterValidator(_anchor)]
Zone = Annotated[str, AfterValidator(_zone)]
PeriodField = Annotated[
    Period,
    BeforeValidator(_period),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["72 hours", "4 business days"]}),
]


class SourceForm(Form):
    """Where the duty stands (``cite``) and where that text was read."""

    cite: Literally
    where: Literally | None = None


class ReviewForm(Form):
    """When somebody last held this entry against its source; past ``every`` it is stale."""

    on: dt.date
    every: ElapsedField
    by: Literally | None = None

    @property
    def until(self) -> dt.date:
        elapsed = self.every.elapsed
        return self.on + elapsed if elapsed is not None else self.on


class CountForm(Form):
    """The recipient's time zone, its free days, and the rule by which its periods end."""

    zone: Zone
    rule: Rule = Rule.NONE
    country: Annotated[str, AfterValidator(_country)] | None = None
    subdivision: Annotated[str, Field(min_length=1, max_length=10)] | None = None
    closed: tuple[dt.date, ...] = ()
    opened: tuple[dt.date, ...] = ()
    day_ends: Annotated[str, AfterValidator(_day_ends)] | None = None

    def counting(self) -> Counting:
        return Counting(
            zone=self.zone,
            rule=self.rule,
            country=self.country,
            subdivision=self.subdivision,
            closed=tuple(day.isoformat() for day in self.closed),
            opened=tuple(day.isoformat() for day in self.opened),
            day_ends=self.day_ends,
        )


class LimitForm(Form):
    """``from`` an anchor or ``from_report`` of another deadline; without ``after`` it is due at the anchor itself."""

    after: PeriodField | None = None
    from_: AnchorName | None = Field(default=None, alias="from")
    from_report: Slug | None = None
    when: Slug | None = None
    unless_later: AnchorName | None = None
    from_year_end: StrictBool = False

    def limit(self) -> Limit:
        return Limit(self.after, self.from_, self.from_report, self.when, self.unless_later, self.from_year_end)


class ItemForm(Form):
    item: Literally
    fill: Slug | None = None


def _repeats(text: str) -> str:
    return text if text == EACH else _anchor(text)


class DeadlineForm(Form):
    """``undated``: the law's words where it gives no number; ``limits`` are then our own targets."""

    name: Slug
    title: Annotated[Literally, Field(max_length=200)]
    recipient: Annotated[Literally, Field(max_length=300)] | None = None
    limits: tuple[LimitForm, ...] = ()
    content: tuple[ItemForm, ...] = ()
    owner: Slug = "commander"
    when: Slug | None = None
    starts_with: AnchorName | None = None
    follows: Slug | None = None
    repeats: Annotated[str, AfterValidator(_repeats)] | None = None
    undated: Annotated[Literally, Field(max_length=300)] | None = None
    note: Literally | None = None
    authority: StrictBool | None = None


class Regime(Form):
    """One regime as it stands in its file."""

    id: Slug
    title: Annotated[Literally, Field(max_length=200)]
    version: Annotated[StrictInt, Field(ge=1)]
    jurisdiction: Annotated[Literally, Field(max_length=100)]
    status: Status
    applies_from: dt.date | None = None
    binds: Literally
    trigger: Literally
    source: SourceForm
    reviewed: ReviewForm
    verified: StrictBool
    verification: Literally
    recipient: Annotated[Literally, Field(max_length=300)]
    authority: StrictBool = False
    count: CountForm
    asks: dict[Slug, Literally] = Field(default_factory=dict)
    deadlines: tuple[DeadlineForm, ...]
    penalty: Literally | None = None
    extension: Literally | None = None
    notes: tuple[Literally, ...] = ()
    partner: Literally | None = None
    instead_of: Slug | None = None
    assess_in: tuple[Annotated[str, AfterValidator(slug)], ...] = ()

    def terms(self) -> Terms:
        """What an incident freezes."""
        return Terms(
            id=self.id,
            version=self.version,
            title=self.title,
            jurisdiction=self.jurisdiction,
            status=self.status.value,
            binds=self.binds,
            trigger=self.trigger,
            source=self.source.cite,
            counting=self.count.counting(),
            deadlines=tuple(_deadline(form, self.recipient, self.authority) for form in self.deadlines),
            asks=dict(self.asks),
        )


def _deadline(form: DeadlineForm, recipient: str, authority: bool) -> Deadline:
    return Deadline(
        name=form.name,
        title=form.title,
        recipient=form.recipient or recipient,
        limits=tuple(limit.limit() for limit in form.limits),
        content=tuple(Item(item.item, item.fill) for item in form.content),
        owner=form.owner,
        when=form.when,
        starts_with=form.starts_with,
        follows=form.follows or next((limit.from_report for limit in form.limits if limit.from_report), None),
        repeats=form.repeats,
        undated=form.undated,
        note=form.note,
        authority=authority if form.authority is None else form.authority,
    )
