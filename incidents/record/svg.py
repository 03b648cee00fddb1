"""
The picture of an incident as SVG text that stands in a page without a style sheet's help but for its colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from incidents.picture import Dot, Lane, Picture


def svg(picture: Picture) -> str:
    """Colours come from classes (``dot key stop``); sizes are in the drawing's own units."""
    label = f"{picture.words}. The timeline below says the same."
    lines = [
        f'<svg class="lanes" viewBox="0 0 {picture.width} {picture.height}" role="img" aria-label="{escape(label)}">'
    ]
    for lane in picture.lanes:
        lines += _lane(picture, lane)
    bottom = picture.height
    for tick in picture.ticks:
        lines.append(_line("tick", tick.x, bottom - 30, tick.x, bottom - 24))
        lines.append(f'<text class="axis" x="{tick.left}" y="{bottom - 10}">{escape(tick.text)}</text>')
    return "\n".join([*lines, "</svg>"])


def _lane(picture: Picture, lane: Lane) -> Iterator[str]:
    yield f'<text class="name" x="0" y="{lane.name_y}">{escape(lane.name)}</text>'
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
    key = " t" if dot.key else ""
    return f'{made}<text class="label{key}" x="{dot.label.x}" y="{dot.label.y}">{escape(dot.label.text)}</text>'


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>'
