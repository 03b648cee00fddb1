"""
The world that is searched: a ledger, the services that read it, two instances of one point, and what is on the line.

Real: ``Point`` (with ``Lease``, ``Copy``) and ``Disk`` of the client, ``judge`` and ``bound`` of the server, its
register ``Points``, and ``State.longest_lease``. Modelled, in a few lines each that follow the product's: the lease
route (``Front._lease``), the follower (``Service.cycle``), the fold, and the client's threads as single steps in any
order.

Time goes in ticks. A world never changes: a step copies the part it touches and shares the rest.
Not modelled: usage counts, shadow holds, flagd, the ``_View`` that ``Gateway.decide`` reads, a fork's shared folder, a
service's wall clock that jumps by minutes, a machine image that is paused with all its clocks, a gateway that lies.
Two services at once on one ledger only in scopes without ``claims``: the lock of ``serve`` forbids it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from incidents.client import GRANTED, Copy, Disk, Lease, Point, Usage
from incidents.enforcement import grants
from incidents.enforcement.grants import Ask, Standing, Verdict
from incidents.enforcement.points import Copy as Held
from incidents.enforcement.points import Points, PointState, Track
from incidents.ledger import Instance, PointUse
from tests.support.search.tables import (
    LONG,
    MODEL,
    PARTNER,
    POINT,
    TICK,
    WALL,
    Json,
    Kill,
    Log,
    change_of,
    copy_of,
    incident_name,
    lease_of,
    moment,
    state_of,
)

NO_USE = Usage()
WINDOW = 11  # ticks after which a change of the lease length is forgotten (600 s and one)


# ------------------------------------------------------------------------------------------------------------ messages


class Request(NamedTuple):
    """A lease request on the line. ``token`` is the point that the token belongs to."""

    instance: str
    nonce: str
    ledger: str
    revision: int
    digest: str
    token: str = POINT
    refused: str | None = None


class Answer(NamedTuple):
    instance: str
    nonce: str
    status: int
    ledger: str = ""
    revision: int = 0
    seconds: int = 0
    change_from: int = 0  # 0: no change inside
    resync: bool = False


class Snapshot(NamedTuple):
    instance: str
    ledger: str
    revision: int


class Change(NamedTuple):
    instance: str
    ledger: str
    old: int
    new: int
    damaged: bool = False  # the table's part was lost on the way; the digest is the announced one


Message = Request | Answer | Snapshot | Change


# ----------------------------------------------------------------------------------------------------------- instances


class MemoryDisk(Disk):
    """The client's ``Disk`` with its two files in a dictionary."""

    def __init__(self, files: dict[str, Json] | None = None) -> None:
        super().__init__("/", "andon", lambda kind, text: None)
        self.files = dict(files or {})
        self.full = False

    def _read(self, path: str) -> Json | None:
        return self.files.get(os.path.basename(path))

    def _write(self, path: str, body: Mapping[str, Any]) -> None:  # type: ignore[override]
        if self.full:
            raise OSError(28, "No space left on device")
        self.files[os.path.basename(path)] = {k: dict(v) if k == "marks" else v for k, v in body.items()}

    @contextlib.contextmanager
    def _locked(self, folder: str) -> Iterator[None]:
        yield

    def clone(self) -> MemoryDisk:
        twin = MemoryDisk.__new__(MemoryDisk)
        twin.__dict__.update(self.__dict__)
        twin.files = dict(self.files)
        return twin

    def key(self) -> Any:
        return self.full, tuple(sorted((n, b.get("revision"), b.get("ledger"), str(b.get("marks")), b.get("digest"))
                                       for n, b in self.files.items()))  # fmt: skip


