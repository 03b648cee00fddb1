"""
Where things stand in the picture of an incident: three lanes over time, with labels that never touch.

Pure geometry over timeline rows, in units of the drawing. Moments closer than a dot's width become one dot that says
how many it stands for; a label that finds no room is left out, because the list below the picture is the whole truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents.clock import parse_rfc3339
from incidents.scale import WIDE, Scale, Sheet, Span, Tick, width_of
from incidents.spans import plural, span, spelled
from incidents.timeline import LANES, Row, is_key, lane_of
from runbooks.render import plain

ROW = 16  # one line of text
DOT = 15  # dots closer than this become one
SLOTS = (-1, 1, -2, 2)  # lines of labels above and below a lane, the nearest first
DARK_KINDS = ("partner", "flag", "capability", "halt", "stage")
BARS = 3
TOLD = 8  # lines in a dot's tooltip
LONGEST_NOTE = 200  # characters of a note that are looked at
WRITTEN = ("incident:note:added", "incident:update:posted")  # lines whose words are Markdown

Moment = tuple[datetime, Row]


@dataclass(frozen=True, slots=True)
class Label:
    """``x`` is its left end; ``left`` and ``right`` are what it takes up."""

    text: str
    x: float
    y: float
    left: float
    right: float


@dataclass(slots=True)
class Dot:
    """One moment, or several that can't be told apart at this scale."""

    x: float
    y: float
    tone: str
    key: bool
    rows: list[Row]
    dated: bool = False
    label: Label | None = None

    def when(self, row: Row) -> str:
        """The time of day, with the date where the picture is of more than one day."""
        return f"{parse_rfc3339(row.at):%d %b %H:%M}" if self.dated else row.at[11:19]

    @property
    def title(self) -> str:
        told = [f"{self.when(row)} {_cut(_brief(row), 100)}" for row in self.rows[:TOLD]]
        rest = len(self.rows) - TOLD
        return "\n".join([*told, f"and {rest} more"] if rest > 0 else told)


@dataclass(slots=True)
class Lane:
    name: str
    name_y: float
    y: float
    dots: list[Dot] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bar:
    """From when to when something was off. ``lasts``: it still is."""

    x: float
    width: float
    y: float
    lasts: bool
    label: Label
    title: str


@dataclass(frozen=True, slots=True)
class Picture:
    width: int
    height: float
    left: float
    right: float
    lanes: list[Lane]
    bars_name: Label | None
    bars: list[Bar]
    ticks: list[Tick]
    words: str


def draw(
    rows: Sequence[Row], now: datetime, holds: Sequence[Mapping[str, Any]] = (), *, sheets: Sequence[Sheet] = (WIDE,)
) -> list[Picture]:
    """
    The picture of these rows on each sheet; none where there is nothing to draw.

    Args:
        holds: What the incident put on things, as ``exposure.Held.wire`` has it.
    """
    shown = [row for row in rows if is_key(row) or row.kind == "incident:note:added" or row.lane == "people"]
    if not shown:
        return []
    moments = sorted(((parse_rfc3339(row.at), row) for row in shown), key=lambda item: (item[0], item[1].seq))
    spans = _spans(holds)
    return [_drawn(moments, spans, now, sheet) for sheet in sheets]


def _drawn(moments: Sequence[Moment], spans: Sequence[Span], now: datetime, sheet: Sheet) -> Picture:
    scale = Scale([at for at, _ in moments], spans, now, sheet)
    lanes, y = [], 4.0
    for lane, name in LANES.items():
        made, y = _lane(name, [moment for moment in moments if lane_of(moment[1]) == lane], scale, sheet, y)
        lanes.append(made)
    bars_name, bars, y = _bars(spans, scale, sheet, y)
    words = (
        f"{plural(len(moments), 'moment')} in three lanes, world, machine and people,"
        f" from {scale.first:%H:%M:%S} to {scale.last:%H:%M:%S} UTC"
    )
    return Picture(sheet.width, round(y + 46, 1), sheet.left, sheet.right, lanes, bars_name, bars, scale.ticks(), words)


