"""
Time to place: where a moment stands on the axis of an incident's picture, and which times are written below it.

Pure. To scale, but for gaps so long that nothing else could be told apart beside them: those are drawn short, with a
break that says how long they were.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incidents.spans import span

CHAR, WIDE_CHAR = 6.9, 13.0  # generous widths at 12 units, so that other fonts fit as well
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
LONG_GAP = 8  # a gap that many times longer than all shorter ones together is broken
Span = tuple[str, datetime, datetime | None]  # what was off, from when, until when (None: it still is)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The drawing's width, where its time begins and ends, and how long labels may be, in characters."""

    width: int
    left: int
    right: int
    lengths: tuple[int, ...]
    names_above: bool = False


WIDE = Sheet(width=1100, left=84, right=1084, lengths=(56, 40, 24))
NARROW = Sheet(width=320, left=6, right=314, lengths=(34, 22), names_above=True)


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis; ``gap``: instead the place where a long time was left out, its length where there is room."""

    x: float
    text: str
    left: float
    right: float
    gap: bool = False


class Scale:
    """Time to x, and the axis."""

    def __init__(self, moments: Sequence[datetime], spans: Sequence[Span], now: datetime, sheet: Sheet) -> None:
        known = [*moments, *(start for _, start, _ in spans), *(end for *_, end in spans if end is not None)]
        self.first, self.last = min(known), max(known)
        if any(end is None for *_, end in spans):
            self.last = max(self.last, now)
        if self.last - self.first < timedelta(seconds=10):
            # A picture of less than ten seconds would make much of nothing: show the time since, if there is any.
            self.last = min(max(now, self.last), self.first + timedelta(minutes=1))
            self.last = max(self.last, self.first + timedelta(seconds=10))
        self.dated = self.last - self.first > timedelta(days=1)
        self._sheet = sheet
        self._at = sorted({at.timestamp() for at in (*known, self.first, self.last)})
        gaps = [b - a for a, b in zip(self._at, self._at[1:], strict=False)]
        self._shown = _shortened(gaps)
        self.broken = [shown < gap for gap, shown in zip(gaps, self._shown, strict=True)]
        scale = (sheet.right - sheet.left - 16) / sum(self._shown)
        self._x = [float(sheet.left + 8)]
        for length in self._shown:
            self._x.append(self._x[-1] + length * scale)
        self._placed = {moment: round(x, 1) for moment, x in zip(self._at, self._x, strict=True)}

    def x(self, at: datetime) -> float:
        moment = at.timestamp()
        if (placed := self._placed.get(moment)) is not None:
            return placed
        n = min(max(bisect_right(self._at, moment) - 1, 0), len(self._shown) - 1)
        share = (moment - self._at[n]) / (self._at[n + 1] - self._at[n])
        return round(self._x[n] + min(max(share, 0.0), 1.0) * (self._x[n + 1] - self._x[n]), 1)

    def ticks(self) -> list[Tick]:
        """Breaks first, then round times wherever there is room between them."""
        gaps = [n for n, broken in enumerate(self.broken) if broken]
        found: list[Tick] = []
        for n in gaps:
            x, lasted = (self._x[n] + self._x[n + 1]) / 2, span(self._at[n + 1] - self._at[n])
            marks = (self._tick(x, text, gap=True) for text in (lasted, ""))
            found += [mark for mark in marks if _is_free(mark, found)][:1]
        length = sum(self._shown)
        step = next((s for s in STEPS if length / s <= 6), 86_400 * max(1, round(length / 86_400 / 5)))
        form = "%d %b" if step >= 86_400 else "%d %b %H:%M" if self.dated else "%H:%M" if step >= 60 else "%H:%M:%S"
        for at in self._round_times(step, gaps):
            tick = self._tick(self.x(at), f"{at:{form}}")
            if _is_free(tick, found):
                found.append(tick)
        return sorted(found, key=lambda tick: tick.left)

    def _round_times(self, step: int, gaps: Sequence[int]) -> Iterable[datetime]:
        """Multiples of ``step`` s in each unbroken stretch; its beginning where it holds none."""
        starts = [0, *(n + 1 for n in gaps)]
        ends = [*gaps, len(self._at) - 1]
        for start, end in zip(starts, ends, strict=True):
            first, last = self._at[start], self._at[end]
            at = -(-first // step) * step
            if at > last:
                yield datetime.fromtimestamp(first, UTC)
            while at <= last:
                yield datetime.fromtimestamp(at, UTC)
                at += step

    def _tick(self, x: float, text: str, *, gap: bool = False) -> Tick:
        half = width_of(text) / 2 or 6
        left = min(max(x - half, self._sheet.left), self._sheet.right - 2 * half)
        return Tick(round(x, 1), text, round(left, 1), round(left + 2 * half, 1), gap)


def _is_free(tick: Tick, among: Iterable[Tick]) -> bool:
    return all(tick.right + 12 < other.left or other.right + 12 < tick.left for other in among)


def _shortened(gaps: Sequence[float]) -> list[float]:
    """The same gaps, those cut short beside which all others together would take up hardly any room."""
    below = 0.0
    for gap in sorted(gaps):
        if below >= 10 and gap > LONG_GAP * below:
            long = sum(g >= gap for g in gaps)
            return [min(g, 1.5 * below / long) if g >= gap else g for g in gaps]
        below += gap
    return list(gaps)


def width_of(text: str) -> float:
    return (
        len(text) * CHAR
        if text.isascii()
        else sum(WIDE_CHAR if unicodedata.east_asian_width(c) in "WF" else CHAR for c in text)
    )
