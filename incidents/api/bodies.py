"""
Request bodies: JSON as strict as the ledger needs it, checked against a form, each fault in plain words.

Refuses what two readers could understand differently (doubled keys, NaN) and what can't be stored (NUL, lone
surrogates). Pure; knows no Flask.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from incidents.errors import FieldError, Invalid, Refused
from playbooks.complaints import Loc, complaints

MAX_DEPTH = 32
SHOWN_ERRORS = 20


class NotJson(Refused):
    """The body is no JSON text at all."""

    status = 400
    code = "not-json"


class Doubled(Exception):
    """An object names one key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_json(octets: bytes) -> Any:
    """
    Plain JSON values that can be stored.

    Raises:
        NotJson: Not UTF-8, not JSON, NaN or Infinity, or nested too deeply.
        Invalid: A key is there twice, or text holds NUL or half a surrogate pair.
    """
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"the body is not UTF-8 (byte {error.start + 1})") from error
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except Doubled as error:
        raise Invalid.at(printable(error.key), f"the key {shown(error.key)} is there twice") from error
    except json.JSONDecodeError as error:
        raise NotJson(f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise NotJson(f"the body is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # a number of thousands of digits
        raise NotJson(f"the body is not JSON that is taken: {str(error)[:200]}") from error
    errors = [FieldError(where(loc), message) for loc, message in _unfit(value)]
    if errors:
        raise Invalid(errors[0].message, errors=errors[:SHOWN_ERRORS])
    return value


def read_form(value: Any, form: type[BaseModel]) -> BaseModel:
    """
    The body as its form.

    Raises:
        Invalid: Every fault with its place; an unknown field with the nearest known one.
    """
    if not isinstance(value, dict):
        raise Invalid(f"the body is a JSON object, not {_named(value)}", errors=[FieldError("", "must be an object")])
    try:
        return form.model_validate(value)
    except ValidationError as error:
        found = [
            FieldError(where(loc), _in_json_words(message)) for loc, message in complaints(error, form, _places(value))
        ]
        raise Invalid("; ".join(e.message for e in found[:5]), errors=found[:SHOWN_ERRORS]) from error


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON body, the same however it was spaced and ordered."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def where(loc: Loc) -> str:
    """``parameters.partner``, ``only[2]``."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{printable(part)}"
    return text


def printable(text: str, length: int = 80) -> str:
    """Text that a message can carry whatever it holds."""
    cut = text[:length]
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode("ascii")


def shown(text: str) -> str:
    return f"'{printable(text)}'"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Doubled(key)
        found[key] = value
    return found


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _walk(value: Any) -> Iterator[tuple[Loc, Any]]:
    """Every value with its place, without recursion: depth is the sender's choice."""
    waiting: list[tuple[Loc, Any]] = [((), value)]
    while waiting:
        loc, found = waiting.pop()
        yield loc, found
        if len(loc) > MAX_DEPTH:
            raise NotJson(f"the body is nested deeper than {MAX_DEPTH} levels")
        if isinstance(found, dict):
            waiting.extend(((*loc, key), inner) for key, inner in found.items())
        elif isinstance(found, list):
            waiting.extend(((*loc, number), inner) for number, inner in enumerate(found))


def _unfit(value: Any) -> Iterator[tuple[Loc, str]]:
    for loc, found in _walk(value):
        named = loc[-1] if loc and isinstance(loc[-1], str) else ""
        for text, what in ((named, "the key"), (found, "the text")):
            fault = _fault(text) if isinstance(text, str) else ""
            if fault:
                yield loc, f"{what} at '{where(loc)}' holds {fault}, which is not taken"


def _fault(text: str) -> str:
    if "\0" in text:
        return "a NUL character"
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        return "half of a surrogate pair"
    return ""


def _places(value: Any) -> set[Loc]:
    return {loc for loc, _ in _walk(value)}


def _in_json_words(message: str) -> str:
    plain = message.replace(" (put it in quotes)", " (put it in double quotes)")
    return plain.replace("a mapping (key: value)", "an object").replace("unknown key", "unknown field")


def _named(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case list():
            return "a list"
        case str():
            return "a text"
    return "a number"
