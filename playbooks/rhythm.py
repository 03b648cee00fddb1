"""
When clocks are spoken of, who is asked for word, who is called when nobody answers: ``notices/rhythm.yaml``, as values.

A file of that name in the company's own folder is taken instead of the shipped one. Read once, at the start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from playbooks.durations import ElapsedField, duration
from playbooks.forms import Form, Slug
from playbooks.severities import Severities
from playbooks.source import Problem, SourceError, check, parse
from playbooks.wording import SHIPPED
from playbooks.words import shown

SIZE_LIMIT = 64 * 1024
_PART = re.compile(r"[1-9][0-9]?%", re.ASCII)


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


def _before(text: object) -> str:
    if not isinstance(text, str) or (_PART.fullmatch(text) is None and _elapsed(text) is None):
        raise ValueError(f"{shown(text)} is no moment before a deadline: write 50% of its time, or 1h, 2d before it")
    return text


def _after(text: object) -> str:
    if not isinstance(text, str) or _elapsed(text) is None:
        raise ValueError(f"{shown(text)} is no moment after a deadline: write 1h or 2d")
    return text


def _elapsed(text: str) -> timedelta | None:
    try:
        return duration(text).elapsed
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Prompts:
    """
    When a clock is spoken of, each moment with its name: ``parts`` of its time, ``leads`` before it is due, ``after``.

    ``after`` has the daily ones too, in order.
    """

    parts: tuple[tuple[str, float], ...]
    leads: tuple[tuple[str, timedelta], ...]
    after: tuple[tuple[str, timedelta], ...]


class Deadlines(Form):
    """``before``: parts of a clock's time or so long before it is due; ``after`` it; ``daily``: for so many days."""

    before: Annotated[tuple[Annotated[str, BeforeValidator(_before)], ...], Field(max_length=10)] = ("50%", "80%", "1h")
    after: Annotated[tuple[Annotated[str, BeforeValidator(_after)], ...], Field(max_length=10)] = ("1h", "4h")
    daily: Annotated[StrictInt, Field(ge=0, le=365)] = 30

    @model_validator(mode="after")
    def _each_once(self) -> Deadlines:
        for named in (self.before, self.after):
            if len(set(named)) < len(named):
                raise ValueError("a moment stands there twice")
        return self

    def prompts(self) -> Prompts:
        days = [(f"day-{day}", timedelta(days=day)) for day in range(1, self.daily + 1)]
        told = [(f"{text}-after", _elapsed(text) or timedelta()) for text in self.after]
        return Prompts(
            parts=tuple((text, int(text[:-1]) / 100) for text in self.before if text.endswith("%")),
            leads=tuple((text, _elapsed(text) or timedelta()) for text in self.before if not text.endswith("%")),
            after=tuple(sorted([*told, *days], key=lambda moment: moment[1])),
        )


class Rhythm(Form):
    """Who; how often is the severity's matter. And when clocks are spoken of."""

    deadlines: Deadlines = Deadlines()
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
