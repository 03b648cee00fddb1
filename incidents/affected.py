"""
Whom an incident took something from, and for how long: windows per partner and capability flag.

Pure, from one incident's own events: what stood before its holds is frozen in them, and so is what each restore gives
back. What another incident had already taken is that one's; a window ends when none of this incident's holds binds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from incidents.clock import rfc3339
from incidents.events import Event
from incidents.holds import Hold, HoldKind

OFF, REGIONS, THROTTLED = "off", "regions", "throttled"
HAD_IT = ("granted", "region-off")  # reasons that mean: it could be used, perhaps not everywhere


@dataclass(frozen=True, slots=True)
class Window:
    """
    ``what`` is off, regions (off in some) or throttled. ``until`` None: it still is, and ``ms`` counts up to now.

    ``then``: why it is denied all the same afterwards, where a restore found that something else denies it.
    """

    partner: str
    flag: str
    what: str
    since: datetime
    until: datetime | None
    ms: int
    then: str | None = None

    def wire(self) -> dict[str, Any]:
        return {
            "partner": self.partner,
            "flag": self.flag,
            "what": self.what,
            "since": rfc3339(self.since),
            "until": rfc3339(self.until) if self.until else None,
            "ms": self.ms,
            "then": self.then,
        }


@dataclass(frozen=True, slots=True)
class Affected:
    """``uncounted``: grants beyond what the evidence lists one by one."""

    windows: tuple[Window, ...]
    uncounted: int = 0

    @property
    def partners(self) -> list[str]:
        return sorted({w.partner for w in self.windows})

    @property
    def flags(self) -> list[str]:
        return sorted({w.flag for w in self.windows})

    @property
    def longest_ms(self) -> int:
        """Of what was off altogether."""
        return max((w.ms for w in self.windows if w.what == OFF), default=0)


@dataclass(frozen=True, slots=True)
class _Ladder:
    """The stages as they were frozen, and from which one each partner is admitted."""

    stages: Sequence[str]
    audience: Mapping[str, str]

    def admits(self, partner: str, stage: str | None) -> bool:
        audience = self.audience.get(partner)
        if audience not in self.stages or stage not in self.stages:
            return False
        return self.stages.index(audience) <= self.stages.index(stage)


@dataclass(slots=True)
class _Pair:
    """One partner's use of one flag. ``cap``: before anything was taken; None where no hold has lowered it."""

    partner: str
    model: str
    capability: str
    cap: dict[str, int] | None = None
    what: str = ""
    since: datetime | None = None
    then: str | None = None

    def state(self, holds: Iterable[Hold], ladder: _Ladder) -> str:
        """The strictest that these holds make of it; empty where none binds."""
        found = {self._by(hold, ladder) for hold in holds}
        return next((what for what in (OFF, REGIONS, THROTTLED) if what in found), "")

    def _by(self, hold: Hold, ladder: _Ladder) -> str:
        match hold.kind:
            case HoldKind.PARTNER:
                return OFF if hold.partner == self.partner else ""
            case HoldKind.FLAG | HoldKind.CAPABILITY:
                if not self._is_on(hold):
                    return ""
                return REGIONS if hold.regions else OFF
            case HoldKind.CAP:
                return self._by_cap(hold) if hold.partner in (None, self.partner) and self._is_on(hold) else ""
            case HoldKind.HALT:
                return OFF if hold.model == self.model else ""
            case HoldKind.STAGE | HoldKind.PROMOTION:
                return OFF if hold.model == self.model and not ladder.admits(self.partner, hold.at_most) else ""

    def _is_on(self, hold: Hold) -> bool:
        return hold.capability == self.capability and hold.model in (None, self.model)

    def _by_cap(self, hold: Hold) -> str:
        if 0 in hold.cap.values():
            return OFF
        lower = self.cap is not None and any(n < self.cap.get(per, n + 1) for per, n in hold.cap.items())
        return THROTTLED if lower else ""


