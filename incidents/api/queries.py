"""
What may stand behind the question mark: each parameter with what it takes, read strictly.

A filter that is quietly ignored hides incidents, so an unknown or doubled parameter is refused. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incidents.errors import FieldError, Invalid, nearest

TEXT_LIMIT = 500
HIGHEST = 2**53 - 1  # the largest whole number that JSON carries safely; also fits every store


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One parameter. ``low`` makes it a whole number, ``choices`` one of a closed set, ``switch`` true or false."""

    name: str
    about: str
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int = HIGHEST
    default: Any = ""
    required: bool = False
    switch: bool = False
    limit: int = TEXT_LIMIT

    def schema(self) -> dict[str, Any]:
        if self.switch:
            return {"type": "boolean", "default": False}
        if self.low is not None:
            return {"type": "integer", "minimum": self.low, "maximum": self.high, "default": self.default}
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": "string", "maxLength": self.limit}

    def read(self, text: str) -> Any:
        """
        Raises:
            Invalid: Names the parameter, the value and what it takes.
        """
        if self.switch:
            return self._one_of(text, ("true", "false")) == "true"
        if self.low is not None:
            return self._number(text, self.low)
        if self.choices:
            return self._one_of(text, self.choices)
        if len(text) > self.limit:
            raise self.wrong(f"{self.name} has {len(text)} characters; at most {self.limit} are taken")
        if "\0" in text or "\ufffd" in text:
            raise self.wrong(f"{self.name} holds a character that is not taken (NUL, or bytes that are not UTF-8)")
        return text

    def wrong(self, message: str) -> Invalid:
        return Invalid.at(self.name, message)

    def _number(self, text: str, low: int) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and low <= int(text) <= self.high):
            raise self.wrong(f"{self.name} is a whole number from {low} to {self.high}, not '{text[:40]}'")
        return int(text)

    def _one_of(self, text: str, choices: tuple[str, ...]) -> str:
        if text not in choices:
            known = ", ".join(choices)
            hint = nearest(text[:40], choices)
            raise self.wrong(f"unknown {self.name} '{text[:40]}'.{hint} It is one of: {known}")
        return text


def read_queries(queries: Sequence[Query], given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """
    Every parameter of the route, as sent or as its default.

    Raises:
        Invalid: Unknown, doubled, missing or wrong; all of them at once.
    """
    known = {query.name: query for query in queries}
    found: dict[str, Any] = {query.name: query.default for query in queries}
    seen: set[str] = set()
    errors: list[FieldError] = []
    for name, text in given:
        if name not in known:
            errors.append(FieldError(name[:80], _unknown(name[:80], known)))
        elif name in seen:
            errors.append(FieldError(name, f"{name} is there twice; send it once"))
        else:
            seen.add(name)
            try:
                found[name] = known[name].read(text)
            except Invalid as error:
                errors += error.errors
    missing = [query.name for query in queries if query.required and query.name not in seen]
    errors += [FieldError(name, f"{name} is missing") for name in missing]
    if errors:
        raise Invalid("; ".join(e.message for e in errors[:5]), errors=errors[:20])
    return found


def _unknown(name: str, known: Mapping[str, Query]) -> str:
    hint = nearest(name, known) or (f" Here go: {', '.join(known)}." if known else " This route takes none.")
    return f"unknown query parameter '{name}'.{hint}"


def limit(default: int = 50, high: int = 200) -> Query:
    return Query(name="limit", about="How many items at most", low=1, high=high, default=default)


CURSOR = Query(name="cursor", about="`next` of the page before, as it is")
SEQ_CURSOR = Query(name="cursor", about="`next` of the page before, as it is", low=0, default=0)