class Member:
    """One instance of the point: the client's pure ``Point``, its disk, its clocks."""

    __slots__ = ("acknowledged", "asks", "cache", "disk", "lag", "name", "point", "refused", "slowed", "wall_lag")

    def __init__(self, name: str, point: Point, disk: MemoryDisk) -> None:
        self.name, self.point, self.disk = name, point, disk
        self.lag = self.wall_lag = 0  # ticks by which its boot clock and its wall clock are behind
        self.slowed = False  # the last tick passed it by: the next may not
        self.asks = 0
        self.acknowledged: dict[
            str, int
        ] = {}  # ledger -> highest revision said to be applied; survives as the disk does
        self.refused = False  # was turned away (401, 403) and not granted anything since
        self.cache: Any = None

    def boot(self, now: int) -> float:
        return (now - self.lag) * TICK

    def wall(self, now: int) -> float:
        return WALL + (now - self.wall_lag) * TICK

    def clone(self) -> Member:
        twin = Member(self.name, clone_point(self.point), self.disk.clone())
        twin.lag, twin.wall_lag, twin.slowed, twin.asks = self.lag, self.wall_lag, self.slowed, self.asks
        twin.acknowledged, twin.refused = dict(self.acknowledged), self.refused
        return twin

    def allows(self, thing: str, now: int) -> bool:
        """What the point would answer now. Asking leaves no mark, so that it may be asked in every state."""
        lease = self.point.lease
        before = lease.boot_end, lease.wall_end
        found = self.point.decide(PARTNER, MODEL, thing, None, self.boot(now), self.wall(now)).reason == GRANTED
        lease.boot_end, lease.wall_end = before
        return found

    def key(self, now: int, *, nonces: bool, starts: bool) -> Any:
        """Everything that the future depends on, its name left out, with times counted from now."""
        point, boot, wall = self.point, self.boot(now), self.wall(now)
        lease, copy = point.lease, point.copy
        return (
            None if copy is None else (copy.ledger, copy.revision, copy._sum),
            None if lease.boot_end <= boot else (lease.boot_end - boot, lease.wall_end - wall),
            self.slowed, self.refused, point.trusted, point.refused is None,
            self._asked_key(boot, wall) if nonces else None,
            self._kept_key() if nonces or starts else None,
        )  # fmt: skip

    def _kept_key(self) -> Any:
        return tuple(self.point.marks.items()), tuple(self.acknowledged.items()), self.disk.key()

    def _asked_key(self, boot: float, wall: float) -> Any:
        asked = self.point._asked
        return self.asks, frozenset(
            (nonce, min(boot - t, 2 * LONG), min(wall - w, 2 * LONG), asked[nonce].revision)
            for nonce, (t, w) in self.point.lease._asked.items()
            if nonce in asked
        )


def clone_point(point: Point) -> Point:
    twin = Point.__new__(Point)
    twin.__dict__.update(point.__dict__)
    twin.marks, twin._asked = dict(point.marks), dict(point._asked)
    lease = Lease.__new__(Lease)
    lease.__dict__.update(point.lease.__dict__)
    lease._asked = dict(point.lease._asked)
    twin.lease = lease
    return twin


# ------------------------------------------------------------------------------------------------------------ services


