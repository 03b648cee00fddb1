"""
The words of every ``clocks:`` line of a timeline. Pure; ``timeline`` puts them beside those of the other kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Text = Mapping[str, str]
NAMED = 3  # deadlines that one line names before it counts


def _short(clock: str) -> str:
    """A clock without its incident: the line stands in that incident's own list."""
    return clock.partition(".")[2]


def _when(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"


def _with(words: str, text: Text, name: str) -> str:
    said = text.get(name, "")
    return f"{words}: {said}" if said else words


def _taken(data: Data, text: Text) -> str:
    title = data["terms"].get("title", data["regime"])
    return f"Taken up: {title} ({data['regime']} v{data['version']}, {data['because']})"


def _recorded(data: Data, text: Text) -> str:
    return _with(f"{data['anchor'].capitalize()} at {_when(data['at'])}", text, "evidence")


def _chosen(data: Data, text: Text) -> str:
    return _with(f"{data['anchor'].capitalize()} counts from {_when(data['at'])}", text, "evidence")


def _withdrawn(data: Data, text: Text) -> str:
    return _with(f"{data['anchor'].capitalize()} at {_when(data['at'])} withdrawn", text, "evidence")


def _answered(data: Data, text: Text) -> str:
    return _with(f"{data['condition']}: {'yes' if data['holds'] else 'no'}", text, "evidence")


def loud_move(data: Data) -> bool:
    """A deadline came earlier, or is past already."""
    return any(move.get("earlier") or move.get("past") for move in data["moves"])


def _moved(data: Data, text: Text) -> str:
    loud = [m for m in data["moves"] if m.get("earlier") or m.get("past")]
    others = [m for m in data["moves"] if m not in loud and m.get("due") and not m.get("gone")]
    gone = [m for m in data["moves"] if m.get("gone")]
    parts = [_shout(move) for move in loud]
    if others:
        named = [f"{_short(m['clock'])} {'would be due' if _assumed(m) else 'due'} {_when(m['due'])}" for m in others]
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        parts.append(f"{', '.join(named[:NAMED])}{more}")
    if gone:
        parts.append(f"fell away: {', '.join(_short(m['clock']) for m in gone)}")
    waiting = len(data["moves"]) - len(loud) - len(others) - len(gone)
    if waiting:
        parts.append(f"{waiting} without a date yet")
    return f"Deadlines ({data['because']}): {'; '.join(parts)}"


def _assumed(move: Data) -> bool:
    return bool(move.get("projected") or move.get("asks"))


def _shout(move: Data) -> str:
    if move.get("earlier"):
        past = ", which is PAST" if move.get("past") else ""
        return f"EARLIER: {_short(move['clock'])} is due {_when(move['due'])}{past} instead of {_when(move['was'])}"
    return f"PAST already: {_short(move['clock'])} was due {_when(move['due'])}"


def _submitted(data: Data, text: Text) -> str:
    late = (", past our own target" if data.get("internal") else ", LATE") if data["late"] else ""
    words = _with(f"Submitted{late}: {_short(data['clock'])}", text, "receipt")
    return f"{words}. Late because: {text['late_because']}" if text.get("late_because") else words


def _decided(data: Data, text: Text) -> str:
    return _with(f"Not reportable: {_short(data['clock'])}", text, "reason")


def _stayed(data: Data, text: Text) -> str:
    until = f" until {_when(data['until'])}" if data.get("until") else ""
    return _with(f"Stayed{until}: {_short(data['clock'])}", text, "reason")


def _reopened(data: Data, text: Text) -> str:
    return _with(f"Runs again: {_short(data['clock'])}", text, "reason")


def _missed(data: Data, text: Text) -> str:
    what = "Our own target passed" if data.get("internal") else "Deadline MISSED"
    rehearsed = " (simulated)" if data.get("simulated") else ""
    told = f"; told by {', '.join(data['messages'])}" if data.get("messages") else ""
    return f"{what}{rehearsed}: {_short(data['clock'])} was due {_when(data['due'])}{told}"


# kind -> (words, lane, tone, key)
CLOCK_WORDS: dict[str, tuple[Callable[[Data, Text], str], str, str, bool]] = {
    "clocks:regime:taken": (_taken, "machine", "plain", False),
    "clocks:anchor:recorded": (_recorded, "people", "plain", True),
    "clocks:anchor:chosen": (_chosen, "people", "plain", True),
    "clocks:anchor:withdrawn": (_withdrawn, "people", "wait", False),
    "clocks:condition:answered": (_answered, "people", "plain", False),
    "clocks:duty:moved": (_moved, "machine", "wait", False),
    "clocks:duty:submitted": (_submitted, "people", "ok", True),
    "clocks:duty:decided": (_decided, "people", "plain", True),
    "clocks:duty:stayed": (_stayed, "people", "wait", False),
    "clocks:duty:reopened": (_reopened, "people", "wait", False),
    "clocks:duty:missed": (_missed, "machine", "stop", True),
}
LOUD: dict[str, Callable[[Data], bool]] = {
    "clocks:duty:moved": loud_move,
    "clocks:duty:submitted": lambda data: bool(data["late"]) and not data.get("internal"),
}
