"""
How a drill went, in figures: from its own events, and from nothing else.

Pure. Reads ``data`` alone, so that a redaction changes no figure. Durations are whole milliseconds; what did not happen
is None, never 0. A point's time counts from the order, as its gateway confirmed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339
from incidents.drill_calls import Called, calls
from incidents.drill_clocks import ClockList, clock_list
from incidents.drill_runs import Mode
from incidents.events import Event
from incidents.holds import LIVE, SHADOW, Hold
from incidents.life import COMMANDER

Json = dict[str, Any]
TABLES = {Mode.SHADOW: SHADOW, Mode.LIVE: LIVE}


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the waterfall, from the start of the drill; ``end_ms`` None: it never came. ``due_ms``: its limit."""

    lane: str  # people, machine, step, point
    name: str
    start_ms: int
    end_ms: int | None
    state: str
    due_ms: int | None = None

    def wire(self) -> Json:
        return {
            "lane": self.lane,
            "name": self.name,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "state": self.state,
            "due_ms": self.due_ms,
        }


@dataclass(slots=True)
class Score:
    """``wrong``: what was bound that was not announced, or in a table where this drill has no business."""

    drill: str
    playbook: str
    mode: str
    started_at: datetime
    target_ms: int | None = None
    people_ms: dict[str, int] = field(default_factory=dict)  # targets, of "acknowledge" and "clocks"
    acknowledge_ms: int | None = None
    command_ms: int | None = None
    order_ms: int | None = None
    first_confirm_ms: int | None = None
    last_confirm_ms: int | None = None
    contain_ms: int | None = None
    end_ms: int | None = None
    restore_ms: int | None = None
    confirmed: int = 0
    points: int = 0
    holds: int = 0
    wrong: list[str] = field(default_factory=list)
    steps: int = 0
    steps_done: int = 0
    steps_late: int = 0
    steps_skipped: int = 0
    unfilled: list[str] = field(default_factory=list)
    called: list[Called] = field(default_factory=list)
    clocks: ClockList | None = None  # None: the playbook says nothing about its clocks
    how: str = ""
    equal: bool | None = None
    explained: bool = True
    bars: list[Bar] = field(default_factory=list)

    @property
    def verified(self) -> float | None:
        """The share of effects (each hold at each point) that were seen to have arrived; None where none was due."""
        return round(self.confirmed / self.points, 4) if self.holds and self.points else None

    @property
    def clocks_ms(self) -> int | None:
        """Until the list of clocks was right for the first time."""
        at = self.clocks.right_at if self.clocks is not None else None
        return _since(self, at) if at is not None else None

    def target_of(self, measure: str) -> int | None:
        """Milliseconds that the playbook wants for ``acknowledge``, ``clocks`` or ``last_confirm``."""
        return self.target_ms if measure == "last_confirm" else self.people_ms.get(measure)

    @property
    def met(self) -> bool | None:
        """Within the playbook's target at every point; None without a target, or where nothing was to be contained."""
        if self.target_ms is None or not self.holds:
            return None
        if self.confirmed < self.points or self.wrong:
            return False
        return (self.last_confirm_ms or 0) <= self.target_ms

    def wire(self) -> Json:
        names = (
            "target",
            "acknowledge",
            "command",
            "clocks",
            "order",
            "first_confirm",
            "last_confirm",
            "contain",
            "end",
            "restore",
        )
        return {
            **{f"{name}_ms": getattr(self, f"{name}_ms") for name in names},
            "confirmed": self.confirmed,
            "points": self.points,
            "holds": self.holds,
            "verified": self.verified,
            "met": self.met,
            "wrong_targets": len(self.wrong),
            "wrong": self.wrong,
            "steps": self.steps,
            "steps_done": self.steps_done,
            "steps_late": self.steps_late,
            "steps_skipped": self.steps_skipped,
            "roles_unfilled": self.unfilled,
            "called": len(self.called),
            "not_reached": [{"who": c.who, "because": c.because} for c in self.called if _unreached(c)],
            "silent": [c.person for c in self.called if c.arrives and c.answered_at is None],
            "clocks": self.clocks.wire() if self.clocks is not None else None,
            "equal": self.equal,
            "explained": self.explained,
        }


