"""
Two people's changes to one text brought together by lines, and what differs between two texts.

Pure. Nothing that either of them wrote is lost: where both changed the same lines, both stand there, between marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

LONGEST = 4_000  # lines; beyond it, comparing line by line could keep a thread busy for minutes
CONTEXT = 2
OURS, BETWEEN, THEIRS = "<<<<<<< ", "=======", ">>>>>>> "
Match = tuple[int, int, int]  # lines [a, a + n) of one are lines [b, b + n) of the other
Lines = Sequence[str]


@dataclass(frozen=True, slots=True)
class Merged:
    """``conflicts``: places where both changed the same lines; each is marked in ``text``."""

    text: str
    conflicts: int


@dataclass(frozen=True, slots=True)
class Line:
    """``kind``: ``same``, ``gone`` from the old text, ``new`` in the new one, or ``skipped`` (``text`` is how many)."""

    kind: str
    text: str


def merge(base: str | None, mine: str, theirs: str, *, mine_is: str = "yours", theirs_is: str = "theirs") -> Merged:
    """
    What both made of ``base``.

    Args:
        base: None where nobody knows any more: what both have in common counts as it.
        mine_is, theirs_is: Who wrote what, for the marks.
    """
    a, b = mine.splitlines(keepends=True), theirs.splitlines(keepends=True)
    old = base.splitlines(keepends=True) if base is not None else _in_common(a, b)
    found: list[str] = []
    conflicts = 0
    for was, ours, other, agreed in _regions(old, a, b):
        if agreed or ours == other or other == was:
            found += ours
        elif ours == was:
            found += other
        else:
            conflicts += 1
            found += _marked(ours, other, mine_is, theirs_is)
    return Merged("".join(found), conflicts)


def _in_common(one: Lines, other: Lines) -> list[str]:
    return [line for start, _, length in _matches(one, other) for line in one[start : start + length]]


def _marked(ours: Lines, other: Lines, mine_is: str, theirs_is: str) -> list[str]:
    return [f"{OURS}{mine_is}\n", *_ended(ours), f"{BETWEEN}\n", *_ended(other), f"{THEIRS}{theirs_is}\n"]


def _ended(lines: Lines) -> list[str]:
    """The last line of a text may have no end; a mark behind it needs one."""
    return [*lines[:-1], lines[-1] if lines[-1].endswith("\n") else f"{lines[-1]}\n"] if lines else []


def marks(text: str) -> list[int]:
    """Lines, counted from 1, that are still marks of a merge."""
    return [n for n, line in enumerate(text.splitlines(), 1) if line.startswith((OURS, THEIRS))]


def _regions(old: Lines, a: Lines, b: Lines) -> Iterator[tuple[Lines, Lines, Lines, bool]]:
    """Stretches of all three, in turn: one where somebody changed something (perhaps empty), one where nobody did."""
    at_old = at_a = at_b = 0
    for start_old, start_a, start_b, length in _kept_by_both(_matches(old, a), _matches(old, b)):
        yield old[at_old:start_old], a[at_a:start_a], b[at_b:start_b], False
        at_old, at_a, at_b = start_old + length, start_a + length, start_b + length
        yield old[start_old:at_old], a[start_a:at_a], b[start_b:at_b], True
    yield old[at_old:], a[at_a:], b[at_b:], False


def _kept_by_both(with_a: list[Match], with_b: list[Match]) -> Iterator[tuple[int, int, int, int]]:
    """(place in old, in a, in b, length) of the lines that neither of the two touched."""
    i = j = 0
    while i < len(with_a) and j < len(with_b):
        (old_a, in_a, long_a), (old_b, in_b, long_b) = with_a[i], with_b[j]
        start, end = max(old_a, old_b), min(old_a + long_a, old_b + long_b)
        if start < end:
            yield start, in_a + start - old_a, in_b + start - old_b, end - start
        if old_a + long_a <= old_b + long_b:
            i += 1
        else:
            j += 1


def _matches(old: Lines, new: Lines) -> list[Match]:
    """Stretches that are the same in both, in order. What both begin and end with is found first, as it is cheap."""
    head = _same_from_the_start(old, new)
    tail = _same_from_the_start(old[head:][::-1], new[head:][::-1])
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    found = [(0, 0, head)] if head else []
    if max(len(middle_old), len(middle_new)) <= LONGEST:
        matcher = SequenceMatcher(None, middle_old, middle_new)
        found += [(m.a + head, m.b + head, m.size) for m in matcher.get_matching_blocks() if m.size]
    if tail:
        found.append((len(old) - tail, len(new) - tail, tail))
    return found


def _same_from_the_start(one: Lines, other: Lines) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def differences(old: str, new: str) -> list[Line]:
    """What changed, with a little of what stands around it; empty where nothing did."""
    before, after = old.splitlines(), new.splitlines()
    found: list[Line] = []
    at_old = at_new = 0
    for start_old, start_new, length in [*_matches(before, after), (len(before), len(after), 0)]:
        found += [Line("gone", text) for text in before[at_old:start_old]]
        found += [Line("new", text) for text in after[at_new:start_new]]
        at_old, at_new = start_old + length, start_new + length
        found += [Line("same", text) for text in before[start_old:at_old]]
    return list(_shortened(found)) if any(line.kind != "same" for line in found) else []


def _shortened(lines: Sequence[Line]) -> Iterator[Line]:
    near = {
        place for n, line in enumerate(lines) if line.kind != "same" for place in range(n - CONTEXT, n + CONTEXT + 1)
    }
    skipped = 0
    for n, line in enumerate(lines):
        if n not in near:
            skipped += 1
            continue
        if skipped:
            yield Line("skipped", str(skipped))
        skipped = 0
        yield line
    if skipped:
        yield Line("skipped", str(skipped))
