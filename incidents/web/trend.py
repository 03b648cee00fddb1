"""
A measure over months as a picture: median, nine of ten and worst, on a scale of seconds to days.

Pure geometry in units of the drawing. The scale is logarithmic, because a good month and a bad night are thousands of
times apart; the table below the picture has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 460, 150, 56, 10, 24
TICKS = (
    (0.001, "1 ms"),
    (0.01, "10 ms"),
    (0.1, "0.1 s"),
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3600, "1 h"),
    (86_400, "1 d"),
    (864_000, "10 d"),
    (8_640_000, "100 d"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One month: its place, and where its three figures stand."""

    month: str
    x: float
    p50: float
    p90: float
    worst: float
    count: int


@dataclass(frozen=True, slots=True)
class Trend:
    width: int
    height: int
    left: int
    marks: list[Mark]
    ticks: list[tuple[float, str]]
    months: list[tuple[float, str]]


def draw_trend(months: Sequence[dict[str, Any]]) -> Trend | None:
    """``months``: ``{month, spread}``, the oldest first; None where no month has a figure."""
    spreads = [row["spread"] for row in months if row["spread"]]
    if not spreads:
        return None
    lowest = min(s["p50"] for s in spreads)
    highest = max(s["worst"] for s in spreads)
    shown = _scale(lowest, highest)
    low, high = log10(shown[0][0]), log10(shown[-1][0])
    step = (WIDTH - LEFT - 10) / len(months)

    def y(seconds: float) -> float:
        share = (log10(max(seconds, shown[0][0])) - low) / (high - low)
        return round(HEIGHT - BOTTOM - min(1.0, share) * (HEIGHT - TOP - BOTTOM), 1)

    def x(place: int) -> float:
        return round(LEFT + step * (place + 0.5), 1)

    marks = [
        Mark(row["month"], x(n), y(s["p50"]), y(s["p90"]), y(s["worst"]), s["count"])
        for n, row in enumerate(months)
        if (s := row["spread"])
    ]
    every = 1 if len(months) <= 6 else 2
    named = [(x(n), row["month"][2:]) for n, row in enumerate(months) if (len(months) - 1 - n) % every == 0]
    return Trend(WIDTH, HEIGHT, LEFT, marks, [(y(value), words) for value, words in shown], named)


def _scale(lowest: float, highest: float) -> list[tuple[float, str]]:
    """The ticks from just below the lowest to just above the highest; at least two."""
    first = max((n for n, (value, _) in enumerate(TICKS) if value <= lowest), default=0)
    last = min((n for n, (value, _) in enumerate(TICKS) if value >= highest), default=len(TICKS) - 1)
    return list(TICKS[first : max(last, first + 1) + 1]) if first < len(TICKS) - 1 else list(TICKS[-2:])
