"""
One rule taken away at a time, and the small world in which its absence opens a gate.

Each mutation patches the real class or function (or the few lines of the world that stand for a route or a thread).
``REDUNDANT`` lists, honestly, the rules whose absence alone opens nothing because a second rule catches it; each is
shown to matter once that other rule is gone too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from incidents import client
from incidents.client import Copy, Lease, Point
from incidents.enforcement import grants, points
from incidents.enforcement.grants import Verdict
from incidents.enforcement.points import Points
from incidents.state import State
from tests.support.search import explore, tables, world

Mutate = Callable[[ExitStack], None]


@dataclass(frozen=True)
class Mutation:
    rule: str
    scope: str
    mutate: Mutate


_LIST: list[Mutation] = []


def _without(rule: str, scope: str) -> Callable[[Mutate], Mutate]:
    def register(mutate: Mutate) -> Mutate:
        _LIST.append(Mutation(rule, scope, mutate))
        return mutate

    return register


def _put(stack: ExitStack, where: Any, name: str, what: Any) -> None:
    stack.enter_context(patch.object(where, name, what))


# ------------------------------------------------------------------------------------------------------- the grant rule


def _judging(
    stack: ExitStack, change: Callable[[grants.Ask, grants.Standing], tuple[grants.Ask, grants.Standing]]
) -> None:
    real = grants.judge
    _put(stack, grants, "judge", lambda ask, standing: real(*change(ask, standing)))


@_without("grants only while the last look at the head is recent", "one kill")
def _no_fresh(stack: ExitStack) -> None:
    _put(stack, grants, "fresh", lambda standing: True)


@_without("grants only against the newest table", "damaged copy")
def _any_table(stack: ExitStack) -> None:
    _judging(stack, lambda a, s: (replace(a, digest=None), s))


@_without("grants only to the token's own point", "another point's token")
def _any_token(stack: ExitStack) -> None:
    _judging(stack, lambda a, s: (replace(a, token_point=a.point), s))


@_without("grants nothing while a kill can't be recorded", "unwritable")
def _while_blocked(stack: ExitStack) -> None:
    _judging(stack, lambda a, s: (a, replace(s, blocked=False)))


@_without("allows for a slow clock in the age of the look", "slow service")
def _age_without_drift(stack: ExitStack) -> None:
    _put(stack, grants, "fresh", lambda s: s.now - s.read_began < grants.HEAD_AGE)


@_without("the age of a look counts from its beginning", "slow look")
def _age_from_the_end(stack: ExitStack) -> None:
    _put(stack, explore, "began_of", lambda server, began, now: server.boot(now))


@_without("judges again after an instance was written down", "first grant")
def _not_judged_again(stack: ExitStack) -> None:
    _put(stack, world, "judge_again", lambda ask, standing: Verdict.GRANT)


# ------------------------------------------------------------------------------------------------------------ the bound


def _bound(stack: ExitStack, bound: Callable[[float], float]) -> None:
    _put(stack, points, "bound", bound)


@_without("the bound includes the age of the look", "two services")
def _bound_without_age(stack: ExitStack) -> None:
    _bound(stack, lambda lease: lease * (1 + grants.DRIFT))


@_without("the bound includes drift", "slow clock")
def _bound_without_drift(stack: ExitStack) -> None:
    _bound(stack, lambda lease: grants.HEAD_AGE + lease)


@_without("a grant is counted with drift", "slow clock")
def _grant_without_drift(stack: ExitStack) -> None:
    _put(stack, points, "longest_hold", lambda lease: lease)


@_without("the bound uses the longest lease of the window", "lease shortened")
def _present_lease(stack: ExitStack) -> None:
    _put(stack, State, "longest_lease", lambda state, since: state.lease_seconds)


@_without("the bound counts from when the commit was seen, not from the event's time", "writer's clock behind")
def _bound_from_event(stack: ExitStack) -> None:
    real = Points._track

    def track(self: Points, state: Any, incident: Any, holds: Any, boot: float, now: Any) -> Any:
        found = real(self, state, incident, holds, boot, now)
        found.bound_boot -= (now - incident.ordered_at).total_seconds()
        return found

    _put(stack, Points, "_track", track)


# --------------------------------------------------------------------------------------------------------- the register


@_without("instances that were written down are waited for after a restart", "service restarts")
def _restart_forgets(stack: ExitStack) -> None:
    real = Points.load
    _put(stack, Points, "load", lambda self, rows, uses, **more: real(self, [], uses, **more))


@_without("an instance is written down before its first grant", "service restarts")
def _not_written(stack: ExitStack) -> None:
    _put(stack, world, "write_down", lambda here, ledger, instance: None)


@_without("after a restore there may be instances that are not written down", "restored ledger")
def _restore_forgets(stack: ExitStack) -> None:
    real = Points.load
    _put(stack, Points, "load", lambda self, rows, uses, **more: real(self, rows, uses, **{**more, "unknown_at": ()}))


@_without("an instance is kept until its lease is surely over", "forgotten instances")
def _dropped_early(stack: ExitStack) -> None:
    real = Points.expired

    def expired(self: Points, boot: float, below: float = 0) -> list[tuple[str, str]]:
        for copy in self._copies.get(tables.POINT, {}).values():
            copy.holds_until = float("-inf")
        return real(self, boot + 2 * tables.TICK, below)

    _put(stack, Points, "expired", expired)


@_without("every instance that may hold a lease must have acknowledged", "one kill")
def _one_is_enough(stack: ExitStack) -> None:
    def confirmed(self: Points, track: Any, name: str, boot: float) -> bool:
        return any(c.acknowledged(track.table) >= track.revision for c in self._copies.get(name, {}).values())

    _put(stack, Points, "_has_confirmed", confirmed)


@_without("a revoked token's point stays in the set until the bound", "token revoked")
def _revoked_leaves(stack: ExitStack) -> None:
    real = Points._concerned

    def concerned(self: Points, found: Any, revision: int, boot: float) -> dict[str, bool]:
        return {name: there for name, there in real(self, found, revision, boot).items() if there}

    _put(stack, Points, "_concerned", concerned)


@_without("a point that goes on when silent does not lapse", "silence")
def _silent_lapses(stack: ExitStack) -> None:
    real = Points._view

    def view(self: Points, track: Any, name: str, point: Any, boot: float) -> Any:
        twin = replace(track, may_serve=False)
        with patch.object(Points, "_goes_on", staticmethod(lambda track, copy: False)):
            return real(self, twin, name, point, boot)

    _put(stack, Points, "_view", view)


@_without("an instance that goes on when silent is waited for after its lease", "silence")
def _silent_is_not_waited_for(stack: ExitStack) -> None:
    _put(stack, Points, "_goes_on", staticmethod(lambda track, copy: False))


@_without("an instance that may go on when silent is not forgotten", "silence")
def _silent_is_forgotten(stack: ExitStack) -> None:
    real = Points.expired
    _put(stack, Points, "expired", lambda self, boot, below=0: real(self, boot))


@_without("a copy from before on_silence was withdrawn may still go on", "silence withdrawn")
def _withdrawn_at_once(stack: ExitStack) -> None:
    real = points.silent_below
    _put(stack, points, "silent_below", lambda state, holds=None: 0 if real(state, holds) < 1e9 else real(state, holds))


@_without("who was ever written down holds copies", "asked live before")
def _only_asks(stack: ExitStack) -> None:
    real = Points.load

    def load(self: Points, rows: Any, uses: Any, **more: Any) -> None:
        uses = list(uses)
        real(self, rows, uses, **more)
        self._uses = {use.point: use for use in uses}

    _put(stack, Points, "load", load)


# --------------------------------------------------------------------------------------------------- the client's lease


@_without("the lease counts from sending", "the line")
def _from_receiving(stack: ExitStack) -> None:
    def receive(point: Point, body: Any, boot: float, wall: float) -> str:
        nonce = body.get("nonce")
        if nonce in point.lease._asked:
            point.lease._asked[nonce] = boot, wall
        return point.answered(body, world.NO_USE)

    _put(stack, world, "receive", receive)


@_without("an answer counts for its own request only", "the line")
def _any_nonce(stack: ExitStack) -> None:
    def receive(point: Point, body: Any, boot: float, wall: float) -> str:
        asked = list(point._asked)
        if (body.get("nonce") not in asked and asked) or (asked and body["lease_seconds"]):
            body = {**body, "nonce": asked[-1]}
        return point.answered(body, world.NO_USE)

    _put(stack, world, "receive", receive)


@_without("of two grants the later end counts, they do not add up", "one kill")
def _grants_add_up(stack: ExitStack) -> None:
    def granted(self: Lease, nonce: str, seconds: Any) -> bool:
        boot, wall = self._asked.pop(nonce)
        self.boot_end = max(self.boot_end, boot) + seconds
        self.wall_end = max(self.wall_end, wall) + seconds
        return True

    _put(stack, Lease, "granted", granted)


@_without("the lease ends", "one kill")
def _never_ends(stack: ExitStack) -> None:
    _put(stack, Lease, "held", lambda self, boot, wall: self.boot_end > 0)


@_without("the wall clock may shorten the lease (a machine without a clock that counts sleep)", "sleep")
def _wall_ignored(stack: ExitStack) -> None:
    _put(stack, Lease, "held", lambda self, boot, wall: boot < self.boot_end)


@_without("a forked child has no lease", "fork")
def _lease_over_fork(stack: ExitStack) -> None:
    def fork(point: Point, name: str) -> None:
        point.instance = name

    _put(stack, world, "fork_point", fork)


@_without("a forked child is another instance", "fork")
def _same_instance(stack: ExitStack) -> None:
    _put(stack, Point, "forked", lambda self, instance: None)


@_without("a fresh start does not go on when silent", "silence, fresh start")
def _silent_start(stack: ExitStack) -> None:
    def start(old: Point, name: str, copy: Copy | None, marks: dict[str, int]) -> Point:
        point = Point(name, copy, marks)
        point.trusted = copy is not None
        return point

    _put(stack, world, "start_point", start)


@_without("a copy on disk below its mark is not used", "point restarts on its disk")
def _disk_trusted(stack: ExitStack) -> None:
    def load(disk: world.MemoryDisk) -> tuple[Copy | None, dict[str, int]]:
        body = disk.files.get(disk._copy_name)
        return (Copy.from_snapshot(body) if body else None), disk._read_marks("/")

    _put(stack, world, "load_disk", load)


@_without("the mark is written before it is acknowledged", "point restarts on its disk")
def _no_mark(stack: ExitStack) -> None:
    _put(stack, world, "write_mark", lambda disk, ledger, revision: revision)


@_without("what can't be written down is not acknowledged", "point restarts, its disk full")
def _no_mark_needed(stack: ExitStack) -> None:
    real = client.Disk.mark
    _put(stack, world, "write_mark", lambda disk, ledger, revision: real(disk, ledger, revision) or revision)


@_without("a copy never goes backwards", "old copies")
def _backwards(stack: ExitStack) -> None:
    _put(stack, Point, "floor", lambda self, ledger: 0)


@_without("a change is checked by its digest", "damaged change")
def _no_digest_after_change(stack: ExitStack) -> None:
    real = Copy.after

    def after(self: Copy, change: Any) -> Copy:
        part = change["live"]
        live = {k: v for k, v in self.live.items() if k not in part["remove"]} | part["set"]
        total = sum(client._weight("live", key, value) for key, value in live.items()) % 2**256
        return real(self, {**change, "digest": f"{total:064x}"})

    _put(stack, Copy, "after", after)


@_without("401 and 403 end the lease at once", "token revoked")
def _after_401(stack: ExitStack) -> None:
    _put(stack, Point, "turned_away", lambda self: None)


MUTATIONS: dict[str, Mutation] = {mutation.rule: mutation for mutation in _LIST}


# -------------------------------------------------------------------------------------------------- rules that back up


def _any_revision(stack: ExitStack) -> None:
    _judging(stack, lambda a, s: (replace(a, digest=None), replace(s, revision=min(s.revision, a.revision))))


def _any_answered_revision(stack: ExitStack) -> None:
    def receive(point: Point, body: Any, boot: float, wall: float) -> str:
        asked = point._asked.get(body["nonce"])
        if asked is not None and body["lease_seconds"]:
            body = {**body, "revision": asked.revision}
        return point.answered(body, world.NO_USE)

    _put(stack, world, "receive", receive)


def _any_ledger(stack: ExitStack) -> None:
    _judging(stack, lambda a, s: (replace(a, ledger=None), s))


def _lease_over_start(stack: ExitStack) -> None:
    def start(old: Point, name: str, copy: Copy | None, marks: dict[str, int]) -> Point:
        point = Point(name, copy, marks)
        point.lease.boot_end, point.lease.wall_end = old.lease.boot_end, old.lease.wall_end
        return point

    _put(stack, world, "start_point", start)


def _no_ring(stack: ExitStack) -> None:
    _put(stack, world, "contradicts", lambda server, log, request: False)


def _any_from(stack: ExitStack) -> None:
    real = Point.take_change

    def take(self: Point, change: Any) -> bool:
        return real(self, {**change, "from": self.copy.revision} if self.copy is not None else change)

    _put(stack, Point, "take_change", take)


def _keeps_lease_of_other_ledger(stack: ExitStack) -> None:
    def drop(self: Point) -> None:
        self.copy, self.wants_snapshot, self.refused = None, True, None

    _put(stack, Point, "drop", drop)


REDUNDANT: dict[str, tuple[str, Mutate, Mutate]] = {
    "grants only against the newest revision": ("one kill", _any_revision, _any_answered_revision),
    "takes a grant only for the revision that was asked for": ("one kill", _any_answered_revision, _any_revision),
    "judges and acknowledges only what is of its own ledger": (
        "restored ledger, same revisions", _any_ledger, _restore_forgets,
    ),
    "another ledger's id ends the lease": ("restored ledger", _keeps_lease_of_other_ledger, _restore_forgets),
    "a started point has no lease": ("machine restarts", _lease_over_start, _wall_ignored),
    "an acknowledgement of another table is not counted": ("damaged change", _no_ring, _no_digest_after_change),
    "a change is applied only to the revision that it continues": (
        "gap in the stream", _any_from, _no_digest_after_change,
    ),
}  # fmt: skip
"""Rule -> the scope, the mutation, and the rule that catches it: without both a gate opens."""
