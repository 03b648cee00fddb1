"""
The whole record of an incident, to be carried away: what is known of it, as parts that can be set in any form.

This package is pure. ``contents`` says what is in it and in which order; ``markdown`` and ``html`` set it, and make
what people typed harmless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from incidents.measures import Measures
from incidents.review_draft import BANDS
from incidents.timeline import Row

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    Everything that is known, as one reader may know it.

    ``incident`` and ``review`` as the operations answer them, ``held`` its holds as the picture draws them.
    ``withheld``: what of it this reader was not given.
    """

    incident: Json
    rows: Sequence[Row]
    review: Json
    figures: Measures
    held: Sequence[Json]
    names: Mapping[str, str]
    exported_at: str
    exported_by: str
    ledger: str
    head_seq: int
    head_digest: str
    events: int
    withheld: Sequence[Json]
    restricted: int
    site: str

    @property
    def id(self) -> str:
        return str(self.incident["id"])

    def who(self, person: str | None) -> str:
        return self.names.get(person or "", person or "nobody")


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    rank: int = 2


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; line ends stay."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A paragraph that must not be overlooked."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """``none`` is said where there is no row. A table without ``head`` is a list of names and values."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    none: str = "None."


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]
    none: str = "None."


@dataclass(frozen=True, slots=True)
class Document:
    """Markdown that people wrote together."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The three lanes over time, where the form can show one."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every line, in the order in which things happened."""


Part: TypeAlias = Heading | Words | Warned | Table | Bullets | Document | Picture | Timeline


def title(record: Record) -> str:
    return f"{record.id}: {record.incident['title'] or '(title redacted)'}"


def band(record: Record) -> str:
    return BANDS[record.incident["kind"]]


def in_order(rows: Sequence[Row]) -> list[Row]:
    """As things happened, not as they were written down."""
    return sorted(rows, key=lambda row: (row.at, row.seq))
