"""
The switch as a picture: two panels of time against number of points, both scales logarithmic. SVG written by hand.

Self-contained: colours follow the reader's light or dark setting, and no font or script is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

WIDTH, HEIGHT = 960, 400
TOP, BOTTOM = 84, 336
PANELS = ((84, 334), (556, 806))  # left and right edge of each panel's plot; labels stand to the right of it
LABEL_GAP = 17
STYLE = """
  svg { --ink: #24292f; --soft: #656d76; --line: #d8dee4; --ground: #ffffff;
        --ours: #0f766e; --bare: #7b8591; --peer: #b45309; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --soft: #9198a1; --line: #30363d; --ground: #0d1117;
          --ours: #2dd4bf; --bare: #848d97; --peer: #f0a35e; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--soft); }
  .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
  .panel { font-weight: 600; fill: var(--ink); }
  .small { font-size: 11.5px; }
  .grid { stroke: var(--line); stroke-width: 1; }
  .curve { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
"""


@dataclass(frozen=True)
class Curve:
    """``points`` are (N, milliseconds); ``colour`` names a variable of the style."""

    name: str
    colour: str
    points: list[tuple[int, float]]


def draw(found: dict[str, Any]) -> str:
    """The picture of a run that measured the switch."""
    panels = [
        ("Last point denies", curves(found, "last_denies", "Unleash, 1 s poll")),
        ("All points confirmed", curves(found, "all_confirmed", "")),
    ]
    every = [value for _, drawn in panels for curve in drawn for _, value in curve.points]
    low = 10 ** math.floor(math.log10(min(every)))
    high = 10 ** math.ceil(math.log10(max(every)))
    counts = [row["points"] for row in found["switch"]]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" aria-labelledby="title">',
        '<title id="title">From declaring an incident to the last gateway denying and to all confirmed</title>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="var(--ground)"/>',
        '<text x="24" y="32" class="title">From declaring an incident to the gateways</text>',
        '<text x="24" y="52" class="small">Median milliseconds against the number of gateways, '
        "both scales logarithmic</text>",
    ]
    for (left, right), (name, drawn) in zip(PANELS, panels, strict=True):
        parts += _panel(name, drawn, counts, left, right, low, high)
    machine = found["machine"]
    where = f"{machine['cores']} cores, {machine['cpu']}"
    foot = f"{machine['date']} · {where} · Python {machine['python']} · {machine['command']}"
    parts.append(f'<text x="24" y="{HEIGHT - 14}" class="small">{escape(foot)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def curves(found: dict[str, Any], phase: str, peer: str) -> list[Curve]:
    rows = found["switch"]
    drawn = [
        Curve("Andon", "ours", [(r["points"], r["ours_ms"][phase]["p50"]) for r in rows]),
        Curve("bare sockets", "bare", [(r["points"], r["bare_ms"][phase]["p50"]) for r in rows]),
    ]
    others = found.get("unleash", {}).get("switch", ())
    if peer and others:
        drawn.append(Curve(peer, "peer", [(r["clients"], r["last_ms"]["p50"]) for r in others]))
    return drawn


def _panel(
    name: str, drawn: list[Curve], counts: list[int], left: int, right: int, low: float, high: float
) -> Iterator[str]:
    def x(count: int) -> float:
        span = math.log10(max(counts)) - math.log10(min(counts)) or 1
        return left + (right - left) * (math.log10(count) - math.log10(min(counts))) / span

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))

    yield f'<text x="{left}" y="{TOP - 10}" class="panel">{escape(name)}</text>'
    tick = low
    while tick <= high * 1.001:
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        yield f'<text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" class="small">{_tick(tick)}</text>'
        tick *= 10
    for count in _apart(counts, x):
        yield f'<text x="{x(count):.1f}" y="{BOTTOM + 20}" text-anchor="middle" class="small">{count:,}</text>'
    for curve in drawn:
        path = " ".join(f"{x(c):.1f},{y(v):.1f}" for c, v in curve.points)
        yield f'<polyline class="curve" points="{path}" stroke="var(--{curve.colour})"/>'
        for c, v in curve.points:
            yield (
                f'<circle cx="{x(c):.1f}" cy="{y(v):.1f}" r="3.5" fill="var(--{curve.colour})">'
                f"<title>{escape(curve.name)}, {c:,} gateways: {v:,.2f} ms</title></circle>"
            )
    ends = [(curve, y(curve.points[-1][1])) for curve in drawn]
    for (curve, _), at in zip(ends, spaced([at for _, at in ends]), strict=True):
        words = f"{curve.name} {_short(curve.points[-1][1])}"
        at_x = max(x(curve.points[-1][0]), right) + 10
        place = f'x="{at_x:.1f}" y="{at + 4:.1f}"'
        yield f'<text {place} class="small" style="fill: var(--{curve.colour})">{escape(words)}</text>'


def spaced(wanted: list[float]) -> list[float]:
    """The heights nearest to those wanted at which labels of one line do not touch."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = list(wanted)
    for _ in range(50):
        for upper, lower in pairwise(order):
            short = LABEL_GAP - (placed[lower] - placed[upper])
            if short > 0.01:
                placed[upper] -= short / 2
                placed[lower] += short / 2
    return placed


def _apart(counts: list[int], x: Any) -> list[int]:
    """Tick labels that leave room for each other, the last one first."""
    kept: list[int] = []
    for count in sorted(counts, reverse=True):
        if not kept or x(kept[-1]) - x(count) >= 34:
            kept.append(count)
    return kept


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _short(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"