# --- lanes ----------------------------------------------------------------------------------------------------------


def _lane(name: str, moments: Sequence[Moment], scale: Scale, sheet: Sheet, y: float) -> tuple[Lane, float]:
    """The lane, and where the next one begins."""
    dots = _dots(moments, scale)
    slots = SLOTS if len(dots) > 1 else SLOTS[:2]
    above = -min(slots) if dots else 0
    name_y = y + ROW + 8
    y += above * ROW + 18 + (ROW + 8 if sheet.names_above else 0)
    made = Lane(name, name_y if sheet.names_above else y + 4, y, dots)
    taken: dict[int, list[tuple[float, float]]] = {}
    for dot in dots:
        dot.y = y
    for dot in sorted(dots, key=lambda d: (not d.key, d.x)):
        dot.label = _label(dot, slots, taken, sheet)
    return made, y + (max(slots) * ROW if dots else 0)


def _dots(moments: Iterable[Moment], scale: Scale) -> list[Dot]:
    dots: list[Dot] = []
    for moment, row in moments:
        at, key = scale.x(moment), is_key(row)
        if dots and at - dots[-1].x < DOT:
            dot = dots[-1]
            dot.rows.append(row)
            dot.key = dot.key or key
        else:
            dots.append(Dot(at, 0.0, row.tone, key, [row], scale.dated))
    for dot in dots:
        dot.tone = _most_telling(_turning(dot)).tone  # as its label says
    return dots


def _turning(dot: Dot) -> list[Row]:
    """The key moments among what it stands for; all of it where there are none."""
    return [row for row in dot.rows if is_key(row)] or dot.rows


def _label(dot: Dot, slots: Sequence[int], taken: dict[int, list[tuple[float, float]]], sheet: Sheet) -> Label | None:
    """The whole text where there is room for it, else a shorter one, else none."""
    text, more = _short(dot)
    for shown in dict.fromkeys(_cut(text, length - len(more)) + more for length in sheet.lengths):
        width = width_of(shown)
        for slot in slots:
            for start in (dot.x - 5, dot.x - width + 5, dot.x - width / 2):
                left = round(min(max(start, sheet.left), sheet.right - width), 1)
                right = round(left + width, 1)
                if left >= sheet.left and _fits(dot, slot, left, right, taken):
                    taken.setdefault(slot, []).append((left, right))
                    return Label(shown, left, dot.y + slot * ROW + (6 if slot < 0 else 8), left, right)
    return None


def _fits(dot: Dot, slot: int, left: float, right: float, taken: dict[int, list[tuple[float, float]]]) -> bool:
    reaches = left <= dot.x + 6 and right >= dot.x - 6
    free = all(right + 10 <= a or left >= b + 10 for a, b in taken.get(slot, ()))
    return reaches and free and (abs(slot) == 1 or _clear(dot, slot, taken))


def _clear(dot: Dot, slot: int, taken: dict[int, list[tuple[float, float]]]) -> bool:
    """A label two lines away has a thin line to its dot; nothing may stand across it."""
    near = -1 if slot < 0 else 1
    return all(not a - 3 <= dot.x <= b + 3 for a, b in taken.get(near, ()))


# --- what was off ---------------------------------------------------------------------------------------------------