class _Walk:
    """The incident's holds as they come and go, and what each pair makes of them."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], _Pair] = {}
        self.holds: dict[str, Hold] = {}
        self.spared: dict[str, Sequence[str]] = {}
        self.plans: dict[str, Mapping[str, Any]] = {}
        self.steps_done: dict[str, int] = {}
        self.windows: list[Window] = []
        self.ladder = _Ladder((), {})
        self.uncounted = 0

    def take(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "incident:evidence:frozen":
                self._freeze(data)
            case "access:hold:placed":
                hold = Hold.read(data["hold"])
                self.holds[hold.id] = hold
                self._judge(event.recorded_at)
            case "access:hold:lifted":
                self.holds.pop(data["hold"], None)
                self._given_back(data["request"])
                self._judge(event.recorded_at)
            case "access:hold:eased":
                self.spared[data["hold"]] = data["partners"]
                self._given_back(data["request"])
                self._judge(event.recorded_at)
            case "restore:request:asked":
                self.plans[data["request"]] = data["plan"]
            case "restore:step:done":
                self.steps_done[data["request"]] = int(data["step"])
                self._ran_out(data.get("ended", ()), event.recorded_at)

    def _freeze(self, evidence: Mapping[str, Any]) -> None:
        self.uncounted += int(evidence.get("left_out") or 0)
        audience = {id: entry["audience"] for id, entry in evidence["partners"].items() if entry}
        self.ladder = _Ladder(evidence.get("ladder") or (), {**self.ladder.audience, **audience})
        for row in evidence["access"]:
            key = (row["partner"], row["flag"])
            if key not in self.pairs and row["before"] in HAD_IT:
                model, _, capability = row["flag"].partition(":")
                self.pairs[key] = _Pair(row["partner"], model, capability)
            if key in self.pairs and self.pairs[key].cap is None and row.get("cap_before") != row.get("cap_after"):
                self.pairs[key].cap = row.get("cap_before") or {}

    def _given_back(self, request: str) -> None:
        """What denies it afterwards, as it was worked out for the plan (or the step of it that is carried out)."""
        plan = self.plans.get(request, {})
        steps, done = plan.get("steps") or [], self.steps_done.get(request, 0)
        for row in steps[done]["access"] if done < len(steps) else plan.get("access", ()):
            pair = self.pairs.get((row["partner"], row["flag"]))
            if pair is not None:
                pair.then = None if row["after"] in HAD_IT else row["after"]

    def _ran_out(self, ended: Iterable[Mapping[str, str]], at: datetime) -> None:
        """What this write would have given back, had its grant not ended in the meantime."""
        pairs = {(row["partner"], row["flag"]) for row in ended}
        self.windows = [
            replace(w, then="grant-expired") if w.until == at and (w.partner, w.flag) in pairs else w
            for w in self.windows
        ]

    def _judge(self, at: datetime) -> None:
        for (_, flag), pair in self.pairs.items():
            binding = (h for h in self.holds.values() if pair.partner not in self.spared.get(h.id, ()) or h.partner)
            now = pair.state(binding, self.ladder)
            if now != pair.what:
                self._close(flag, pair, at)
                pair.what, pair.since = now, at if now else None

    def _close(self, flag: str, pair: _Pair, at: datetime, *, over: bool = True) -> None:
        """One that begins and ends with the same write was never there."""
        if pair.since is not None and at > pair.since:
            then = pair.then if over else None
            length = (at - pair.since) // timedelta(milliseconds=1)
            self.windows.append(Window(pair.partner, flag, pair.what, pair.since, at if over else None, length, then))

    def finish(self, now: datetime) -> Affected:
        for (_, flag), pair in self.pairs.items():
            self._close(flag, pair, now, over=False)
        found = sorted(self.windows, key=lambda w: (w.partner, w.flag, w.since))
        return Affected(tuple(found), self.uncounted)


def affected(events: Iterable[Event], now: datetime) -> Affected:
    """
    Args:
        events: Every event of one incident, in order.
        now: Up to when a window that is still open counts.
    """
    walk = _Walk()
    for event in events:
        walk.take(event)
    return walk.finish(now)
