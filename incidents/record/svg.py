"""
The picture of an incident as SVG text that stands in a page without a style sheet's help but for its colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from incidents.picture import Bar, Dot, Lane, Picture
from incidents.scale import Tick


def svg(picture: Picture) -> str:
    """Colours come from classes (``dot key stop``); sizes are in the drawing's own units."""
    label = escape(f"{picture.words}. The timeline below says the same.")
    box = f"0 0 {picture.width} {picture.height}"
    lines = [f'<svg class="lanes" viewBox="{box}" role="img" aria-label="{label}">']
    for lane in picture.lanes:
        lines += _lane(picture, lane)
    if picture.bars_name is not None:
        lines.append(_text("name", picture.bars_name.x, picture.bars_name.y, picture.bars_name.text))
    lines += map(_bar, picture.bars)
    lines += (_tick(tick, picture.height) for tick in picture.ticks)
    return "\n".join([*lines, "</svg>"])


def _lane(picture: Picture, lane: Lane) -> Iterator[str]:
    yield _text("name", 0, lane.name_y, lane.name)
    yield _line("lane", picture.left, lane.y, picture.right, lane.y)
    for dot in lane.dots:
        if dot.label is not None and abs(dot.label.y - lane.y) > 24:
            end = dot.label.y - (12 if dot.label.y > dot.y else -4)
            yield _line("stem", dot.x, dot.y, dot.x, end)
    for dot in lane.dots:
        yield _dot(dot)


def _dot(dot: Dot) -> str:
    radius = 7 if len(dot.rows) > 1 else 6 if dot.key else 4.5
    names = f"dot {dot.tone}{' key' if dot.key else ''}"
    made = f'<circle class="{names}" cx="{dot.x}" cy="{dot.y}" r="{radius}"><title>{escape(dot.title)}</title></circle>'
    if dot.label is None:
        return made
    return made + _text(f"label{' t' if dot.key else ''}", dot.label.x, dot.label.y, dot.label.text)


def _bar(bar: Bar) -> str:
    """From when to when something was off."""
    place = f'x="{bar.x}" y="{bar.y}" width="{bar.width}" height="8" rx="4"'
    made = f'<rect class="off{" still" if bar.lasts else ""}" {place}><title>{escape(bar.title)}</title></rect>'
    return made + _text("label t", bar.label.x, bar.label.y, bar.label.text)


def _tick(tick: Tick, height: float) -> str:
    """A time on the axis, or the place where a long time was left out."""
    mark = (
        f'<path class="break" d="M{tick.x - 5} {height - 21}l4 -12m3 12l4 -12"/>'
        if tick.gap
        else _line("tick", tick.x, height - 30, tick.x, height - 24)
    )
    return mark + _text("axis", tick.left, height - 10, tick.text)


def _text(name: str, x: float, y: float, words: str) -> str:
    return f'<text class="{name}" x="{x}" y="{y}">{escape(words)}</text>'


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>'
