"""
What a regime asks, as plain values: deadlines, the limits that make them, and how its days are counted.

This is what an incident freezes into the log when it takes a regime, so the past does not change with the register.
Knows no file and no calendar; what a newer version adds is passed over on reading.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from playbooks.words import shown

_WRITTEN = re.compile(r"([1-9][0-9]{0,3}) (hours?|days?|business days?|months?)", re.ASCII)


class Unit(StrEnum):
    """What a period counts. Days and months are the recipient's; hours are elapsed time."""

    HOURS = "hours"
    DAYS = "days"
    BUSINESS_DAYS = "business-days"
    MONTHS = "months"


class Rule(StrEnum):
    """How the end of a period is found; see ``incidents.deadlines`` for what each one means."""

    NONE = "none"
    EU_1182_71 = "eu-1182-71"
    US_FEDERAL = "us-federal"
    NOON = "noon-next-working-day"


@dataclass(frozen=True, slots=True)
class Period:
    amount: int
    unit: Unit

    def __str__(self) -> str:
        word = self.unit.value.replace("-", " ")
        return f"{self.amount} {word[:-1] if self.amount == 1 else word}"


def period(written: str) -> Period:
    """
    Read ``72 hours``, ``15 days``, ``4 business days`` or ``1 month``.

    Raises:
        ValueError: It is not written like one of these.
    """
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise ValueError(f"{shown(written)} is not a period: write 72 hours, 15 days, 4 business days or 1 month")
    unit = found[2].removesuffix("s").replace(" ", "-") + "s"
    return Period(int(found[1]), Unit(unit))


@dataclass(frozen=True, slots=True)
class Counting:
    """
    ``country`` None: no holidays are known there, Saturdays and Sundays alone are free.

    ``closed`` and ``opened`` (ISO dates) correct the calendar; ``day_ends`` (``17:30``) is when the recipient's day is
    over, midnight where None.
    """

    zone: str
    rule: Rule = Rule.NONE
    country: str | None = None
    subdivision: str | None = None
    closed: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    day_ends: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """
    One way in which a deadline comes about; the earliest of those that hold is the deadline.

    Runs from an anchor (``start``) or from the submission of another ``report``; ``after`` None: due at the anchor
    itself. ``when``: only where this condition was answered yes. ``unless_later``: not where that anchor came after
    this limit had passed. ``from_year_end``: from the end of the anchor's calendar year.
    """

    after: Period | None = None
    start: str | None = None
    report: str | None = None
    when: str | None = None
    unless_later: str | None = None
    from_year_end: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """Something that the notice must hold; ``fill`` names the fact of the incident that answers it, if one does."""

    item: str
    fill: str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """
    One duty. ``undated``: the words of a duty that has no number; its limits are then internal targets.

    ``repeats``: ``each`` (once per recorded anchor) or the anchor that ends the row (``resolved``). ``follows``: falls
    away with that report. ``starts_with``: only projected until that anchor is recorded. ``authority``: a public
    authority receives it, so a notice is drafted that people approve and file by hand.
    """

    name: str
    title: str
    recipient: str
    limits: tuple[Limit, ...] = ()
    content: tuple[Item, ...] = ()
    owner: str = "commander"
    when: str | None = None
    starts_with: str | None = None
    follows: str | None = None
    repeats: str | None = None
    undated: str | None = None
    note: str | None = None
    authority: bool = False

    @property
    def internal(self) -> bool:
        return self.undated is not None


@dataclass(frozen=True, slots=True)
class Terms:
    """A whole regime. ``asks``: condition -> the question about it."""

    id: str
    version: int
    title: str
    jurisdiction: str
    status: str
    binds: str
    trigger: str
    source: str
    counting: Counting
    deadlines: tuple[Deadline, ...]
    asks: dict[str, str] = dataclasses.field(default_factory=dict)

    def deadline(self, name: str) -> Deadline | None:
        return next((known for known in self.deadlines if known.name == name), None)

    def data(self) -> dict[str, Any]:
        """Plain JSON values; what is empty is left out."""
        found: dict[str, Any] = _lean(dataclasses.asdict(self))
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of the values, hex: equal digests mean equal duties."""
        text = json.dumps(self.data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_terms(data: Mapping[str, Any]) -> Terms:
    """From what ``data`` gave."""
    return _adapter().validate_python(dict(data))


@cache
def _adapter() -> TypeAdapter[Terms]:
    return TypeAdapter(Terms)


def _lean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lean(inner) for key, inner in value.items() if inner not in (None, (), [], {}, False)}
    if isinstance(value, list | tuple):
        return [_lean(inner) for inner in value]
    return value.value if isinstance(value, StrEnum) else value
