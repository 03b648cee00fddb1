"""
Who is asked for word and who is called when nobody answers: ``notices/rhythm.yaml``, as values.

A file of that name in the company's own folder is taken instead of the shipped one. Read once, at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from playbooks.durations import ElapsedField
from playbooks.forms import Form, Slug
from playbooks.severities import Severities
from playbooks.source import Problem, SourceError, check, parse
from playbooks.wording import SHIPPED

SIZE_LIMIT = 64 * 1024


class Updates(Form):
    """Who is asked for status updates."""

    role: Slug


class Approvals(Form):
    """After how long a notice that waits is spoken of again."""

    every: ElapsedField


class Call(Form):
    """Who is called while nobody has answered, after so many times of the severity's ``acknowledge_within``."""

    role: Slug
    after: Annotated[StrictInt, Field(ge=0, le=100)] = 0


class Rhythm(Form):
    """Who; how often is the severity's matter."""

    updates: Updates
    approvals: Approvals
    unanswered: Annotated[tuple[Call, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _in_order(self) -> Rhythm:
        if any(b.after <= a.after for a, b in pairwise(self.unanswered)):
            raise ValueError("each entry of 'unanswered' comes later than the one before it")
        return self


@dataclass(frozen=True, slots=True)
class Pace:
    """Who and how often, together."""

    rhythm: Rhythm
    severities: Severities

    def updates_every(self, severity: str) -> timedelta:
        return self.severities.of(severity).update_every.elapsed or timedelta(days=1)

    def acknowledge_within(self, severity: str) -> timedelta:
        return self.severities.of(severity).acknowledge_within.elapsed or timedelta(days=1)


def load(extra: Path | None = None) -> tuple[Rhythm, tuple[Problem, ...]]:
    """The rhythm in force, and what is wrong with a company's own file, which is then not taken."""
    own = extra / "notices" / "rhythm.yaml" if extra is not None else None
    if own is not None and own.is_file():
        try:
            return _read(own), ()
        except SourceError as error:
            return _read(SHIPPED / "rhythm.yaml"), error.problems
    return _read(SHIPPED / "rhythm.yaml"), ()


def _read(path: Path) -> Rhythm:
    return check(parse(path.read_bytes(), path.name, limit=SIZE_LIMIT), Rhythm)