class Server:
    """One serving process: what it saw of its ledger, when it looked, its register of copies."""

    __slots__ = (
        "began",
        "blocked",
        "lag",
        "ledger",
        "looking",
        "name",
        "points",
        "ring_from",
        "seen",
        "slowed",
        "waiting",
    )

    def __init__(self, name: str, ledger: str) -> None:
        self.name, self.ledger = name, ledger
        self.points = Points()
        self.seen = self.ring_from = 1
        self.began = float("-inf")
        self.blocked = False
        self.lag, self.slowed = 0, False
        self.looking: tuple[float, int] | None = None  # a slow look: when it began, the head that it will find
        self.waiting: tuple[Request, ...] = ()  # first grants whose instance is being written down

    def boot(self, now: int) -> float:
        return (now - self.lag) * TICK

    def clone(self) -> Server:
        twin = Server.__new__(Server)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.points = clone_register(self.points)
        return twin

    def standing(self, log: Log, now: int) -> Standing:
        digest = copy_of(log, self.seen).digest
        return Standing(self.ledger, self.seen, digest, self.began, self.boot(now), self.blocked)

    def copies_key(self, now: int, *, forgets: bool) -> dict[str, Any]:
        """What the register knows of each instance."""
        boot, oldest = self.boot(now), -3 * TICK if forgets else 0.0
        return {
            c.instance: (
                max(c.holds_until - boot, oldest), max(c.seen_boot - boot, oldest) if forgets else 0,
                c.live, c.written, c.granted, c.refused is None,
            )
            for c in self.points._copies.get(POINT, _NONE).values()
        }  # fmt: skip

    def key(self, now: int) -> Any:
        """All else."""
        boot, register = self.boot(now), self.points
        tracks = [
            (
                t.revision,
                max(t.bound_boot - boot, 0.0),
                bool(t.confirmed),
                tuple(t.points.items()),
                t.may_serve,
                t.silent_below,
            )
            for t in register._tracks.values()
        ]
        use = register._uses.get(POINT)
        looking = None if self.looking is None else (min(boot - self.looking[0], 4 * TICK), self.looking[1])
        return (
            self.ledger, self.seen, self.ring_from, min(boot - self.began, grants.HEAD_AGE), self.blocked,
            self.slowed, looking, self.waiting, tuple(tracks), use and (use.copies, use.asks),
        )  # fmt: skip


_NONE: dict[str, Held] = {}


def clone_register(register: Points) -> Points:
    twin = Points.__new__(Points)
    twin.__dict__.update(register.__dict__)
    twin._copies = {p: {i: clone_held(c) for i, c in copies.items()} for p, copies in register._copies.items()}
    twin._uses = dict(register._uses)
    twin._tracks = {id: clone_track(track) for id, track in register._tracks.items()}
    twin._open_for = {p: set(waiting) for p, waiting in register._open_for.items()}
    twin._changed_uses = set(register._changed_uses)
    return twin


def clone_held(c: Held) -> Held:
    return Held(
        c.point, c.instance, c.holds_until, c.live, c.shadow, c.seen_boot, c.seen_at, c.written, c.granted, c.refused
    )


def clone_track(t: Track) -> Track:
    return Track(t.incident, t.revision, t.table, t.ordered_at, t.seen_boot, t.bound_boot, t.contained_by,
                 dict(t.points), t.may_serve, t.silent_below, dict(t.confirmed))  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- world