def _spans(holds: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Holds that take something away, those of the same time as one; the longest first if there are too many."""
    found: dict[tuple[str, str | None], list[str]] = {}
    for hold in holds:
        if hold["kind"] in DARK_KINDS:
            found.setdefault((hold["from"], hold["to"]), []).append(hold["words"])
    spans = [
        (words[0] if len(words) == 1 else f"{len(words)} things off", parse_rfc3339(start), _end(end))
        for (start, end), words in found.items()
    ]
    if len(spans) <= BARS:
        return spans
    ends = [end for *_, end in spans]
    last = None if None in ends else max(end for end in ends if end is not None)
    return [(f"{sum(map(len, found.values()))} things off", min(start for _, start, _ in spans), last)]


def _end(text: str | None) -> datetime | None:
    return parse_rfc3339(text) if text else None


def _bars(spans: Sequence[Span], scale: Scale, sheet: Sheet, y: float) -> tuple[Label | None, list[Bar], float]:
    if not spans:
        return None, [], y
    y += 20
    name = Label("Dark", 0 if not sheet.names_above else sheet.left, y + ROW, 0, width_of("Dark"))
    y += ROW + 6 if sheet.names_above else 0
    bars = []
    for words, start, end in spans:
        left, right = scale.x(start), scale.x(end or scale.last)
        lasted = "still" if end is None else f"for {span((end - start).total_seconds())}"
        long = f"{start:{'%d %b %H:%M' if scale.dated else '%H:%M:%S'}} {words}, {lasted}"
        room = sheet.right - sheet.left
        text = next(cut for n in (len(long), *sheet.lengths) if width_of(cut := _cut(long, n)) <= room)
        at = round(min(left, sheet.right - width_of(text)), 1)
        label = Label(text, at, y + ROW - 4, at, round(at + width_of(text), 1))
        bars.append(Bar(left, max(6.0, round(right - left, 1)), y + ROW + 2, end is None, label, long))
        y += ROW + 16
    return name, bars, y


# --- words ----------------------------------------------------------------------------------------------------------


def _short(dot: Dot) -> tuple[str, str]:
    """When, and the most telling of what it stands for; and how many more there are, which is never cut off."""
    keys = _turning(dot)
    if len(keys) > 1 and {row.kind for row in keys} == {"access:hold:placed"}:
        return f"{dot.when(keys[0])} {len(keys)} holds in force", ""
    told = _most_telling(keys)
    return f"{dot.when(told)} {_brief(told)}", f" +{len(keys) - 1}" if len(keys) > 1 else ""


_RANK = {
    "incident:life:contradicted": 0,
    "incident:life:contained": 1,
    "incident:life:declared": 2,
    "access:hold:lifted": 3,
}


def _most_telling(rows: Sequence[Row]) -> Row:
    return min(rows, key=lambda row: _RANK.get(row.kind, 5) - row.pinned)


def _brief(row: Row) -> str:
    match row.kind:
        case "incident:life:declared":
            return f"{row.actor} declares"
        case "incident:life:joined":
            return "declared again"
        case "incident:life:contained":
            return f"contained after {spelled(row.data['ms'])}" if "ms" in row.data else "contained"
        case "incident:life:contradicted":
            return "containment contradicted"
        case "access:hold:lifted":
            return "hold lifted"
        case "access:hold:eased":
            return f"eased for {', '.join(row.data['partners'])}" if row.data["partners"] else "hold tightened again"
        case "restore:step:done":
            return f"step {row.data['step']} of {row.data['of']} done"
        case "restore:request:stopped":
            return f"restore stopped by {row.actor}" if row.actor != "system" else "restore halted by itself"
        case "restore:glass:broken":
            return f"break-glass restore {row.data['moment']}"
        case "restore:request:asked":
            return f"{row.actor} asks to restore"
        case "restore:request:approved":
            return f"{row.actor} approves"
        case "restore:request:refused":
            return f"{row.actor} refuses"
        case "restore:approval:denied":
            return "approval did not count"
        case "clocks:anchor:recorded" | "clocks:anchor:chosen":
            return str(row.data["anchor"])
        case "clocks:duty:moved" if row.key:
            return "deadline past" if "PAST" in row.text else "deadline earlier"
    if row.restricted and not row.text:
        return "a note for members"
    if row.kind in WRITTEN:
        return plain(row.text[:LONGEST_NOTE])
    return " ".join(row.text.removeprefix("In force: ").split())


def _cut(text: str, longest: int) -> str:
    """Whole words of it, unless one word is longer than all of the room."""
    if len(text) <= longest:
        return text
    kept = text[: longest - 1]
    words = kept.rpartition(" ")[0]
    return (words if len(words) > longest / 2 else kept).rstrip(" ,;:.") + "…"
