"""
``{{ name }}`` and nothing else: plain substitution into text.

No expressions, filters or loops, on purpose: what a playbook does must be readable from the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from playbooks.words import shown

_HOLE = re.compile(r"\{\{ *([a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_]*)?) *\}\}", re.ASCII)


class Absent(Exception):
    """A name in a template has no value. ``names`` are those that are missing."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def names_in(text: str) -> tuple[str, ...]:
    """The names between double braces, in order, each once."""
    return tuple(dict.fromkeys(_HOLE.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """
    Put the values in. A value is never read as a template again.

    Raises:
        Absent: A name has no value.
    """
    missing = tuple(name for name in names_in(text) if name not in values)
    if missing:
        raise Absent(missing)
    return _HOLE.sub(lambda hole: values[hole[1]], text)


def _well_formed(text: str) -> str:
    rest = _HOLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise ValueError(f"{shown(text)} is not a template: only '{{{{ name }}}}' is put in, no expressions")
    return text


def _no_holes(text: str) -> str:
    if "{{" in text or "}}" in text:
        raise ValueError(f"{shown(text)} stands where nothing is put in: write the value itself")
    return text


Templated = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_well_formed)]
Literally = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_no_holes)]
"""Text in which braces would be a mistake."""
