"""
Where things stand in the picture of an incident: three lanes over time, with labels that never touch.

Pure geometry over timeline rows, in units of the drawing. Moments closer than a dot's width become one dot that says
how many it stands for; a label that finds no room is left out, because the list below the picture is the whole truth.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from incidents.clock import parse_rfc3339
from incidents.timeline import Row

WIDTH, LEFT, RIGHT = 1100, 84, 1084  # the drawing, and where its time begins and ends
ROW = 16  # one line of text
DOT = 15  # dots closer than this become one
CHAR, WIDE_CHAR = 6.9, 13.0  # generous widths at 12 units, so that other fonts fit as well
LONGEST, SHORTEST = 40, 24
LANES = {"world": "World", "machine": "Machine", "people": "People"}
SLOTS = (-1, 1, -2, 2)  # lines of labels above and below a lane, the nearest first
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


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
    label: Label | None = None

    @property
    def title(self) -> str:
        return "\n".join(f"{row.at[11:19]} {row.text}" for row in self.rows[:12])


@dataclass(slots=True)
class Lane:
    name: str
    y: float
    dots: list[Dot] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Picture:
    width: int
    height: float
    left: float
    right: float
    lanes: list[Lane]
    ticks: list[Tick]
    words: str


def draw(rows: Sequence[Row], now: datetime) -> Picture | None:
    """The picture of these rows, or None where there is nothing to draw."""
    shown = [row for row in rows if row.key or row.kind == "incident:note:added" or row.lane == "people"]
    if not shown:
        return None
    moments = [parse_rfc3339(row.at) for row in shown]
    first, last = min(moments), max(moments)
    if last - first < timedelta(seconds=10):
        # A picture of less than ten seconds would make much of nothing: show the time since, if there is any.
        last = min(max(now, last), first + timedelta(minutes=1))
        last = max(last, first + timedelta(seconds=10))
    scale = (RIGHT - LEFT - 16) / (last - first).total_seconds()

    def x(at: datetime) -> float:
        return round(LEFT + 8 + (at - first).total_seconds() * scale, 1)

    lanes, y = [], 0.0
    for lane, name in LANES.items():
        dots = _dots([row for row in shown if _lane(row) == lane], x)
        slots = SLOTS if len(dots) > 1 else SLOTS[:2]
        above = -min(slots) if dots else 0
        y += above * ROW + 18
        made = Lane(name, y, dots)
        taken: dict[int, list[tuple[float, float]]] = {}
        for dot in dots:
            dot.y = y
        for dot in sorted(dots, key=lambda d: (not d.key, d.x)):
            dot.label = _label(dot, slots, taken)
        y += max(slots) * ROW if dots else 0
        lanes.append(made)
    ticks = _ticks(first, last, x)
    words = (
        f"{len(shown)} moments in three lanes, world, machine and people, from {first:%H:%M:%S} to {last:%H:%M:%S} UTC"
    )
    return Picture(WIDTH, y + 46, LEFT, RIGHT, lanes, ticks, words)


def _lane(row: Row) -> str:
    """What people tell afterwards happened in the world."""
    return "world" if row.kind == "incident:note:added" and row.late else row.lane


def _dots(rows: Iterable[Row], x: Callable[[datetime], float]) -> list[Dot]:
    dots: list[Dot] = []
    for row in sorted(rows, key=lambda r: (r.at, r.seq)):
        at = x(parse_rfc3339(row.at))
        if dots and at - dots[-1].x < DOT:
            dot = dots[-1]
            dot.rows.append(row)
            if row.key and (not dot.key or row.tone == "stop"):
                dot.tone = row.tone
            dot.key = dot.key or row.key
        else:
            dots.append(Dot(at, 0.0, row.tone, row.key, [row]))
    return dots


def _label(dot: Dot, slots: Sequence[int], taken: dict[int, list[tuple[float, float]]]) -> Label | None:
    """The whole text where there is room for it, else a shorter one, else none."""
    text = _short(dot)
    for shown in dict.fromkeys((_cut(text, LONGEST), _cut(text, SHORTEST))):
        width = _width(shown)
        for slot in slots:
            for start in (dot.x - 5, dot.x - width + 5, dot.x - width / 2):
                left = round(min(max(start, LEFT), RIGHT - width), 1)
                right = round(left + width, 1)
                if _fits(dot, slot, left, right, taken):
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


def _short(dot: Dot) -> str:
    keys = [row for row in dot.rows if row.key] or dot.rows
    text = _brief(keys[0])
    if len(keys) > 1:
        same = len({row.kind for row in keys}) == 1 and keys[0].kind == "access:hold:placed"
        text = f"{len(keys)} holds in force" if same else f"{_brief(_most_telling(keys))} +{len(keys) - 1}"
    return f"{dot.rows[0].at[11:19]} {text}"


def _most_telling(rows: Sequence[Row]) -> Row:
    order = ("incident:life:contradicted", "incident:life:contained", "incident:life:declared", "access:hold:lifted")
    return min(rows, key=lambda r: order.index(r.kind) if r.kind in order else len(order))


def _brief(row: Row) -> str:
    match row.kind:
        case "incident:life:declared":
            return f"{row.actor} declares"
        case "incident:life:joined":
            return "declared again"
        case "incident:life:contained":
            return f"contained after {row.data.get('ms', 0):,} ms"
        case "incident:life:contradicted":
            return "containment contradicted"
        case "access:hold:lifted":
            return "hold lifted"
        case "restore:request:asked":
            return f"{row.actor} asks to restore"
        case "restore:request:approved":
            return f"{row.actor} approves"
        case "restore:request:refused":
            return f"{row.actor} refuses"
        case "restore:approval:denied":
            return "approval did not count"
    return " ".join(row.text.removeprefix("In force: ").split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _width(text: str) -> float:
    return sum(WIDE_CHAR if unicodedata.east_asian_width(c) in "WF" else CHAR for c in text)


def _ticks(first: datetime, last: datetime, x: Callable[[datetime], float]) -> list[Tick]:
    length = (last - first).total_seconds()
    step = next((s for s in STEPS if length / s <= 6), 86_400 * max(1, round(length / 86_400 / 5)))
    form = "%d %b" if step >= 86_400 else "%d %b %H:%M" if length > 86_400 else "%H:%M" if step >= 60 else "%H:%M:%S"
    ticks: list[Tick] = []
    at = datetime.fromtimestamp(-(-first.timestamp() // step) * step, UTC)
    while at <= last:
        text = f"{at:{form}}"
        half = _width(text) / 2
        place = x(at)
        left = min(max(place - half, LEFT), RIGHT - 2 * half)
        if not ticks or left > ticks[-1].right + 12:
            ticks.append(Tick(place, text, round(left, 1), round(left + 2 * half, 1)))
        at += timedelta(seconds=step)
    return ticks
