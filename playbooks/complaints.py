"""
What pydantic found wrong, in plain words.

Knows pydantic's error kinds and how to find the model that stands at a place; knows no files and no lines.
"""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Container, Iterator, Mapping
from typing import Annotated, Any, ClassVar, TypeGuard, Union, get_args, get_origin

import pydantic
from pydantic_core import ErrorDetails

from playbooks.words import nearest, shown

Loc = tuple[str | int, ...]

_SCALARS = (bool, int, float, dt.date)

_EXPECTED = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "dataclass_type": "a mapping (key: value)",
    "none_required": "empty",
    "date_type": "a date like 2027-01-31",
    "date_parsing": "a date like 2027-01-31",
    "date_from_datetime_parsing": "a date like 2027-01-31",
    "date_from_datetime_inexact": "a date like 2027-01-31",
    "datetime_type": "a time like 2027-01-31T14:00:00Z",
    "datetime_parsing": "a time like 2027-01-31T14:00:00Z",
}


class NamesItsKeys(pydantic.BaseModel):
    """A model whose keys have a name of their own in messages, such as "action"."""

    key_word: ClassVar[str] = "key"


def complaints(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], places: Container[Loc]
) -> Iterator[tuple[Loc, str]]:
    """
    Each place and what is wrong there, once.

    Args:
        places: Every path that the file has; other parts of pydantic's paths (a union's tag) are passed over.
    """
    wanted: dict[Loc, list[str]] = {}
    seen: set[tuple[Loc, str]] = set()
    details = [detail | {"loc": _written(detail, places)} for detail in error.errors(include_url=False)]
    for detail in details:
        if detail["type"] in _EXPECTED:
            wanted.setdefault(detail["loc"], []).append(_EXPECTED[detail["type"]])
    for detail in details:
        complaint = (detail["loc"], _in_words(detail, model, wanted.get(detail["loc"], [])))
        if complaint not in seen:
            seen.add(complaint)
            yield complaint


def _written(detail: ErrorDetails, places: Container[Loc]) -> Loc:
    """Where it stands in the file; a missing key keeps its name."""
    path: Loc = ()
    for part in detail["loc"]:
        if (*path, part) in places:
            path = (*path, part)
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else path


def _models_at(model: type[pydantic.BaseModel], loc: Loc) -> list[type[pydantic.BaseModel]]:
    """The models that may stand at this place."""
    places: list[Any] = [model]
    for part in loc:
        places = [inner for place in places for inner in _step(place, part)]
    return [leaf for place in places for leaf in _leaves(place) if _is_model(leaf)]


def _in_words(detail: Mapping[str, Any], model: type[pydantic.BaseModel], wanted: list[str]) -> str:
    kind, loc, given, context = detail["type"], detail["loc"], detail["input"], detail.get("ctx", {})
    name = _name(loc)
    if kind == "extra_forbidden":
        return _unknown_key(str(loc[-1]), _models_at(model, loc[:-1]))
    if kind == "missing":
        return f"{name} is missing"
    if kind in _EXPECTED:
        quotes = " (put it in quotes)" if kind == "string_type" and isinstance(given, _SCALARS) else ""
        return f"{name} must be {' or '.join(dict.fromkeys(wanted))}, not {shown(given)}{quotes}"
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        return f"{name} must be {context['expected']}, not {shown(given)}." + _near_choice(given, context["expected"])
    measured = f"{name} {_measured(kind, context, detail['msg'])}"
    return measured if isinstance(given, list | tuple | dict) else f"{measured}, not {shown(given)}"


def _measured(kind: str, context: Mapping[str, Any], message: str) -> str:
    match kind:
        case "string_too_long":
            return f"may have at most {context['max_length']} characters"
        case "string_too_short":
            return f"must have at least {context['min_length']} character{'s' if context['min_length'] > 1 else ''}"
        case "too_long":
            return f"may have at most {context['max_length']} entries"
        case "too_short":
            return f"must have at least {context['min_length']} entr{'ies' if context['min_length'] > 1 else 'y'}"
        case "string_pattern_mismatch":
            return f"must look like {context['pattern']}"
        case "greater_than_equal":
            return f"must be {context['ge']} or more"
        case "less_than_equal":
            return f"must be {context['le']} or less"
        case "greater_than":
            return f"must be more than {context['gt']}"
        case "less_than":
            return f"must be less than {context['lt']}"
        case _:
            return message.replace("Input should be", "must be").replace("Input should", "must")


def _unknown_key(key: str, models: list[type[pydantic.BaseModel]]) -> str:
    known = [name for model in models for name in _fields(model)]
    word = next((model.key_word for model in models if issubclass(model, NamesItsKeys)), "key")
    hint = nearest(key, known)
    if not hint and known:
        hint = f" Here go: {', '.join(known)}."
    return f"unknown {word} {shown(key)}.{hint}"


def _near_choice(given: object, expected: str) -> str:
    return nearest(given, expected.split("'")[1::2]) if isinstance(given, str) else ""


def _name(loc: Loc) -> str:
    """The last key that a reader can find in the file, with its place in a list."""
    for index in range(len(loc) - 1, -1, -1):
        part = loc[index]
        if isinstance(part, str):
            positions = "".join(f" (entry {int(number) + 1})" for number in loc[index + 1 :])
            return f"'{part}'{positions}"
    return "the file" if not loc else f"entry {int(loc[-1]) + 1}"


def _step(place: Any, part: str | int) -> list[Any]:
    """The types that may stand one level further in."""
    found: list[Any] = []
    for leaf in _leaves(place):
        if _is_model(leaf):
            found += [annotation for key, annotation in _fields(leaf).items() if key == part]
            continue
        origin, arguments = get_origin(leaf), get_args(leaf)
        if not isinstance(origin, type) or not arguments:
            continue
        if issubclass(origin, Mapping):
            found += [arguments[1]] if isinstance(part, str) else []
        elif isinstance(part, int):
            found.append(arguments[0])
    return found


def _leaves(place: Any) -> Iterator[Any]:
    """A type without its Annotated, Optional and Union wrapping."""
    origin = get_origin(place)
    if origin is Annotated:
        yield from _leaves(get_args(place)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(place):
            yield from _leaves(member)
    else:
        yield place


def _is_model(leaf: Any) -> TypeGuard[type[pydantic.BaseModel]]:
    return isinstance(leaf, type) and issubclass(leaf, pydantic.BaseModel)


def _fields(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    return {entry.alias or name: entry.annotation for name, entry in model.model_fields.items()}
