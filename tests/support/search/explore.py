"""
Every order of events in a small world, breadth first, so that the first broken promise is one of the shortest.

A scope says which kinds of events there are and how often each fault may happen. States that differ only in what can
never matter again are one state (times count from now), so a search ends although time does not: within its scope
it is complete. Loss and delay need no step of their own: what is on the line may stay there for ever.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest.mock import patch

from incidents.client import Point
from incidents.enforcement import grants
from incidents.enforcement.points import silent_below
from incidents.ledger import PointUse
from tests.support.search import world as w
from tests.support.search.tables import (
    DRIFT,
    HEAD_AGE,
    POINT,
    SHORT,
    Kill,
    Log,
    copy_of,
    damaged_copy,
    moment,
    state_of,
)
from tests.support.search.world import Answer, Change, Member, MemoryDisk, Request, Snapshot, World

Step = tuple[str, World]
TOO_MANY = 60_000


@dataclass(frozen=True)
class Scope:
    """
    One kind of trouble, searched to the end.

    Args:
        script: What is committed, in this order, at any moments.
        leased: Instances that hold a lease when the search begins; ``idle`` ones hold a copy and no lease yet.
        faults: How often each may happen; a fault that is not named does not happen.
        line: True lets requests and answers be lost, delayed, repeated and overtaken (``ask`` says how many there are);
            else a renewal is one step.
        age: The age of a look in ticks, two where one tick of it must show. lease: the length at the beginning.
        depth: The number of steps after which a search stops; 0 where it comes to its own end.
        slow: Clocks that may run at half speed.
        claims: False where two services run at once on one ledger, which the lock of ``serve`` forbids: then only
            "lapsed" is believed, never "confirmed".
    """

    name: str
    script: tuple[str, ...]
    servers: tuple[str, ...] = ("A",)
    leased: tuple[str, ...] = ("a", "b")
    idle: tuple[str, ...] = ()
    faults: dict[str, int] = field(default_factory=dict)
    line: bool = False
    slow: tuple[str, ...] = ()
    behind: int = 0
    backup: int = 0
    claims: bool = True
    before: tuple[str, ...] = ()
    asked_before: bool = False
    hears: bool = True
    age: int = 1
    lease: int = SHORT
    depth: int = 0
    shows: frozenset[str] = frozenset({"allow", "confirmed", "lapsed", "contained"})


@dataclass(frozen=True)
class Found:
    """What a search saw: the number of states, what happened in them, and the first broken promise with its trace."""

    states: int
    shown: frozenset[str]
    wrong: str | None = None
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((f"{self.states} states", *self.trace, f"=> {self.wrong or 'nothing wrong'}"))


def explore(scope: Scope, *, mutation: Callable[[ExitStack], None] | None = None) -> Found:
    """Search a scope to its end, or to the first broken promise."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(grants, "HEAD_AGE", HEAD_AGE * scope.age))
        stack.enter_context(patch.object(grants, "DRIFT", DRIFT))
        if mutation is not None:
            mutation(stack)
        gc.disable()  # nothing here is garbage in a circle, and looking for it costs a third of the time
        stack.callback(gc.enable)
        return _search(scope, beginning(scope))


def _search(scope: Scope, first: World) -> Found:
    came: dict[object, tuple[object, str]] = {first.key(): (None, "")}
    level = [(first.key(), first)]
    shown: set[str] = set()
    steps_taken = 0
    while level and (not scope.depth or steps_taken < scope.depth):
        steps_taken += 1
        following = []
        for key, here in level:
            for label, there in steps(scope, here):
                found = there.key()
                if found in came:
                    continue
                came[found] = (key, label)
                wrong = w.wrong_in(there, sure_of_confirmed=scope.claims)
                if wrong is not None:
                    return Found(len(came), frozenset(shown), wrong, _trace(came, found))
                if not shown >= scope.shows:
                    shown |= w.seen_in(there)
                following.append((found, there))
        level = following
        if len(came) > TOO_MANY:
            raise AssertionError(f"scope '{scope.name}' has more than {TOO_MANY} states")
    return Found(len(came), frozenset(shown))