class World:
    """Everything at one moment. ``rows`` and ``uses`` are the ledger's side tables, kept per ledger."""

    __slots__ = ("blocked_at", "contained", "current", "kills", "left", "logs", "members", "net", "now", "rows",
                 "servers", "uses")  # fmt: skip

    def __init__(self, log: Log, left: dict[str, int]) -> None:
        self.now = 0
        self.logs: dict[str, Log] = {log.id: log}
        self.current = log.id
        self.servers: dict[str, Server] = {}
        self.members: dict[str, Member] = {}
        self.net: tuple[Message, ...] = ()
        self.kills: tuple[Kill, ...] = ()
        self.contained: frozenset[tuple[str, int]] = frozenset()
        self.rows: dict[str, frozenset[str]] = {log.id: frozenset()}
        self.uses: dict[str, PointUse | None] = {log.id: None}
        self.blocked_at: int | None = None
        self.left = left

    def copy(self) -> World:
        twin = World.__new__(World)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    # --- copies of the parts that a step touches

    def touching(self, *, member: str = "", server: str = "", spend: str = "") -> World:
        twin = self.copy()
        if member:
            twin.members = dict(self.members)
            twin.members[member] = self.members[member].clone()
        if server:
            twin.servers = dict(self.servers)
            twin.servers[server] = self.servers[server].clone()
        if spend:
            twin.left = dict(self.left)
            twin.left[spend] -= 1
        return twin

    @property
    def log(self) -> Log:
        return self.logs[self.current]

    def has(self, fault: str) -> bool:
        return self.left.get(fault, 0) > 0

    def key(self) -> int:
        """
        Two worlds with the same key have the same future. A hash of 64 bits: a collision could hide a state, not make
        one. Which instance is which does not matter, except while something on the line is addressed to one of them.
        """
        now, left = self.now, self.left
        over = int(grants_bound(max([log.lease for log in self.logs.values()])) / TICK)
        nonces, forgets = "ask" in left, "forget" in left
        starts = "process" in left or "reboot" in left
        known = [server.copies_key(now, forgets=forgets) for server in self.servers.values()]
        waits = any(server.waiting for server in self.servers.values())
        named = nonces or waits or bool(self.net)
        bundles = []
        for slot, member in self.members.items():
            bundles.append((
                slot if named else None, member.key(now, nonces=nonces, starts=starts),
                tuple([copies.pop(member.name, None) for copies in known]),
                tuple([member.name in names for names in self.rows.values()]),
            ))  # fmt: skip
        dead = {name for copies in known for name in copies}
        others = frozenset(tuple([copies.get(name) for copies in known]) for name in dead)
        return hash((
            tuple(bundles) if named else (frozenset(bundles), len(bundles)), others,
            tuple([sum(1 for name in names) for names in self.rows.values()]),
            self.current, tuple([self._log_key(log) for log in self.logs.values()]),
            tuple([(name, server.key(now)) for name, server in self.servers.items()]),
            frozenset(self.net),
            tuple([(k.revision, min(now - k.at, over)) for k in self.kills if k.ledger == self.current]),
            self.contained, tuple(self.uses.values()),
            None if self.blocked_at is None else min(now - self.blocked_at, over),
            tuple(left.values()),
        ))  # fmt: skip

    def _log_key(self, log: Log) -> Any:
        ages = tuple(
            [min(self.now - at, WINDOW) for event, at in zip(log.events, log.at, strict=True) if event[:5] == "lease"]
        )
        return log.id, len(log.events), ages

    # --- the ledger

    def commit(self, event: str) -> World:
        """Somebody appends: the command line, or a service (which then looks at once, a step of its own)."""
        twin = self.copy()
        log = self.log.adding(event, self.now)
        twin.logs = {**self.logs, log.id: log}
        word, _, thing = event.partition(" ")
        if word in ("kill", "tighten"):
            twin.kills = (*self.kills, Kill(log.id, log.head, thing, self.now))
        return twin

    # --- a service

    def start(self, name: str) -> World:
        """A process starts on the present ledger: it folds the log and knows whom it may have to wait for."""
        twin = self.copy()
        server = Server(name, self.current)
        if (old := self.servers.get(name)) is not None:
            server.lag, server.slowed = old.lag, old.slowed
        log, boot = self.log, server.boot(self.now)
        server.seen = server.ring_from = log.head
        server.began = boot
        state, now = state_of(log, log.head), moment(self.now)
        rows = [Instance(POINT, instance, now, now) for instance in sorted(self.rows[log.id])]
        use = self.uses[log.id]
        load_register(server.points, state, rows, [use] if use else [], boot, now)
        for incident in state.incidents.values():
            if (log.id, incident.revision) not in self.contained:
                server.points.order(state, incident, boot=boot, now=now)
        twin.servers = {**self.servers, name: server}
        return twin

    def looked(self, name: str, began: float | None = None, head: int | None = None) -> World | None:
        """The follower reads the head, watches what was ordered, and says what is contained; None if it can't read."""
        server = self.servers[name]
        if server.ledger != self.current:
            return None  # the file was moved or replaced
        twin = self.touching(server=name)
        server = twin.servers[name]
        log, boot, now = self.log, server.boot(self.now), moment(self.now)
        head = max(server.seen, log.head if head is None else head)
        state = state_of(log, head)
        for incident in state.incidents.values():
            if server.seen < incident.revision <= head:
                server.points.order(state, incident, boot=boot, now=now)
        server.seen, server.began = head, boot if began is None else began
        for finished in server.points.tick(state.points, boot):
            twin.contained |= {(log.id, finished.revision)}
            server.points.settle(finished.incident, finished.revision)
        return twin

    def handled(self, name: str, request: Request, *, at_once: bool = True) -> tuple[World, Answer | None]:
        """
        A lease request reaches a service: what ``Front._lease`` and ``Front._grant`` do.

        ``at_once``: a new instance is written down without a pause; else the request waits for ``written``.
        """
        twin = self.touching(server=name)
        server, log = twin.servers[name], self.logs[self.servers[name].ledger]
        if _token_is_gone(log, server.seen):
            return twin, Answer(request.instance, request.nonce, 401)
        verdict = grants.judge(_ask(request), server.standing(log, self.now))
        if verdict is Verdict.AHEAD:
            twin = twin.looked(name) or twin
            server, log = twin.servers[name], twin.logs[server.ledger]
            verdict = grants.judge(_ask(request), server.standing(log, self.now))
        server.points.used(POINT, at=moment(self.now), copies=True)
        if verdict is Verdict.GRANT:
            held = acknowledge(server, request, self.now)
            if not held.written:
                if not at_once:
                    server.waiting = (*server.waiting, request)
                    return twin, None
                write_down(twin, log.id, request.instance)
                verdict = grants.judge(_ask(request), server.standing(log, self.now))
        return twin, twin._answer(server, log, request, verdict)

    def written(self, name: str, request: Request) -> tuple[World, Answer]:
        """The instance of a waiting first grant is on disk: the world went on meanwhile, so it is judged again."""
        twin = self.touching(server=name)
        server, log = twin.servers[name], self.logs[self.servers[name].ledger]
        server.waiting = tuple(each for each in server.waiting if each is not request)
        write_down(twin, log.id, request.instance)
        verdict = judge_again(_ask(request), server.standing(log, self.now))
        answer = twin._answer(server, log, request, verdict)
        return twin, answer._replace(revision=request.revision) if verdict is Verdict.GRANT else answer

    def _answer(self, server: Server, log: Log, request: Request, verdict: Verdict) -> Answer:
        plain = Answer(request.instance, request.nonce, 200, server.ledger, server.seen)
        match verdict:
            case Verdict.NOT_YOURS:
                return plain._replace(status=403)
            case Verdict.AHEAD:
                return plain._replace(status=409)
            case Verdict.RESYNC:
                return plain._replace(resync=True)
            case Verdict.STALE:
                bridged = server.ring_from <= request.revision
                if contradicts(server, log, request):
                    return plain._replace(resync=True)
                acknowledge(server, request, self.now)
                return plain._replace(change_from=request.revision) if bridged else plain._replace(resync=True)
            case Verdict.NO_RIGHT:
                acknowledge(server, request, self.now)
                return plain._replace(status=503)
            case Verdict.GRANT:
                seconds = lease_of(log, server.seen)
                held = server.points.copy_of(POINT, request.instance)
                assert held is not None
                server.points.grant(held, seconds, server.boot(self.now))
                return plain._replace(seconds=seconds)

    # --- an instance

    def asking(self, slot: str) -> tuple[World, Request] | None:
        """The lease thread asks: the mark first, then the time, then the request (``Gateway._ask``)."""
        if (copy := self.members[slot].point.copy) is None:
            return None
        twin = self.touching(member=slot)
        member = twin.members[slot]
        mark = write_mark(member.disk, copy.ledger, copy.revision)
        nonce = f"{member.name}.{member.asks}"
        body = member.point.ask(nonce, copy, mark, [], member.boot(self.now), member.wall(self.now))
        if body is None:
            return twin, None  # type: ignore[return-value]
        member.asks += 1
        said = max(body["revision"], member.acknowledged.get(copy.ledger, 0))
        member.acknowledged[copy.ledger] = said
        return twin, Request(
            member.name, nonce, body["ledger"], body["revision"], body["digest"], refused=body.get("refused")
        )

    def answered(self, slot: str, answer: Answer) -> World:
        twin = self.touching(member=slot)
        member = twin.members[slot]
        if answer.status in (401, 403):
            member.point.turned_away()
            member.refused = True
        elif answer.status == 200:
            body: Json = {"nonce": answer.nonce, "ledger": answer.ledger, "revision": answer.revision,
                          "lease_seconds": answer.seconds}  # fmt: skip
            if answer.change_from:
                body["change"] = change_of(self.logs[answer.ledger], answer.change_from, answer.revision)
            elif answer.resync:
                body["resync"] = True
            outcome = receive(member.point, body, member.boot(self.now), member.wall(self.now))
            member.refused = member.refused and outcome != "granted"
        return twin

    def took(self, slot: str, what: Snapshot | Change) -> World:
        twin = self.touching(member=slot)
        point = twin.members[slot].point
        if isinstance(what, Snapshot):
            point.take_snapshot(copy_of(self.logs[what.ledger], what.revision))
        else:
            change = change_of(self.logs[what.ledger], what.old, what.new)
            point.take_change(change | {"live": {"set": {}, "remove": []}} if what.damaged else change)
        return twin

    def resynced(self, slot: str, ledger: str, revision: int) -> World:
        twin = self.touching(member=slot)
        twin.members[slot].point.resync({"ledger": ledger, "revision": revision})
        return twin

    def restarted(self, slot: str) -> World:
        """The process dies and another one starts on the same disk. Answers to the dead one reach nobody."""
        twin = self.touching(member=slot)
        old = twin.members[slot]
        copy, marks = load_disk(old.disk)
        fresh = Member(next_name(old.name), start_point(old.point, next_name(old.name), copy, marks), old.disk)
        fresh.lag, fresh.wall_lag, fresh.slowed = old.lag, old.wall_lag, old.slowed
        fresh.acknowledged = dict(old.acknowledged)
        twin.members[slot] = fresh
        twin.net = tuple(m for m in twin.net if isinstance(m, Request) or m.instance != old.name)
        return twin

    def forked(self, slot: str, child_slot: str) -> World:
        """The child begins with all that its parent had, and lets go of what is not its own."""
        twin = self.copy()
        child = self.members[slot].clone()
        child.name = f"{child_slot}0"
        fork_point(child.point, child.name)
        child.asks = 0
        twin.members = {**self.members, child_slot: child}
        return twin