def score(events: Sequence[Event]) -> Score | None:
    """The figures of one drill from all its events; None where they are no drill's run."""
    started = next((e for e in events if e.kind == ev.DrillStarted.kind), None)
    if started is None:
        return None
    declared = events[0].data
    made = Score(
        drill=started.data["drill"],
        playbook=declared["playbook"],
        mode=started.data["mode"],
        started_at=started.at,
        target_ms=_whole(started.data.get("target_s")),
        people_ms={name: seconds * 1000 for name, seconds in (started.data.get("people_s") or {}).items()},
    )
    _people(made, events, started)
    _machine(made, events, started)
    _steps(made, events)
    _end(made, events)
    return made


def _whole(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000


def _since(made: Score, at: datetime) -> int:
    return max(0, round((at - made.started_at) / timedelta(milliseconds=1)))


def _first(events: Iterable[Event], *kinds: str, **data: object) -> Event | None:
    wanted = data.items()
    return next((e for e in events if e.kind in kinds and all(e.data.get(k) == v for k, v in wanted)), None)


# --- people ---------------------------------------------------------------------------------------------------------


def _unreached(one: Called) -> bool:
    return not one.arrives and one.answered_at is None


def _people(made: Score, events: Sequence[Event], started: Event) -> None:
    over = _first(events, ev.DrillEnded.kind) is not None
    command = _first(events, ev.RoleTaken.kind, role=COMMANDER)
    seen = [e for e in (_first(events, ev.IncidentAcknowledged.kind), command) if e is not None]
    acknowledged = min(seen, key=lambda e: e.seq, default=None)
    for name, event in (("acknowledge", acknowledged), ("command", command)):
        ms = _since(made, event.at) if event is not None else None
        setattr(made, f"{name}_ms", ms)
        words = "Acknowledged" if name == "acknowledge" else "Command taken"
        made.bars.append(Bar("people", words, 0, ms, _state(ms, over), made.people_ms.get(name)))
    duties = _first(events, ev.DutiesOwed.kind)
    filled = {e.data["role"] for e in events if e.kind == ev.RoleTaken.kind}
    made.unfilled = [role for role in (duties.data["roles"] if duties else []) if role not in filled]
    made.called = calls(events)
    if (wanted := started.data.get("clocks")) is not None:
        made.clocks = clock_list(events, wanted, started.data.get("facts") or [])
        made.bars.append(
            Bar(
                "people",
                "Clock list right",
                0,
                made.clocks_ms,
                _state(made.clocks_ms, over),
                made.people_ms.get("clocks"),
            )
        )


def _state(ms: int | None, over: bool) -> str:
    if ms is not None:
        return "done"
    return "never" if over else "open"


# --- holds and points -----------------------------------------------------------------------------------------------


def _machine(made: Score, events: Sequence[Event], started: Event) -> None:
    placed = [e for e in events if e.kind == ev.HoldPlaced.kind]
    made.holds = len(placed)
    announced, own = set(started.data["targets"]), TABLES.get(Mode(made.mode))
    waited = {e.data["number"]: f"waiting: {e.data['words']}" for e in events if e.data.get("state") == "waiting"}
    for event in placed:
        hold = Hold.read(event.data["hold"])
        if hold.table != own or not {hold.target, waited.get(hold.action)} & announced:
            made.wrong.append(f"{hold.words()} ({hold.table})")
    if placed:
        made.order_ms = _since(made, placed[0].at)
        made.bars.append(Bar("machine", "Ordered", 0, made.order_ms, "done"))
    contained, ended = _first(events, ev.IncidentContained.kind), _first(events, ev.DrillEnded.kind)
    if contained is not None:
        made.contain_ms = _since(made, contained.at)
        rows = contained.data["points"]
    else:
        rows = (ended.data.get("points") if ended is not None else None) or []
    _points(made, rows)


def _points(made: Score, rows: Sequence[Json]) -> None:
    ordered = made.order_ms or 0
    times = sorted(row["ms"] for row in rows if row["state"] == "confirmed" and row.get("ms") is not None)
    made.points, made.confirmed = len(rows), len([r for r in rows if r["state"] == "confirmed"])
    made.first_confirm_ms, made.last_confirm_ms = (times[0], times[-1]) if times else (None, None)
    limit = None if made.target_ms is None else ordered + made.target_ms
    for row in sorted(rows, key=lambda r: (r.get("ms") is None, r.get("ms") or 0, r["name"])):
        confirmed = row["state"] == "confirmed" and row.get("ms") is not None
        end = ordered + row["ms"] if confirmed else None
        made.bars.append(Bar("point", row["name"], ordered, end, row["state"], limit))


# --- steps ----------------------------------------------------------------------------------------------------------


def _steps(made: Score, events: Sequence[Event]) -> None:
    """Steps of the playbook and tasks that were added; follow-ups are not of the drill but after it."""
    tasks: dict[int, Json] = {}
    for event in events:
        match event.kind:
            case ev.DutiesOwed.kind:
                tasks |= {row["number"]: {**row, "state": "open"} for row in event.data["tasks"]}
            case ev.TaskAdded.kind if not event.data["follow_up"]:
                tasks[event.data["number"]] = {"title": f"Task {event.data['number']}", **event.data, "state": "open"}
            case ev.TaskChanged.kind if event.data["number"] in tasks:
                tasks[event.data["number"]] |= {k: v for k, v in event.data.items() if k == "due_at"}
            case ev.TaskSettled.kind if event.data["number"] in tasks:
                tasks[event.data["number"]] |= {"state": event.data["state"], "at": event.at}
    over = _first(events, ev.DrillEnded.kind) is not None
    for number in sorted(tasks):
        _step(made, tasks[number], over)


def _step(made: Score, task: Json, over: bool) -> None:
    due = parse_rfc3339(task["due_at"]) if task.get("due_at") else None
    done = task["state"] == "done"
    late = done and due is not None and task["at"] > due
    made.steps += 1
    made.steps_done += done
    made.steps_late += late
    skipped = not done and (over or task["state"] == "skipped")
    made.steps_skipped += skipped
    state = "late" if late else "done" if done else "skipped" if skipped else "open"
    end = _since(made, task["at"]) if done else None
    limit = -(-_since(made, due) // 1000) * 1000 if due else None  # it was decided a moment before it was written
    made.bars.append(Bar("step", task["title"], 0, end, state, limit))


# --- the end --------------------------------------------------------------------------------------------------------


def _end(made: Score, events: Sequence[Event]) -> None:
    ended, restored = _first(events, ev.DrillEnded.kind), _first(events, ev.DrillRestored.kind)
    if ended is None:
        return
    made.how, made.equal, made.end_ms = ended.data["how"], ended.data["equal"], _since(made, ended.at)
    made.explained = made.equal or bool(ended.data["meanwhile"])
    if not made.explained:
        made.wrong.append("the live table differs from before, and nothing else has changed it")
    if ended.data["left"]:
        made.wrong.append(f"still held: {', '.join(ended.data['left'])}")
    made.bars.append(Bar("machine", "Ended, holds lifted", 0, made.end_ms, "done"))
    if made.holds:
        made.restore_ms = restored.data["ms"] if restored is not None else None
        end = made.end_ms + made.restore_ms if made.restore_ms is not None else None
        made.bars.append(Bar("machine", "Restored at every point", made.end_ms, end, "done" if restored else "never"))


# --- beside others --------------------------------------------------------------------------------------------------


def better(one: Score, other: Score) -> bool:
    """Whether one run beats another of the same kind: proven at more of the points, then sooner."""
    return _rank(one) < _rank(other)


def _rank(made: Score) -> tuple[int, float, int]:
    share = made.verified if made.verified is not None else 0.0
    return len(made.wrong), -share, made.last_confirm_ms if made.last_confirm_ms is not None else 2**53
