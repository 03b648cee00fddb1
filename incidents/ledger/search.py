"""
What of an event can be searched for, and when words are the same: case, accents and punctuation do not count.

Pure, and the one place that says so: every ledger gives the same answers because all of them ask here. A word is looked
for from its beginning; one that is written with a hyphen or the like (``orion-2``) is several in a row.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from incidents.events import Event
from incidents.holds import Hold

DECLARED = "incident:life:declared"
HELD = "access:hold:placed"

_BETWEEN = " ‖ "  # the parts of an event: a word that nobody can ask for, so that no phrase goes from one to the next
# Letters that Unicode does not take apart, and that people without them on the keyboard write so.
_WRITTEN = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i"}
# Scripts that put no space between words: each character counts as a word, so that any part of a text can be found.
_UNSPACED = ("CJK ", "HIRAGANA", "KATAKANA", "THAI ", "LAO ", "KHMER ", "MYANMAR ")


@dataclass(frozen=True, slots=True)
class Hit:
    """
    One line of an incident in which something was found.

    ``field`` is the part of it: a name of its text (``title``, ``note``, ...), or ``id``, ``playbook``, ``parameters``,
    ``hold``. ``marks`` are (start, end) of what matched in ``snippet``, counted in characters.
    """

    incident: str
    seq: int
    kind: str
    field: str
    snippet: str
    marks: tuple[tuple[int, int], ...]


# (incident, True for its lines that are for members alone) -> may whoever searches read it?
Reads = Callable[[str, bool], bool]


# The number of an incident's first event -> that number, or the next lower one of those to choose from, if any.
Chosen = Callable[[int], int | None]


def everything(incident: str, for_members: bool) -> bool:
    """Nothing is hidden."""
    return True


def said(event: Event) -> Iterator[tuple[str, str]]:
    """What an event says about its incident, as (field, words): its text, and of two kinds also what is in its data."""
    if event.incident is None:
        return
    # Stores may give the parts of a text in another order than they were written in.
    yield from sorted((event.text or {}).items(), key=lambda part: (part[0] != "title", part[0]))
    if event.kind == DECLARED:
        yield "id", event.incident
        yield "playbook", str(event.data.get("playbook", ""))
        for value in event.data.get("parameters", {}).values():
            yield "parameters", str(value)
    elif event.kind == HELD:
        yield "hold", _hold(event)


def _hold(event: Event) -> str:
    try:
        return Hold.read(event.data["hold"]).words()
    except (KeyError, TypeError, ValueError):  # of a newer program: whatever it says in plain values
        found = event.data.get("hold")
        return " ".join(v for v in found.values() if isinstance(v, str)) if isinstance(found, dict) else ""


def is_restricted(event: Event) -> bool:
    """A line that is for the incident's members alone, also where the incident itself is open."""
    return event.data.get("restricted") is True


Doc = tuple[int, str]  # where a line stands (``place``), and its folded words


def words_of(event: Event) -> str:
    """Everything that can be searched for in an event, folded; empty where there is nothing."""
    return _BETWEEN.join(filter(None, (folded(words) for _, words in said(event))))


# --- when words are the same ----------------------------------------------------------------------------------------


class _Folding(dict[int, str]):
    """Code point -> what it counts as: letters and digits, nothing, or a space where a word ends."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _fold(chr(code))
        return found


def _fold(character: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(map(_counts_as, plain))


def _counts_as(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):  # accents, joiners, soft hyphens
        return ""
    if not (character.isalnum() or category == "Mc"):
        return " "
    if unicodedata.name(character, "").startswith(_UNSPACED):
        return f" {character} "
    return _WRITTEN.get(character, character)


FOLDING = _Folding()


def folded(text: str) -> str:
    """The words of a text in the form in which they are compared, one space between them."""
    return " ".join(text.translate(FOLDING).split())


def asked(words: Iterable[str]) -> tuple[str, ...]:
    """
    What somebody looks for, folded: each is one word, or several that must stand in a row.

    What holds no letter or digit is left out, and so is what another one says already (``ac`` beside ``acme``).
    """
    found = tuple(dict.fromkeys(filter(None, map(folded, words))))
    return tuple(one for one in found if not any(one != other and holds(other, one) for other in found))


def holds(words: str, phrase: str) -> bool:
    """Whether folded ``words`` have ``phrase`` in them, its last word perhaps only begun."""
    return f" {phrase}" in f" {words}"


# --- lines and incidents --------------------------------------------------------------------------------------------

_HIGHEST = 2**63 - 1
_OF_LINE = 32  # bits of a place: 31 for the sequence number, one for restricted; above them the incident's first number


def place(first: int, event: Event) -> int:
    """Where an event stands in the index; ``first`` is the number of its incident's first event."""
    return first << _OF_LINE | event.seq << 1 | is_restricted(event)


def first_of(place: int) -> int:
    return place >> _OF_LINE


def seq_of(place: int) -> int:
    return place >> 1 & (1 << _OF_LINE - 1) - 1


def for_members(place: int) -> bool:
    return bool(place & 1)


def places_of(first: int) -> tuple[int, int]:
    """The lowest place of an incident's lines, and the highest."""
    return first << _OF_LINE, (first + 1 << _OF_LINE) - 1


def by_incident(places: Iterable[int]) -> Iterator[tuple[int, bool]]:
    """``(first, open)`` of places from the highest down; ``open`` where not all of its lines are for members."""
    at, is_open = -1, False
    for one in places:
        if first_of(one) != at:
            if at >= 0:
                yield at, is_open
            at, is_open = first_of(one), False
        is_open = is_open or not for_members(one)
    if at >= 0:
        yield at, is_open


def together(found: Sequence[Iterator[tuple[int, bool]]], chosen: Chosen | None) -> Iterator[tuple[int, bool]]:
    """What is in all of them and ``chosen``, from the highest ``first`` down; ``open`` where it is open in all."""
    heads = [next(one, None) for one in found]
    level = _HIGHEST
    while found:
        for number, one in enumerate(found):
            head = heads[number]
            while head is not None and head[0] > level:
                head = next(one, None)
            if head is None:
                return
            heads[number], level = head, head[0]
        here = [head for head in heads if head is not None and head[0] == level]
        if len(here) < len(heads):
            continue
        lower = level if chosen is None else chosen(level)
        if lower is None:
            return
        if lower == level:
            yield level, all(is_open for _, is_open in here)
            level -= 1
        else:
            level = lower


def readable(
    candidates: Iterable[tuple[int, bool]], name_of: Callable[[int], str], reads: Reads, limit: int | None
) -> list[str]:
    """Names of the first so many candidates that may be read: what is hidden takes nobody's place."""
    found: list[str] = []
    for first, is_open in candidates:
        incident = name_of(first)
        if reads(incident, False) and (is_open or reads(incident, True)):
            found.append(incident)
            if len(found) == limit:  # and no further: the next one may be a long way down
                break
    return found