# The small pieces of machinery around the pure classes. Each stands alone so that a mutation can take it away.


def load_register(
    points: Points, state: Any, rows: list[Instance], uses: list[PointUse], boot: float, now: Any
) -> None:
    """``Service._load_telemetry``."""
    points.load(rows, uses, boot=boot, lease=state.longest_lease(now - timedelta(minutes=10)),
                unknown_at=state.points if state.restored_at is not None else ())  # fmt: skip


def acknowledge(server: Server, request: Request, now: int) -> Held:
    return server.points.acknowledge(
        POINT, request.instance, request.revision, applies=("live", "shadow"), boot=server.boot(now), at=moment(now),
        refused=request.refused,
    )  # fmt: skip


def contradicts(server: Server, log: Log, request: Request) -> bool:
    """``Ring.contradicts``: the ring knows the tables since this process started."""
    return server.ring_from < request.revision and copy_of(log, request.revision).digest != request.digest


def write_down(world: World, ledger: str, instance: str) -> None:
    world.rows = {**world.rows, ledger: world.rows[ledger] | {instance}}


def judge_again(ask: Ask, standing: Standing) -> Verdict:
    return grants.judge(ask, standing)


def write_mark(disk: MemoryDisk, ledger: str, revision: int) -> int | None:
    return disk.mark(ledger, revision)


