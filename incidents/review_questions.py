"""
The questions that a review has to answer, and whether a document answers them.

Pure. Takes the text apart as Markdown, so keep it away from the desk's lock: a long text takes a while.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from incidents.merging import marks
from runbooks.render import sections

UNANSWERED = "_To be answered._"


@dataclass(frozen=True, slots=True)
class Question:
    """``state``: answered, open (its place is empty or holds the placeholder), or missing (no heading asks it)."""

    text: str
    state: str

    @property
    def why(self) -> str:
        if self.state == "missing":
            return f"'{self.text}' is not answered: a heading that asks it is missing"
        return f"'{self.text}' is not answered"


def questions(ask: Sequence[str], document: str) -> list[Question]:
    """
    Those of the playbook in their order, then every other heading under which the placeholder still stands.

    A question counts as asked by a heading with the same words, however it is set. If it does not apply, the answer
    says why.
    """
    parts = sections(document)
    found: dict[str, str] = {}
    for part in parts:
        found.setdefault(_bare(part.heading), part.whole)
    asked = [Question(text, _answered(found.get(_bare(text)))) for text in ask]
    known = {_bare(question.text) for question in asked}
    others = (p.heading for p in parts if UNANSWERED in _lines(p.own) and _bare(p.heading) not in known)
    return asked + [Question(heading or "the beginning", "open") for heading in others]


def _answered(body: str | None) -> str:
    if body is None:
        return "missing"
    return "answered" if _lines(body) and UNANSWERED not in _lines(body) else "open"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def unready(ask: Sequence[str], document: str) -> list[str]:
    """What in the text itself keeps it from being published, one clause each."""
    found = [question.why for question in questions(ask, document) if question.state != "answered"]
    return found + [f"line {line} is still a mark of a merge" for line in marks(document)[:3]]
