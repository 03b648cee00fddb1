"""
Who holds which copy, and what that proves: acknowledgements, instances and containment.

Everything is judged on the boot clock that is handed in. Holds telemetry only; the fact that matters is written to
the log by whoever calls ``tick``. After a restart it knows less than before, and so says "pending" for longer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from incidents.clock import rfc3339
from incidents.enforcement.grants import bound, longest_hold
from incidents.holds import LIVE, SHADOW, Hold, HoldKind
from incidents.ledger import Instance, PointUse
from incidents.state import Incident, Point, State

FLAGD_SLACK = 6.0  # seconds: assumed error of a flagd client's wall clock (5) and its rounding (1)
DOUBT_SECONDS = 60.0
KNOWN_WITHOUT_NAME = "-"  # the instance of a point that names none
RETURN = "/end"  # after a drill's id: its gateways on the way back from it
UNKNOWN = "not written down"  # stands for instances that a restored ledger does not know of


class PointState(StrEnum):
    """What is known of a point. The contract's ``serving`` is what a probe finds, and nothing probes gateways yet."""

    CONFIRMED = "confirmed"
    PENDING = "pending"
    LAPSED = "lapsed"
    REFUSED = "refused"


@dataclass(slots=True)
class Copy:
    """One instance of a point: what it has acknowledged, and until when it may use what it was granted."""

    point: str
    instance: str
    holds_until: float
    live: int = 0  # highest revision acknowledged
    shadow: int = 0  # likewise, where it says that it applies shadow holds
    seen_boot: float = 0.0
    seen_at: datetime | None = None
    written: bool = False
    granted: bool = False
    refused: str | None = None

    def acknowledged(self, table: str) -> int:
        return self.live if table == LIVE else self.shadow


@dataclass(slots=True)
class Track:
    """One incident on its way to contained."""

    incident: str
    revision: int
    table: str
    ordered_at: datetime
    seen_boot: float
    bound_boot: float
    contained_by: datetime
    points: dict[str, bool]  # name -> was still registered at the commit
    may_serve: bool  # touches a flag that goes on when silent: lapsing proves nothing
    silent_below: float  # copies below this revision may go on when silent: an end of their lease proves nothing
    confirmed: dict[str, int] = field(default_factory=dict)  # name -> ms from the order
    look_again: float = float("-inf")  # boot clock from which unconfirmed points are judged anew


