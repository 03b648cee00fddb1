"""
YAML that remembers its lines: every refusal names file, line and the way out.

Takes a small, safe part of YAML: no anchors, aliases, merge keys, custom tags or second documents, and only ``true``
and ``false`` are booleans, so the country code ``NO`` stays text. Knows nothing about playbooks or catalogs.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import pydantic
import yaml

from playbooks.complaints import complaints
from playbooks.words import shown

Loc = tuple[str | int, ...]
Model = TypeVar("Model", bound=pydantic.BaseModel)

MAX_DEPTH = 40
MAX_INTEGER = 2**53 - 1
"""The largest whole number that canonical JSON carries."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# libyaml, where it is there, reads a catalog of several megabytes about ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file; ``line`` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class SourceError(Exception):
    """A file that can't be taken as it is; ``str()`` is one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says (plain dicts, lists and scalars) and on which line it says it."""

    name: str
    value: Any
    lines: dict[Loc, int] = field(repr=False)

    def line(self, loc: Loc) -> int:
        """The line of the value at this path, or of the nearest thing around it that exists."""
        path: Loc = ()
        for part in loc:
            # A part that is not in the file (a missing key, a union's tag) is passed over.
            if (*path, part) in self.lines:
                path = (*path, part)
        return self.lines.get(path, 1)

    def problem(self, loc: Loc, message: str) -> Problem:
        """A problem with what stands at this path."""
        return Problem(self.name, self.line(loc), message)


def parse(text: str | bytes, name: str, *, limit: int) -> Document:
    """
    Read one YAML document.

    Args:
        name: What messages call the file.
        limit: The largest size in bytes of UTF-8.

    Raises:
        SourceError: Too large, not UTF-8, not YAML, or YAML that is not taken here.
    """
    loader = _LOADER(_decoded(text, name, limit))
    try:
        reader = _Reader(name, loader)
        return Document(name, reader.document(), reader.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(name, mark.line + 1 if mark else 1, _spoken(error))
    finally:
        loader.dispose()


def check(document: Document, model: type[Model]) -> Model:
    """
    The document as this model.

    Raises:
        SourceError: It does not fit; each problem has its line, an unknown key its nearest known one.
    """
    try:
        return model.model_validate(document.value)
    except pydantic.ValidationError as error:
        found = [document.problem(loc, message) for loc, message in complaints(error, model, document.lines)]
        raise SourceError(sorted(found)) from None


class _Reader:
    """Turns the parser's events into values, and notes the line of each."""

    def __init__(self, name: str, loader: Any) -> None:
        self.name = name
        self.lines: dict[Loc, int] = {}
        self._loader = loader

    def document(self) -> Any:
        self._next()
        if self._loader.check_event(yaml.StreamEndEvent):
            return None
        self._next()
        value = self._value(self._next(), ())
        self._next()
        if not self._loader.check_event(yaml.StreamEndEvent):
            _refuse(self.name, _line(self._next()), "a second document ('---'): one file holds one document")
        return value

    def _next(self) -> Any:
        return self._loader.get_event()

    def _value(self, event: Any, loc: Loc) -> Any:
        self._guard(event, loc)
        # A key's line is kept: it is where a reader looks for what the key holds.
        self.lines.setdefault(loc, _line(event))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(loc)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(loc)
        return self._scalar(event)

    def _guard(self, event: Any, loc: Loc) -> None:
        if isinstance(event, yaml.AliasEvent):
            _refuse(self.name, _line(event), f"alias '*{event.anchor}': write the value out, aliases are not taken")
        if event.anchor is not None:
            _refuse(self.name, _line(event), f"anchor '&{event.anchor}': anchors and aliases are not taken")
        if event.tag is not None:
            _refuse(self.name, _line(event), f"tag {shown(event.tag)}: tags are not taken, write the plain value")
        if len(loc) > MAX_DEPTH:
            _refuse(self.name, _line(event), f"nested deeper than {MAX_DEPTH} levels")

    def _mapping(self, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._loader.check_event(yaml.MappingEndEvent):
            event = self._next()
            key = self._key(event, loc)
            if key in found:
                first = self.lines[(*loc, key)]
                _refuse(self.name, _line(event), f"{shown(key)} is here twice (first on line {first})")
            self.lines[(*loc, key)] = _line(event)
            found[key] = self._value(self._next(), (*loc, key))
        self._next()
        return found

    def _key(self, event: Any, loc: Loc) -> str:
        """The key as it is written: ``NO``, ``on`` and ``2027`` are text here."""
        self._guard(event, loc)
        if not isinstance(event, yaml.ScalarEvent):
            _refuse(self.name, _line(event), "a key must be a plain word (is a value in braces left without quotes?)")
        key = self._text(event)
        if key == "<<" and not event.style:
            _refuse(self.name, _line(event), "merge key '<<': write the keys out, merging is not taken")
        if not key:
            _refuse(self.name, _line(event), "a key is empty")
        return key

    def _sequence(self, loc: Loc) -> list[Any]:
        found: list[Any] = []
        while not self._loader.check_event(yaml.SequenceEndEvent):
            found.append(self._value(self._next(), (*loc, len(found))))
        self._next()
        return found

    def _scalar(self, event: Any) -> Any:
        text = self._text(event)
        if event.style:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return self._integer(text, event)
        if _FLOAT.fullmatch(text):
            return self._float(text, event)
        if _DATE.fullmatch(text):
            return self._date(text, event)
        return text

    def _text(self, event: Any) -> str:
        text: str = event.value
        # "\0" and "\ud800" get past the parser inside double quotes.
        if found := _FORBIDDEN.search(text):
            _refuse(self.name, _line(event), f"character U+{ord(found[0]):04X} is not taken")
        return text

    def _integer(self, text: str, event: Any) -> int:
        # The length first: Python refuses to convert numbers of thousands of digits.
        if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
            _refuse(
                self.name, _line(event), f"number {shown(text)[1:-1]} is beyond {MAX_INTEGER}; in quotes it is text"
            )
        return int(text)

    def _float(self, text: str, event: Any) -> float:
        number = float(text)
        if not math.isfinite(number):
            _refuse(self.name, _line(event), f"number {shown(text)[1:-1]} is too large; in quotes it is text")
        return number

    def _date(self, text: str, event: Any) -> dt.date:
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            _refuse(self.name, _line(event), f"there is no day {text}")


def _decoded(text: str | bytes, name: str, limit: int) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        _refuse(name, 1, f"the file has {size:,} bytes, the limit is {limit:,}")
    if isinstance(text, bytes):
        text = _from_utf8(text, name)
    text = text.removeprefix("\ufeff")
    if found := _FORBIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        _refuse(name, line, f"character U+{ord(found[0]):04X} is not taken")
    return text


def _from_utf8(octets: bytes, name: str) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        _refuse(name, line, f"not UTF-8 (byte 0x{octets[error.start]:02x}); save the file as UTF-8")


def _spoken(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "not YAML").replace("\\t", "tab")
    if "cannot start any token" in problem:
        problem += " (indent with spaces, never with tabs; put text that begins with % @ or ` in quotes)"
    elif "mapping values are not allowed" in problem:
        problem += " (put text that holds ': ' in quotes)"
    return f"not YAML: {problem}"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _refuse(name: str, line: int, message: str) -> NoReturn:
    raise SourceError([Problem(name, line, message)])
