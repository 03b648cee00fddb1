"""
Where in an incident something was found: the lines that show it best, and the piece of each to show.

Pure. Text stays plain: which characters matched is said in numbers, so that no surface has to trust any markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from incidents.events import Event
from incidents.ledger.search import FOLDING, Hit, Reads, folded, holds, is_restricted, said

BEFORE, LONGEST = 50, 180  # characters of a snippet in front of the first match, and in all


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a line (``search.said``), and which of the phrases it has."""

    event: Event
    field: str
    text: str
    has: frozenset[str]


def hits(events: Iterable[Event], phrases: Sequence[str], most: int, reads: Reads) -> list[Hit]:
    """
    At most so many hits among the events of one incident; what says the same twice is told once.

    First the part that has the most phrases, then whichever adds the most to what is shown; the oldest of equals.
    """
    parts = list(_parts(events, phrases, reads))
    shown: frozenset[str] = frozenset()
    found: dict[tuple[str, str], Hit] = {}
    while parts and len(found) < most:
        best = max(parts, key=lambda part: (len(part.has - shown), len(part.has), -part.event.seq))
        parts.remove(best)
        shown |= best.has
        snippet, marks = piece(best.text, phrases)
        hit = Hit(best.event.incident or "", best.event.seq, best.event.kind, best.field, snippet, marks)
        found.setdefault((hit.kind, hit.snippet), hit)
    return list(found.values())


def _parts(events: Iterable[Event], phrases: Sequence[str], reads: Reads) -> Iterator[_Part]:
    """Those that have something and may be read; whether members' lines may be is asked once, and only if need be."""
    member: bool | None = None
    for event in events:
        for field, text in said(event):
            words = folded(text)
            has = frozenset(phrase for phrase in phrases if holds(words, phrase))
            if has and is_restricted(event) and member is None:
                member = reads(event.incident or "", True)
            if has and (member or not is_restricted(event)):
                yield _Part(event, field, text, has)


def piece(text: str, phrases: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The piece of a text around its first match, in one line, and where in it the matches are."""
    line = " ".join(_line(text, phrases).split())
    marks = list(matches(line, phrases))
    if not marks:
        return line[:LONGEST], ()
    start = _begin(line, marks[0][0])
    end = _finish(line, start, marks[0][1])
    before, after = "… " if start else "", " …" if end < len(line) else ""
    inside = [(a - start + len(before), b - start + len(before)) for a, b in marks if b <= end]
    return f"{before}{line[start:end]}{after}", tuple(inside)


def _line(text: str, phrases: Sequence[str]) -> str:
    """The first line that has a phrase; all of them where it goes on from one line to the next."""
    for line in text.splitlines():
        words = folded(line)
        if any(holds(words, phrase) for phrase in phrases):
            return line
    return text


def _begin(line: str, match: int) -> int:
    """At a word's beginning, not much before the match."""
    if match <= BEFORE:
        return 0
    space = line.find(" ", match - BEFORE, match)
    return space + 1 if space >= 0 else match - BEFORE


def _finish(line: str, start: int, match: int) -> int:
    """At a word's end, never inside the first match."""
    end = max(start + LONGEST, match)
    if end >= len(line):
        return len(line)
    space = line.rfind(" ", match, end + 1)
    return space if space > match else end


def matches(text: str, phrases: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(start, end) of every match in a text, from its beginning on; those that touch each other are one."""
    words, at = _with_places(text)
    spans = sorted((at[a], at[b - 1] + 1) for phrase in phrases for a, b in _all(words, phrase))
    begin, end = -1, -1
    for a, b in spans:
        if a > end:
            if begin >= 0:
                yield begin, _with_accents(text, end)
            begin = a
        end = max(end, b)
    if begin >= 0:
        yield begin, _with_accents(text, end)


def _with_places(text: str) -> tuple[str, list[int]]:
    """A text folded behind one space, and for each character of that the one that it comes from."""
    words, at = [" "], [0]
    for number, character in enumerate(text):
        for letter in FOLDING[ord(character)]:
            if letter != " " or words[-1] != " ":
                words.append(letter)
                at.append(number)
    return "".join(words), at


def _all(words: str, phrase: str) -> Iterator[tuple[int, int]]:
    start = words.find(f" {phrase}")
    while start >= 0:
        yield start + 1, start + 1 + len(phrase)
        start = words.find(f" {phrase}", start + 1)


def _with_accents(text: str, end: int) -> int:
    """A match goes on over what counts as nothing, or an accent would be cut from its letter."""
    while end < len(text) and not FOLDING[ord(text[end])]:
        end += 1
    return end