@dataclass(frozen=True, slots=True)
class PointView:
    """One point's state with its evidence, for one incident."""

    name: str
    state: PointState
    revision: int
    ms: int | None
    instances: int
    because: str
    at: str | None = None

    def data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "state": self.state.value,
            "revision": self.revision,
            "ms": self.ms,
            "instances": self.instances,
            "because": self.because,
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class Doubt:
    """A point said that it holds only ``revision``, although it had acknowledged more."""

    point: str
    revision: int
    because: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A containment that is ready to be written down."""

    incident: str
    revision: int
    ms: int
    points: list[PointView]
    ask_live: list[str]

    @property
    def confirmed(self) -> list[PointView]:
        return [p for p in self.points if p.state is PointState.CONFIRMED]

    @property
    def slowest(self) -> PointView | None:
        return max(self.confirmed, key=lambda p: p.ms or 0, default=None)


class Points:
    """The register of copies. Every public method may be called from any thread and returns quickly."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._copies: dict[str, dict[str, Copy]] = {}
        self._uses: dict[str, PointUse] = {}
        self._tracks: dict[str, Track] = {}
        self._open_for: dict[str, set[str]] = {}  # point -> incidents that still wait for it
        self._changed_uses: set[str] = set()
        self._doubts: list[Doubt] = []
        self._doubted: dict[str, float] = {}
        self.acknowledgements = 0  # rises with each confirmation; tells pages that there is something new to show

    # --- what was known before this process started ---

    def load(
        self,
        instances: Iterable[Instance],
        uses: Iterable[PointUse],
        *,
        boot: float,
        lease: float,
        unknown_at: Iterable[str] = (),
    ) -> None:
        """
        Any instance that was ever written down may still hold a lease: count it until the bound.

        Args:
            unknown_at: Points that may have more instances than are written down: they came after the backup that
                this ledger was restored from, and hold leases that the lost ledger gave.
        """
        rows = list(instances)
        with self._lock:
            for row in rows:
                copy = Copy(row.point, row.instance, holds_until=boot + bound(lease), written=True, granted=True)
                copy.seen_at = row.last_at
                self._copies.setdefault(row.point, {})[row.instance] = copy
            for point in unknown_at:
                self._copies.setdefault(point, {})[UNKNOWN] = Copy(point, UNKNOWN, holds_until=boot + bound(lease))
            self._uses = {use.point: use for use in uses}
            for row in rows:  # a use may not have been flushed yet; an instance always is
                old = self._uses.get(row.point) or PointUse(row.point, False, False, False, row.last_at)
                self._uses[row.point] = replace(old, copies=True)

    # --- what points do ---

    def used(self, point: str, *, at: datetime, copies: bool = False, flagd: bool = False, asks: bool = False) -> bool:
        """Remember how a point's token was used; once a copy holder, always one. True: for the first time so."""
        with self._lock:
            old = self._uses.get(point)
            new = old is None or (copies and not old.copies) or (flagd and not old.flagd) or (asks and not old.asks)
            if new:
                self._changed_uses.add(point)
            elif old is not None and at - old.last_at < timedelta(seconds=5):
                return False
            self._uses[point] = PointUse(
                point,
                copies=copies or (old is not None and old.copies),
                flagd=flagd or (old is not None and old.flagd),
                asks=asks or (old is not None and old.asks),
                last_at=at,
            )
            return new

    def copy_of(self, point: str, instance: str) -> Copy | None:
        return self._copies.get(point, {}).get(instance)

    def acknowledge(
        self,
        point: str,
        instance: str,
        revision: int,
        *,
        applies: Iterable[str],
        boot: float,
        at: datetime,
        refused: str | None = None,
    ) -> Copy:
        """Take down what an instance says it has applied. ``revision`` was checked to be of our ledger and head."""
        with self._lock:
            copies = self._copies.setdefault(point, {})
            copy = copies.get(instance)
            if copy is None:
                copy = copies[instance] = Copy(point, instance, holds_until=float("-inf"))
            copy.seen_boot, copy.seen_at, copy.refused = boot, at, refused
            if refused is None:
                copy.live = max(copy.live, revision)
                if SHADOW in applies:
                    copy.shadow = max(copy.shadow, revision)
            elif revision < copy.live:
                self._take_back(copy, revision, boot, refused)
            if self._open_for.get(point):
                self._judge_point(point, boot)
            return copy

    def _take_back(self, copy: Copy, revision: int, boot: float, why: str) -> None:
        """It says that it holds less than it had acknowledged: believe it, and doubt what that had proven."""
        copy.live, copy.shadow = min(copy.live, revision), min(copy.shadow, revision)
        if boot - self._doubted.get(copy.point, float("-inf")) >= DOUBT_SECONDS:
            self._doubted[copy.point] = boot
            self._doubts.append(Doubt(copy.point, revision, why))

    def doubt_again(self, doubts: Iterable[Doubt]) -> None:
        """Put back what could not be written down."""
        with self._lock:
            self._doubts.extend(doubts)

    def take_doubts(self) -> list[Doubt]:
        """Contradictions since the last call, at most one a minute for each point."""
        with self._lock:
            doubts, self._doubts = self._doubts, []
            return doubts

    def grant(self, copy: Copy, lease_seconds: float, boot: float) -> None:
        """A lease was given at ``boot``; the point may use it for as long as its clock may say so."""
        with self._lock:
            copy.holds_until = max(copy.holds_until, boot + longest_hold(lease_seconds))
            copy.granted = copy.written = True

    # --- incidents ---

    def order(self, state: State, incident: Incident, *, boot: float, now: datetime) -> None:
        """Start to watch an incident whose newest hold was just seen in the log (or was found at the start)."""
        if not incident.waits_for_proof:
            return
        holds = [Hold.read(h) for h in incident.placed.values()]
        with self._lock:
            self._follow(self._track(state, incident, holds, boot, now), boot)

    def follow_return(self, state: State, incident: Incident, *, boot: float, now: datetime) -> None:
        """Watch who confirms the table without a drill's holds. Giving back, so a point that lapses proves enough."""
        holds = [Hold.read(h) for h in incident.placed.values()]
        with self._lock:
            track = self._track(state, incident, holds, boot, now)
            revision = state.revision
            self._follow(
                replace(
                    track,
                    incident=f"{incident.id}{RETURN}",
                    revision=revision,
                    ordered_at=now,
                    points=self._concerned(state.points.values(), revision, boot),
                    may_serve=False,
                    silent_below=0,
                ),
                boot,
            )

    def _follow(self, track: Track, boot: float) -> None:
        self._tracks[track.incident] = track
        for waiting in self._open_for.values():
            waiting.discard(track.incident)
        for name in track.points:
            self._open_for.setdefault(name, set()).add(track.incident)
        for name in track.points:
            self._judge(track, name, boot)

    def _track(self, state: State, incident: Incident, holds: list[Hold], boot: float, now: datetime) -> Track:
        ordered_at = incident.ordered_at or now
        wait = self._wait(state, ordered_at)
        return Track(
            incident=incident.id,
            revision=incident.revision,
            table=holds[0].table,
            ordered_at=ordered_at,
            seen_boot=boot,
            bound_boot=boot + wait,
            contained_by=now + timedelta(seconds=wait),
            points=self._concerned(state.points.values(), incident.revision, boot),
            may_serve=touches_silence(state, holds),
            silent_below=silent_below(state, holds),
        )

    def _wait(self, state: State, ordered_at: datetime) -> float:
        """Seconds from the order after which no older copy can be in use, whatever lease length was in force."""
        slack = FLAGD_SLACK if any(use.flagd for use in self._uses.values()) else 0.0
        return bound(state.longest_lease(ordered_at - timedelta(seconds=600))) + slack

    def _concerned(self, points: Iterable[Point], revision: int, boot: float) -> dict[str, bool]:
        """Points registered at the commit, and those gone before it whose copies may still be in use."""
        found = {}
        for point in points:
            if point.seq > revision or self._asks_live(point.name):
                continue
            if point.gone_seq is None or point.gone_seq > revision:
                found[point.name] = True
            elif any(c.holds_until > boot for c in self._copies.get(point.name, {}).values()):
                found[point.name] = False
        return found

    def _asks_live(self, name: str) -> bool:
        use = self._uses.get(name)
        if UNKNOWN in self._copies.get(name, ()):
            return False  # after the backup it may have taken a copy
        return use is not None and use.asks and not use.copies and not use.flagd

    def _judge_point(self, name: str, boot: float) -> None:
        for incident in list(self._open_for.get(name, ())):
            self._judge(self._tracks[incident], name, boot)

    def _look(self, track: Track, boot: float) -> None:
        """Judge who has not confirmed. Acknowledgements are judged when they come; else only leases that end count."""
        soonest = track.bound_boot if boot < track.bound_boot else float("inf")
        for name in track.points:
            if name in track.confirmed:
                continue
            self._judge(track, name, boot)
            ends = (c.holds_until for c in self._copies.get(name, {}).values() if c.holds_until > boot)
            soonest = min(soonest, min(ends, default=soonest))
        track.look_again = soonest

    def _judge(self, track: Track, name: str, boot: float) -> None:
        if self._has_confirmed(track, name, boot):
            track.confirmed[name] = max(0, round((boot - track.seen_boot) * 1000))
            self._open_for[name].discard(track.incident)
            self.acknowledgements += 1

    def _has_confirmed(self, track: Track, name: str, boot: float) -> bool:
        """At least one instance has the revision, and none that may still answer is without it."""
        copies = self._copies.get(name, {}).values()
        use = self._uses.get(name)
        if use is not None and use.flagd:
            return False
        if any(self._may_be_several(track, c, boot) for c in copies):
            return False
        return any(c.acknowledged(track.table) >= track.revision for c in copies) and not any(
            c.acknowledged(track.table) < track.revision and (c.holds_until > boot or self._goes_on(track, c))
            for c in copies
        )

    @staticmethod
    def _may_be_several(track: Track, copy: Copy, boot: float) -> bool:
        """Processes that name no instance look like one: the word of one proves nothing while another holds a lease."""
        leased = copy.granted and copy.holds_until > boot
        return copy.instance == KNOWN_WITHOUT_NAME and leased and (boot < track.bound_boot or track.may_serve)

    @staticmethod
    def _goes_on(track: Track, copy: Copy) -> bool:
        """It once held a lease and may still answer from that copy without one, for as long as it hears nothing."""
        return copy.granted and copy.live < min(track.silent_below, track.revision)

    def tick(self, state_points: Mapping[str, Point], boot: float) -> list[Finished]:
        """Judge everything again as of now; returns incidents that have become contained and are not written yet."""
        finished = []
        with self._lock:
            for track in self._tracks.values():
                if boot >= track.look_again:
                    self._look(track, boot)
                views = None
                if len(track.confirmed) == len(track.points) or boot >= track.bound_boot:
                    views = [self._view(track, name, state_points.get(name), boot) for name in track.points]
                if views is not None and all(v.state in (PointState.CONFIRMED, PointState.LAPSED) for v in views):
                    ms = max(0, round((boot - track.seen_boot) * 1000))
                    if len(track.confirmed) == len(track.points):
                        ms = max(track.confirmed.values(), default=0)
                    finished.append(Finished(track.incident, track.revision, ms, views, self._ask_live_names()))
        return finished

    def settle(self, incident: str, revision: int) -> None:
        """The containment was written down (by whomever): nothing is waited for any more."""
        with self._lock:
            track = self._tracks.get(incident)
            if track is not None and track.revision <= revision:
                del self._tracks[incident]
                for waiting in self._open_for.values():
                    waiting.discard(incident)

    def complete(self) -> bool:
        """True if some incident has all its confirmations and waits to be written down."""
        return any(len(t.confirmed) == len(t.points) for t in list(self._tracks.values()))

    def _ask_live_names(self) -> list[str]:
        return sorted(name for name in self._uses if self._asks_live(name))

    def _view(self, track: Track, name: str, point: Point | None, boot: float) -> PointView:
        copies = list(self._copies.get(name, {}).values())
        newest = max((c.acknowledged(track.table) for c in copies), default=0)
        made = _Maker(name, newest, len([c for c in copies if c.holds_until > boot]))
        if name in track.confirmed:
            ms = track.confirmed[name]
            at = rfc3339(track.ordered_at + timedelta(milliseconds=ms))
            return made(PointState.CONFIRMED, ms, f"acknowledged revision {track.revision} after {ms} ms", at)
        refused = next((c.refused for c in copies if c.refused), None)
        if boot >= track.bound_boot:
            gone = point is None or point.retired
            if not gone and (track.may_serve or any(self._goes_on(track, c) for c in copies)):
                return made(PointState.PENDING, None, "may still serve: a flag here goes on when Andon is silent")
            at = rfc3339(track.contained_by)
            if track.table == SHADOW and any(c.holds_until > boot for c in copies):
                return made(PointState.LAPSED, None, "not confirmed: it does not apply drills; it serves as usual", at)
            return made(PointState.LAPSED, None, "not confirmed; its lease has run out, so it denies", at)
        if refused is not None:
            return made(PointState.REFUSED, None, f"says that it can't apply the change: {refused}")
        if not copies:
            return made(PointState.PENDING, None, "has not connected; lapses by the bound")
        return made(PointState.PENDING, None, "has not acknowledged yet; may still hold a lease")

    # --- what people see ---

    def containment(self, state: State, incident: Incident, boot: float) -> dict[str, Any]:
        """The contract's containment answer for an incident that is watched here or was written down before."""
        outside = [a for a in incident.actions.values() if a.state in ("outside", "outside-done")]
        base: dict[str, Any] = {
            "state": "pending",
            "revision": incident.revision,
            "ordered_at": rfc3339(incident.ordered_at or incident.declared_at),
            "outside": {"done": len([a for a in outside if a.state == "outside-done"]), "total": len(outside)},
        }
        if incident.contained is not None:
            return base | _written(incident)
        with self._lock:
            track = self._tracks.get(incident.id)
            if track is None or track.revision != incident.revision:
                return base | self._not_watched(state, incident, boot)
            views = [self._view(track, name, state.points.get(name), boot) for name in track.points]
            return base | {
                "contained_by": rfc3339(track.contained_by),
                "points": [v.data() for v in views],
                "confirmed": len(track.confirmed),
                "total": len(track.points),
                "ask_live": self._ask_live_names(),
                "may_serve": track.may_serve,
            }

    def _not_watched(self, state: State, incident: Incident, boot: float) -> dict[str, Any]:
        """Seen by a process that serves no points (the command line beside the ledger), or it has placed no hold."""
        ordered_at = incident.ordered_at or incident.declared_at
        names = list(self._concerned(state.points.values(), incident.revision, boot)) if incident.holds else []
        waits = any(action.state == "waiting" for action in incident.actions.values())
        because = "not known here: ask the running service"
        points = [PointView(n, PointState.PENDING, 0, None, 0, because).data() for n in names]
        return {
            "state": "pending" if names or (waits and not incident.holds) else "contained",
            "contained_by": rfc3339(ordered_at + timedelta(seconds=self._wait(state, ordered_at))),
            "points": points,
            "confirmed": 0,
            "total": len(names),
            "ask_live": self._ask_live_names(),
            "may_serve": False,
        }

    def fresh(
        self, state: State, holds: list[Hold], revision: int, ordered_at: datetime, boot: float
    ) -> dict[str, Any]:
        """What the containment is at the moment of the order, before anybody can have answered."""
        with self._lock:
            wait = self._wait(state, ordered_at)
            names = self._concerned(state.points.values(), max(revision, state.seq), boot) if holds else {}
            pending = PointView("", PointState.PENDING, 0, None, 0, "ordered this moment").data()
            return {
                "state": "pending" if names else "contained",
                "revision": revision,
                "ordered_at": rfc3339(ordered_at),
                "contained_by": rfc3339(ordered_at + timedelta(seconds=wait)),
                "points": [pending | {"name": name} for name in names],
                "confirmed": 0,
                "total": len(names),
                "ask_live": self._ask_live_names(),
                "may_serve": touches_silence(state, holds),
                "outside": {"done": 0, "total": 0},
            }

    def overview(self, state: State, boot: float) -> list[dict[str, Any]]:
        """Every registered point: revision, lag, lease, instances, last seen."""
        with self._lock:
            return [self._row(state, point, boot) for point in sorted(state.points.values(), key=lambda p: p.name)]

    def _row(self, state: State, point: Point, boot: float) -> dict[str, Any]:
        copies = list(self._copies.get(point.name, {}).values())
        alive = [c for c in copies if c.holds_until > boot]
        use = self._uses.get(point.name)
        seen = [at for at in (*(c.seen_at for c in copies), use.last_at if use else None) if at]
        newest = min((c.live for c in alive), default=max((c.live for c in copies), default=0))
        return {
            "name": point.name,
            "standing": _standing(point, use, alive, self._asks_live(point.name)),
            "revision": newest,
            "behind": max(0, state.revision - newest) if newest else None,
            "lease_left_s": round(max((c.holds_until - boot for c in alive), default=0.0), 1),
            "instances": len(alive),
            "last_seen": rfc3339(max(seen)) if seen else None,
            "registered_at": rfc3339(point.registered_at),
            "applies_shadow": bool(alive) and all(c.shadow for c in alive),
            "ask_live": self._asks_live(point.name),
        }

    # --- housekeeping ---

    def take_changed_uses(self) -> list[PointUse]:
        with self._lock:
            rows = [self._uses[p] for p in self._changed_uses]
            self._changed_uses.clear()
            return rows

    def write_changed_uses(self, write: Callable[[list[PointUse]], None]) -> None:
        """Hand what has changed to ``write``; where that fails it counts as changed still."""
        if not (rows := self.take_changed_uses()):
            return
        try:
            write(rows)
        except BaseException:
            with self._lock:
                self._changed_uses.update(row.point for row in rows)
            raise

    def use_unwritten(self, point: str) -> bool:
        return point in self._changed_uses

    def expired(self, boot: float, silent_below: float = 0) -> list[tuple[str, str]]:
        """
        Instances that can hold nothing any more; forgets them, the caller deletes their rows.

        Args:
            silent_below: See ``silent_below``: an instance may go on without a lease with a copy older than that.
        """
        with self._lock:
            gone = [
                (c.point, c.instance)
                for copies in self._copies.values()
                for c in copies.values()
                if c.holds_until < boot - 60 and c.seen_boot < boot - 60
                if not (c.granted and c.live < silent_below)
            ]
            for point, instance in gone:
                del self._copies[point][instance]
            return gone