def load_disk(disk: MemoryDisk) -> tuple[Copy | None, dict[str, int]]:
    return disk.load()


def start_point(old: Point, name: str, copy: Copy | None, marks: dict[str, int]) -> Point:
    """``old`` is what the dead process held: a mutation may keep some of it."""
    return Point(name, copy, marks)


def fork_point(point: Point, name: str) -> None:
    point.forked(name)


def receive(point: Point, body: Json, boot: float, wall: float) -> str:
    """The times are those of receiving, which the real class has no use for; a mutation may have."""
    return point.answered(body, NO_USE)


def next_name(name: str) -> str:
    return f"{name[0]}{int(name[1:]) + 1}"


def _ask(request: Request) -> Ask:
    return Ask(POINT, request.token, request.ledger, request.revision, request.digest)


def _token_is_gone(log: Log, seen: int) -> bool:
    return "token gone" in log.events[: seen - 1]


# ------------------------------------------------------------------------------------------------------ what must hold


Wrong = str | None


def wrong_in(world: World, *, sure_of_confirmed: bool = True) -> Wrong:
    """The first promise that this state breaks, in words; None if it breaks none."""
    for member in world.members.values():
        if found := _member_wrong(world, member, sure_of_confirmed):
            return found
    return None


def _member_wrong(world: World, member: Member, sure_of_confirmed: bool) -> Wrong:
    point, now = member.point, world.now
    copy = point.copy
    if copy is None:
        return None
    if copy.revision < member.acknowledged.get(copy.ledger, 0):
        return f"{member.name} holds revision {copy.revision}, having acknowledged {member.acknowledged[copy.ledger]}"
    allowed = [thing for thing in "fg" if member.allows(thing, now)]
    if not allowed:
        return None
    if member.refused:
        return f"{member.name} allows although it was turned away"
    if world.blocked_at is not None and (now - world.blocked_at) * TICK >= grants_bound(
        max(log.lease for log in world.logs.values())
    ):
        return f"{member.name} allows although a kill could not be recorded a bound ago"
    true = copy_of(world.logs[copy.ledger], copy.revision).digest == copy.digest
    for kill in world.kills:
        if kill.ledger != world.current or kill.thing not in allowed:
            continue
        if true and copy.ledger == kill.ledger and copy.revision >= kill.revision:
            continue  # lifted since
        age = (now - kill.at) * TICK
        silent = copy.allows_on_silence(MODEL, kill.thing)
        if age >= grants_bound(longest_lease(world, kill)) and not silent:
            return f"{member.name} allows {kill.thing} at {age / TICK:.0f} ticks after kill {kill.revision}"
        if said := _said_contained(world, kill, sure_of_confirmed):
            return f"{member.name} may still allow {kill.thing}, yet kill {kill.revision} is {said}"
    return None