def _trace(came: dict[object, tuple[object, str]], key: object) -> tuple[str, ...]:
    labels = []
    while key is not None:
        key, label = came[key]  # type: ignore[assignment]
        labels.append(label)
    return tuple(reversed(labels[:-1]))


def beginning(scope: Scope) -> World:
    """Services up and looked at the head; instances with the copy of that moment, and a lease where the scope says."""
    log = Log("L1", behind=scope.behind, lease=scope.lease)
    for event in scope.before:
        log = log.adding(event, 0)
    here = World(log, {})
    if scope.asked_before:
        here.uses = {log.id: PointUse(POINT, copies=False, flagd=False, asks=True, last_at=moment(0))}
    for name in scope.servers:
        here = here.start(name)
    for slot in (*scope.leased, *scope.idle):
        disk = MemoryDisk()
        disk.save(copy_of(log, log.head))
        here.members[slot] = Member(f"{slot}0", Point(f"{slot}0", copy_of(log, log.head)), disk)
    for slot in scope.leased:
        here = dict(_renewals(here, slot))[f"{slot}0 renews at {scope.servers[0]}"]
    here.left = {"commit": len(scope.script), **scope.faults}
    return here


# --------------------------------------------------------------------------------------------------------------- steps


def steps(scope: Scope, here: World) -> Iterator[Step]:
    """Everything that can happen next."""
    yield from _time(scope, here)
    yield from _ledger(scope, here)
    yield from _services(scope, here)
    yield from (_line(here) if scope.line else _calm_line(scope, here))
    yield from _copies(scope, here)
    yield from _processes(here)


def _time(scope: Scope, here: World) -> Iterator[Step]:
    yield "a tick", _ticked(here)
    for name in scope.slow:
        if not (here.members.get(name) or here.servers[name]).slowed:
            yield f"a tick, slow for {name}", _ticked(here, slow=name)
    if here.has("sleep"):
        for slot in here.members:
            twin = _ticked(here.touching(spend="sleep"))
            twin.members[slot].lag += 1  # the boot clock stood still, the wall clock did not
            yield f"a tick, {slot} asleep without a clock", twin
    if here.has("wall"):
        for slot in here.members:
            for jump in (3, -3):
                twin = here.touching(member=slot, spend="wall")
                twin.members[slot].wall_lag += jump
                yield f"the wall clock of {slot} jumps by {-jump}", twin


def _ticked(here: World, slow: str = "") -> World:
    twin = here.copy()
    twin.now += 1
    lazy = {name for name, one in (*here.members.items(), *here.servers.items()) if one.slowed or name == slow}
    twin.members, twin.servers = dict(here.members), dict(here.servers)
    for name in lazy | set(here.members if here.has("sleep") else ()):
        parts = twin.members if name in twin.members else twin.servers
        one = parts[name].clone()  # type: ignore[attr-defined]
        one.slowed = name == slow
        if name == slow:
            one.lag += 1
            if isinstance(one, Member):
                one.wall_lag += 1
        parts[name] = one  # type: ignore[index]
    return twin


def _ledger(scope: Scope, here: World) -> Iterator[Step]:
    if here.has("commit"):
        event = scope.script[len(scope.script) - here.left["commit"]]
        if event == "restore":
            yield "the ledger is restored from a backup", _restored(scope, here.touching(spend="commit"))
        else:
            yield f"{event} is committed", here.touching(spend="commit").commit(event)
    if here.has("unwritable"):
        twin = here.touching(server="A", spend="unwritable")
        twin.servers["A"].blocked = True
        twin.blocked_at = here.now
        yield "a kill can't be recorded by A", twin


def _restored(scope: Scope, here: World) -> World:
    """A backup goes on in the place of the old file: events up to the backup, a new id, the side tables of then."""
    old = here.log
    log = Log("L2", lease=old.lease, events=old.events[: scope.backup], at=old.at[: scope.backup]).adding(
        "restored", here.now
    )
    here.logs = {**here.logs, log.id: log}
    here.current = log.id
    here.rows = {**here.rows, log.id: frozenset()}
    here.uses = {**here.uses, log.id: None}
    here.kills = (
        *here.kills,
        *(Kill(log.id, k.revision, k.thing, here.now) for k in here.kills if k.revision - 1 <= scope.backup),
    )
    return here