class _Maker:
    def __init__(self, name: str, revision: int, instances: int) -> None:
        self.name, self.revision, self.instances = name, revision, instances

    def __call__(self, state: PointState, ms: int | None, because: str, at: str | None = None) -> PointView:
        return PointView(self.name, state, self.revision, ms, self.instances, because, at)


def _standing(point: Point, use: PointUse | None, alive: list[Copy], asks_live: bool) -> str:
    if point.retired:
        return "retired"
    if point.gone_seq is not None:
        return "token revoked"
    if use is None:
        return "never connected"
    if asks_live:
        return "asks live"
    if use.flagd and not alive:
        return "flagd"
    return "holds a lease" if alive else "lapsed"


def brief(view: PointView) -> dict[str, Any]:
    """A point's row as the log keeps it: what a confirmed point's other words are follows from its figures."""
    row = view.data()
    if view.state is PointState.CONFIRMED:
        del row["because"], row["at"]
    return row


def point_row(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The whole row again."""
    words = f"acknowledged revision {kept['revision']} after {kept['ms']} ms"
    return {"because": words, "at": None, **kept}


def _written(incident: Incident) -> dict[str, Any]:
    found = incident.contained
    if found is None:
        return {}
    return {
        "state": "contained",
        "contained_at": rfc3339(found.at),
        "contained_by": rfc3339(found.at),
        "points": [],  # the log has them, event ``found.seq``
        "confirmed": found.confirmed,
        "total": found.total,
        "ask_live": found.ask_live,
        "slowest": found.slowest,
        "ms": found.ms,
        "may_serve": False,
    }


def touches_silence(state: State, holds: Iterable[Hold]) -> bool:
    """True if one of the holds narrows a flag that keeps its last answer when a point can't reach us."""
    silent = {c.id: c for c in state.catalog.capabilities.values() if c.on_silence == "allow"}
    if not silent:
        return False
    for hold in holds:
        if hold.kind in (HoldKind.FLAG, HoldKind.CAPABILITY, HoldKind.CAP):
            if hold.capability in silent:
                return True
        elif hold.kind is HoldKind.PARTNER:
            if any(
                g.partner == hold.partner and g.flag.partition(":")[2] in silent for g in state.catalog.grants.values()
            ):
                return True
        elif any(hold.model in c.models for c in silent.values()):
            return True
    return False


def silent_below(state: State, holds: Iterable[Hold] | None = None) -> float:
    """
    Copies below this revision may hold a flag that goes on when silent: of those that ``holds`` narrow, or any.

    Infinite while such a flag is in the catalog; then the revision that took the last ``on_silence: allow`` away.
    """
    if holds is None:
        silent = any(c.on_silence == "allow" for c in state.catalog.capabilities.values())
        return float("inf") if silent else max(state.silence_ended.values(), default=0)
    holds = list(holds)
    if touches_silence(state, holds):
        return float("inf")
    by_capability = (HoldKind.FLAG, HoldKind.CAPABILITY, HoldKind.CAP)
    if all(hold.kind in by_capability for hold in holds):
        return max((state.silence_ended.get(hold.capability or "", 0) for hold in holds), default=0)
    return max(state.silence_ended.values(), default=0)
