"""
The picture of a drill: one bar per gateway and per step, each from its order to its end, with the limit as a line.

Pure geometry over a report's bars, in units of the drawing. Gateways are a matter of milliseconds and people of
minutes, so that each has its own panel with its own scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incidents.spans import spelled

WIDTH, LEFT, RIGHT = 760, 250, 680  # the drawing, about as wide as it is shown; between the last two lies its time
ROW, HEAD = 22, 34
CHARS = 34  # of a name that find room before the bar
MOST = 60  # bars of one panel; the slowest and whatever never came are among them
PANELS = (
    ("point", "Gateways", ("point",)),
    ("people", "People, steps and the whole", ("people", "step", "machine")),
)
TONES = {"done": "ok", "confirmed": "ok", "late": "stop", "refused": "stop", "open": "wait"}


@dataclass(frozen=True, slots=True)
class Line:
    """One bar with its name before it and its time behind it. ``width`` 0: it never came. ``limit``: x of its limit."""

    name: str
    whole: str
    y: int
    x: float
    width: float
    tone: str
    text: str
    text_x: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    name: str
    y: int
    height: int
    lines: list[Line]
    longest: str
    left_out: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    width: int
    height: int
    left: int
    right: int
    panels: list[Panel]
    words: str


def draw(bars: Sequence[Mapping[str, Any]]) -> Waterfall | None:
    """The picture of these bars, or None where there is nothing to draw."""
    panels, y = [], 0
    for _, name, lanes in PANELS:
        rows = [bar for bar in bars if bar["lane"] in lanes]
        if rows:
            panels.append(_panel(name, rows, y))
            y += panels[-1].height
    if not panels:
        return None
    words = "; ".join(f"{p.name}: {len(p.lines)} bars, up to {p.longest}" for p in panels)
    return Waterfall(WIDTH, y + 8, LEFT, RIGHT, panels, words)


def _panel(name: str, rows: Sequence[Mapping[str, Any]], y: int) -> Panel:
    shown = rows[-MOST:]
    first = min(bar["start_ms"] for bar in shown) if all(bar["lane"] == "point" for bar in shown) else 0
    ends = [bar["end_ms"] for bar in shown if bar["end_ms"] is not None]
    limits = [bar["due_ms"] for bar in shown if bar["due_ms"] is not None]
    longest = max(max(ends, default=0) - first, 1)
    within = [limit - first for limit in limits if limit - first <= 4 * longest]  # a far limit would flatten the rest
    scale = (RIGHT - LEFT) / max([longest, *within])
    lines = [_line(bar, y + HEAD + number * ROW, first, scale) for number, bar in enumerate(shown)]
    return Panel(name, y, HEAD + len(shown) * ROW + 10, lines, spelled(longest), len(rows) - len(shown))


def _line(bar: Mapping[str, Any], y: int, first: int, scale: float) -> Line:
    start = round(LEFT + (bar["start_ms"] - first) * scale, 1)
    end, due = bar["end_ms"], bar["due_ms"]
    width = 0.0 if end is None else round(max(2.0, (end - bar["start_ms"]) * scale), 1)
    limit = None if due is None else round(LEFT + (due - first) * scale, 1)
    late = end is not None and due is not None and end > due
    text = spelled(end - bar["start_ms"]) if end is not None else str(bar["state"])
    name = bar["name"] if len(bar["name"]) <= CHARS else bar["name"][: CHARS - 1].rstrip() + "…"
    return Line(
        name=name,
        whole=bar["name"],
        y=y,
        x=start,
        width=width,
        tone="stop" if late else TONES.get(bar["state"], "wait"),
        text=text,
        text_x=round(start + width + 6, 1),
        limit=limit if limit is not None and limit <= RIGHT else None,
    )
