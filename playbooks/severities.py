"""
What the four severities mean: data, which a company may replace with its own words and times.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictStr

from playbooks.durations import ElapsedField
from playbooks.forms import Form
from playbooks.source import SourceError, check, parse

FILE = "terms/severities.yaml"
SHIPPED = Path(__file__).parent / FILE
LIMIT = 64 * 1024


class SeverityTerms(Form):
    """One severity: its name, when it applies, and the times that go with it."""

    title: Annotated[StrictStr, Field(min_length=1, max_length=40)]
    means: Annotated[StrictStr, Field(min_length=1, max_length=500)]
    acknowledge_within: ElapsedField
    update_every: ElapsedField


class Severities(Form):
    """All four; none may be missing."""

    sev1: SeverityTerms
    sev2: SeverityTerms
    sev3: SeverityTerms
    sev4: SeverityTerms

    def of(self, severity: str) -> SeverityTerms:
        """
        Raises:
            KeyError: No such severity.
        """
        return self.all()[severity]

    def all(self) -> dict[str, SeverityTerms]:
        """By name, the worst first."""
        return {"sev1": self.sev1, "sev2": self.sev2, "sev3": self.sev3, "sev4": self.sev4}


def load_severities(extra: Path | None = None) -> tuple[Severities, tuple[str, ...]]:
    """
    The company's own (``terms/severities.yaml`` in the extra folder), else the shipped ones.

    A broken file of the company leaves the shipped ones in force; the second value says what is wrong with it.
    """
    own = extra / FILE if extra is not None else None
    if own is not None and own.is_file():
        try:
            return _read(own), ()
        except SourceError as error:
            return _read(SHIPPED), (str(error),)
        except OSError as error:
            return _read(SHIPPED), (f"{own}: can't be read ({error.strerror})",)
    return _read(SHIPPED), ()


def _read(path: Path) -> Severities:
    return check(parse(path.read_bytes(), path.name, limit=LIMIT), Severities)
