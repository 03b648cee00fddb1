"""
How messages show values and name the nearest known word.

Text in, text out; knows neither files nor playbooks.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 60
_SOME = 5  # names that a message lists


def nearest(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` with a leading space, or nothing: the tail of a message about an unknown name."""
    close = difflib.get_close_matches(word[:200], list(known), n=1, cutoff=0.55)
    return f" Did you mean '{close[0]}'?" if close else ""


def way_out(word: str, known: Iterable[str]) -> str:
    """For a name of the catalog, and never nothing: the nearest, or some that there are, or how to have any."""
    names = sorted(known)
    if not names:
        return " The catalog has none yet: `andon catalog apply FILE` loads some."
    more = f" and {len(names) - _SOME} more" if len(names) > _SOME else ""
    return nearest(word, names) or f" The catalog has {', '.join(names[:_SOME])}{more}."


def shown(value: object) -> str:
    """A value as a message quotes it: text in single quotes, never longer than a line, no control characters."""
    text = str(value)
    if len(text) > _SHOWN:
        text = text[: _SHOWN - 1] + "…"
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    match value:
        case str():
            return f"'{text}'"
        case None:
            return "nothing"
        case bool():
            return text.lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return text


def either(words: Iterable[str]) -> str:
    """``'a', 'b' or 'c'``."""
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