def _services(scope: Scope, here: World) -> Iterator[Step]:
    for name, server in here.servers.items():
        if "slow look" not in here.left:
            if (twin := here.looked(name)) is not None:
                yield f"{name} looks", twin
        elif server.looking is None:
            if here.has("slow look"):
                twin = here.touching(server=name, spend="slow look")
                twin.servers[name].looking = (server.boot(here.now), here.log.head)
                yield f"{name} begins to look", twin
        else:
            began, head = server.looking
            twin = here.looked(name, began=began_of(server, began, here.now), head=head)
            assert twin is not None
            twin.servers[name].looking = None
            yield f"{name} has looked", twin
        for request in server.waiting:
            twin, answer = here.written(name, request)
            slot = next((slot for slot, member in here.members.items() if member.name == request.instance), None)
            if slot is not None:
                yield f"{request.instance} is written down by {name}", twin.answered(slot, answer)
        if here.has("forget"):
            twin = here.touching(server=name, spend="forget")
            gone = twin.servers[name].points.expired(
                server.boot(here.now), silent_below(state_of(here.log, server.seen))
            )
            twin.rows = {**here.rows, server.ledger: here.rows[server.ledger] - {i for _, i in gone}}
            if gone:
                yield f"{name} forgets {', '.join(i for _, i in gone)}", twin
        if here.has("flush"):
            twin = here.touching(server=name, spend="flush")
            for use in twin.servers[name].points.take_changed_uses():
                twin.uses = {**here.uses, server.ledger: use}
            yield f"{name} flushes its telemetry", twin
        if here.has("restart") and name == list(here.servers)[-1]:
            yield f"{name} is killed and starts again", here.touching(spend="restart").start(name)
    if here.has("start") and here.current not in {server.ledger for server in here.servers.values()}:
        yield "B starts", here.touching(spend="start").start("B")


def began_of(server: w.Server, began: float, now: int) -> float:
    """From when a look counts: from its beginning. A mutation counts from its end."""
    return began


# --- renewals, where the line is not the matter


def _calm_line(scope: Scope, here: World) -> Iterator[Step]:
    for slot in here.members:
        yield from _renewals(here, slot)


def _renewals(here: World, slot: str) -> Iterator[Step]:
    made = here.asking(slot)
    if made is None or made[1] is None:
        return
    asked, request = made
    for name in here.servers:
        at_once = "write down" not in here.left
        handled, answer = asked.handled(name, request, at_once=at_once)
        if answer is None:
            yield f"{request.instance} asks {name}, which writes it down", handled
            continue
        yield f"{request.instance} renews at {name}", handled.answered(slot, answer)
    if here.has("impostor"):
        yield from _impostor(here, request)


def _impostor(here: World, request: Request) -> Iterator[Step]:
    """A gateway with another point's token and a copied instance name says that it holds the newest revision."""
    for name, server in here.servers.items():
        true = copy_of(here.logs[server.ledger], server.seen)
        forged = request._replace(token="us", revision=true.revision, digest=true.digest, ledger=true.ledger)
        twin, _ = here.touching(spend="impostor").handled(name, forged)
        yield f"another point's token speaks as {request.instance} at {name}", twin


# --- requests and answers that are lost, delayed, repeated and overtaken


def _line(here: World) -> Iterator[Step]:
    if here.has("ask"):
        for slot in here.members:
            made = here.touching(spend="ask").asking(slot)
            if made is not None and made[1] is not None:
                twin, request = made
                yield f"{request.instance} asks ({request.nonce})", _sent(twin, request)
    for number, message in enumerate(here.net):
        rest = here.net[:number] + here.net[number + 1 :]
        yield from _delivered(here, message, rest, "")
        if here.has("repeat"):
            yield from _delivered(here.touching(spend="repeat"), message, here.net, " (and again later)")


def _delivered(here: World, message: w.Message, rest: tuple[w.Message, ...], more: str) -> Iterator[Step]:
    if isinstance(message, Request):
        for name in here.servers:
            twin, answer = here.handled(name, message)
            twin.net = rest
            yield f"{name} gets {message.nonce}{more}", _sent(twin, answer)
        return
    slot = next((slot for slot, m in here.members.items() if m.name == message.instance), None)
    if slot is None:
        return
    twin = here.answered(slot, message) if isinstance(message, Answer) else here.took(slot, message)
    twin.net = rest
    yield f"{message.instance} gets {_words(message)}{more}", twin


