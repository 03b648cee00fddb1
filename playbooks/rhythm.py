"""
How often people are asked for word and who is called when nobody answers: ``notices/rhythm.yaml``, as values.

A file of that name in the company's own folder is taken instead of the shipped one. Read once, at the start.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from playbooks.durations import ElapsedField
from playbooks.forms import Form, Slug
from playbooks.schema import Severity
from playbooks.source import Problem, SourceError, check, parse
from playbooks.wording import SHIPPED

SIZE_LIMIT = 64 * 1024


class Updates(Form):
    """Who writes status updates, and after how long without one they are asked for the next."""

    role: Slug
    every: dict[Severity, ElapsedField] = Field(default_factory=dict)


class Approvals(Form):
    """After how long a notice that waits is spoken of again."""

    every: ElapsedField


class Call(Form):
    """Who is called while nobody has answered; without ``after``, at once."""

    role: Slug
    after: ElapsedField | None = None

    @property
    def seconds(self) -> float:
        elapsed = self.after.elapsed if self.after is not None else None
        return elapsed.total_seconds() if elapsed is not None else 0.0


class Rhythm(Form):
    """A severity that is not named asks for nothing."""

    updates: Updates
    approvals: Approvals
    unanswered: dict[Severity, Annotated[tuple[Call, ...], Field(min_length=1, max_length=10)]]

    @model_validator(mode="after")
    def _in_order(self) -> Rhythm:
        for severity, calls in self.unanswered.items():
            seconds = [call.seconds for call in calls]
            if any(b <= a for a, b in pairwise(seconds)):
                raise ValueError(f"'{severity}': each call comes later than the one before it")
        return self


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