def grants_bound(lease: float) -> float:
    """The promise itself: written out again here, so that a mutated ``bound`` does not move it."""
    return grants.HEAD_AGE + lease * (1 + grants.DRIFT)


def longest_lease(world: World, kill: Kill) -> int:
    log = world.logs[kill.ledger]
    return max(lease_of(log, r) for r in range(1, log.head + 1))


def _said_contained(world: World, kill: Kill, sure_of_confirmed: bool) -> Wrong:
    if sure_of_confirmed and (kill.ledger, kill.revision) in world.contained:
        return "written down as contained"
    name = incident_name(kill.revision)
    for server in world.servers.values():
        track = server.points._tracks.get(name)
        if server.ledger != kill.ledger or track is None:
            continue
        point = state_of(world.logs[kill.ledger], server.seen).points.get(POINT)
        if not track.points:
            return f"contained with no point in the set, says {server.name}"
        view = server.points._view(track, POINT, point, server.boot(world.now))
        if view.state is PointState.LAPSED or (sure_of_confirmed and view.state is PointState.CONFIRMED):
            return f"{view.state.value}, says {server.name}"
    return None


def seen_in(world: World) -> set[str]:
    """What has happened in this state, for the check that the search saw something."""
    found = set()
    for member in world.members.values():
        if any(member.allows(thing, world.now) for thing in "fg"):
            found.add("allow")
    for server in world.servers.values():
        for track in server.points._tracks.values():
            if track.confirmed:
                found.add("confirmed")
            elif server.boot(world.now) >= track.bound_boot:
                found.add("lapsed")
    if world.contained:
        found.add("contained")
    return found