def _words(message: Answer | Snapshot | Change) -> str:
    if isinstance(message, Answer):
        return f"the answer to {message.nonce}: {message.status}, {message.seconds} s"
    if isinstance(message, Snapshot):
        return f"the snapshot {message.revision} of {message.ledger}"
    return f"the change {message.old} to {message.new}"


def _sent(here: World, message: w.Message | None) -> World:
    if message is not None and message not in here.net:
        here.net = (*here.net, message)
    return here


# --- copies: snapshots and the stream


def _copies(scope: Scope, here: World) -> Iterator[Step]:
    if not scope.hears and not here.has("damage") and not here.has("gap"):
        return
    for slot, member in here.members.items():
        copy = member.point.copy
        for name, server in here.servers.items():
            log = here.logs[server.ledger]
            if w._token_is_gone(log, server.seen):
                yield f"{slot} is turned away by {name}", here.answered(slot, Answer(member.name, "", 401))
                continue
            snapshot = Snapshot(member.name, log.id, server.seen)
            yield f"{slot} takes the snapshot of {name}", here.took(slot, snapshot)
            if here.has("old snapshot"):
                yield f"{slot} asks {name} for a snapshot", _sent(here.touching(spend="old snapshot"), snapshot)
            if copy is None:
                continue
            if copy.ledger == log.id and server.ring_from <= copy.revision < server.seen:
                change = Change(member.name, log.id, copy.revision, server.seen)
                yield f"{slot} hears the change from {name}", here.took(slot, change)
                if here.has("old change"):
                    yield f"{name} streams a change to {slot}", _sent(here.touching(spend="old change"), change)
                if here.has("damage"):
                    worse = here.touching(spend="damage").took(slot, change._replace(damaged=True))
                    yield f"{slot} hears a damaged change from {name}", worse
                if here.has("gap"):
                    yield from _gap(here.touching(spend="gap"), slot, name, copy.revision, server.seen)
            elif copy.ledger != log.id or copy.revision != server.seen:
                yield f"{slot} is told to resync by {name}", here.resynced(slot, log.id, server.seen)


def _gap(here: World, slot: str, name: str, held: int, seen: int) -> Iterator[Step]:
    """The line from one revision to the next is lost; the one after it arrives."""
    log = here.logs[here.servers[name].ledger]
    if seen - held >= 2:
        change = Change(here.members[slot].name, log.id, seen - 1, seen)
        yield f"{slot} hears only the last change from {name}", here.took(slot, change)


# --- processes, disks, defects of an instance


def _processes(here: World) -> Iterator[Step]:
    for slot, member in here.members.items():
        copy = member.point.copy
        if here.has("process"):
            yield f"{slot} is killed and starts again", here.touching(spend="process").restarted(slot)
        if here.has("reboot"):
            twin = here.touching(spend="reboot").restarted(slot)
            twin.members[slot].lag = here.now  # its boot clock begins again at nought
            yield f"the machine of {slot} starts again", twin
        if here.has("fork") and "b" not in here.members:
            yield f"{slot} forks", here.touching(spend="fork").forked(slot, "b")
        if here.has("save") and copy is not None:
            twin = here.touching(member=slot, spend="save")
            if twin.members[slot].disk.save(copy):
                yield f"{slot} saves its copy", twin
        if here.has("disk full") and not member.disk.full:
            twin = here.touching(member=slot, spend="disk full")
            twin.members[slot].disk.full = True
            yield f"the disk of {slot} is full", twin
        if here.has("corrupt") and copy is not None and not _may_answer(here, member) and not member.point._asked:
            log = here.logs[copy.ledger]
            if copy.revision > 1:
                twin = here.touching(member=slot, spend="corrupt")
                twin.members[slot].point.copy = damaged_copy(log, copy.revision, 1)
                yield f"the copy of {slot} is damaged", twin


def _may_answer(here: World, member: Member) -> bool:
    lease = member.point.lease
    return member.boot(here.now) < lease.boot_end or member.point.trusted
