"""
Kill -9 at every commit point and at any moment, through ``declare`` with an Idempotency-Key.

Each trial is a forked child on a real ledger file; what it acknowledged goes through a pipe before anything else can
happen. The parent never has the ledger open while it forks: SQLite's connections do not survive that.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import requests

from incidents.clock import SystemClock
from incidents.clockwork import Clockwork
from incidents.credentials import local_admin
from incidents.desk import Desk
from incidents.enforcement.points import Points
from incidents.enforcement.usage import UsageBook
from incidents.events import SYSTEM
from incidents.ledger import AnswerKey, sqlite
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from incidents.operations import Operations
from incidents.testing import workshop
from playbooks.loader import Library
from playbooks.register import Register
from runbooks.library import Library as Runbooks
from tests.chaos.findings import Finding, fault
from tests.chaos.programs import Served

POINTS = ("before-begin", "after-begin", "after-insert", "before-commit", "after-commit")
ASKER = local_admin("chaos")
LEDGER_LIFE = 25  # trials on one ledger before a fresh one
DECLARED = "incident:life:declared"
LATER = SYSTEM.via  # what a declaration does not write itself: whoever is killed before it catches up at a tick
PARTNERS = ("acme", "globex", "initech")


@cache
def register() -> Register:
    return Register.load(None)


@cache
def library() -> Library:
    return Library.load(None, Runbooks.load(None), register())


def fresh_ledger(path: Path) -> Path:
    """A ledger with the sample catalog, closed."""
    ledger = SqliteLedger.create(path)
    workshop(ledger=ledger).service.stop()
    return path


@dataclass
class Declared:
    """What one key was answered with, by anybody who lived to answer."""

    partner: str
    ids: set[str] = field(default_factory=set)


def declare(operations: Operations, key: str, partner: str) -> str:
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": partner}, "separate": True}
    reply = operations.declare(ASKER, body, AnswerKey("local:chaos", "declare", key, partner))
    return str(reply.body["id"])


def opened(path: Path) -> tuple[SqliteLedger, Operations]:
    """What a start does, without the engine."""
    ledger = SqliteLedger.open(path)
    desk = Desk(ledger, SystemClock())
    desk.start()
    clockwork = Clockwork(desk, register())
    return ledger, Operations(desk, Points(), UsageBook(), library(), "http://andon.example", clockwork)


def child(work: Callable[[int], None]) -> tuple[int, int]:
    """Fork; ``work(fd)`` runs in the child and writes what it acknowledges. Returns pid and the reading end."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return pid, read_end
    try:
        os.close(read_end)
        work(write_end)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - the child must never run on into the parent's code
        os.write(2, f"chaos child: {error!r}\n".encode())
        os._exit(9)


def acknowledged(read_end: int) -> list[tuple[str, str]]:
    """Every (key, incident) that was written before the end."""
    with os.fdopen(read_end) as pipe:
        return [(key, id) for key, _, id in (line.strip().partition(" ") for line in pipe if line.endswith("\n")) if id]


def declaring(path: Path, keys: list[tuple[str, str]], arm: Callable[[], None]) -> Callable[[int], None]:
    """A child's life: open, arm, declare each, acknowledge each."""

    def work(out: int) -> None:
        _, operations = opened(path)
        arm()
        os.write(out, b"ready\n")
        for key, partner in keys:
            os.write(out, f"{key} {declare(operations, key, partner)}\n".encode())

    return work


def at_point(point: str, passes: int) -> Callable[[], None]:
    """Die at the ``passes``-th time that the point is passed."""

    def arm() -> None:
        left = [passes]

        def hook(at: str) -> None:
            if at == point:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sqlite.fault = hook

    return arm


def nothing() -> None:
    """Not armed."""


@cache
def whole_kinds() -> tuple[tuple[str, int], ...]:
    """The kinds of events of one whole declaration, counted once on a ledger in memory."""
    shop = workshop()
    id = declare(shop.service.operations, "k", "acme")
    kinds = Counter(event.kind for event in shop.service.ledger.incident(id) if event.actor.via != LATER)
    shop.service.stop()
    return tuple(sorted(kinds.items()))


def examine(path: Path, keys: dict[str, Declared], finding: Finding, what: str) -> None:
    """A restart: the chain, the incidents, and every key asked once more."""
    ledger, operations = opened(path)
    try:
        events = ledger.read()
        verdict = verify(events, ledger=ledger.id)
        finding.expect(verdict.ok, f"{what}: the chain is broken, {verdict.why}")
        by_incident: dict[str, Counter[str]] = {}
        for event in events:
            if event.incident and event.actor.via != LATER:
                by_incident.setdefault(event.incident, Counter())[event.kind] += 1
        for id, kinds in by_incident.items():
            half = tuple(sorted(kinds.items())) != whole_kinds()
            finding.expect(not half, f"{what}: {id} is half applied: {dict(kinds)}")
        for key, declared in keys.items():
            for id in declared.ids:
                finding.expect(id in by_incident, f"{what}: {id} was acknowledged and is gone")
            again = declare(operations, key, declared.partner)
            declared.ids.add(again)
            finding.expect(len(declared.ids) == 1, f"{what}: the key {key} stands for {sorted(declared.ids)}")
        with operations.desk.read() as state:
            finding.expect(
                len(state.incidents) == len(keys), f"{what}: {len(state.incidents)} incidents for {len(keys)} keys"
            )
            for id, incident in state.incidents.items():
                finding.expect(incident.standing, f"{what}: {id} holds nothing")
    finally:
        ledger.close()


def _take(keys: dict[str, Declared], seen: list[tuple[str, str]]) -> None:
    for key, id in seen:
        if key != "ready":
            keys[key].ids.add(id)


@fault(
    "kill -9 at each commit point",
    "acknowledged is there, declared wholly or not at all, same key same incident, chain whole",
    group="ledger",
    trials=3000,
    short=30,
    alone=True,
)
def kills_at_points(trials: int, folder: Path) -> Finding:
    finding, picks = Finding(), random.Random(20261123)
    base, path, keys = fresh_ledger(folder / "base.db"), folder / "andon.db", dict[str, Declared]()
    reached: Counter[str] = Counter()
    while finding.trials < trials:
        if finding.trials % LEDGER_LIFE == 0:
            keys = _begin_anew(base, path)
        number = len(keys)
        key, partner = f"key-{number}", picks.choice(PARTNERS)
        keys[key] = Declared(partner)
        # The retry may be killed too, and that one's retry.
        for attempt in range(picks.choice((1, 1, 1, 2, 3))):
            point = POINTS[(finding.trials + attempt) % len(POINTS)]
            pid, pipe = child(declaring(path, [(key, partner)], at_point(point, 1)))
            _take(keys, acknowledged(pipe))
            status = os.waitpid(pid, 0)[1]
            if os.WIFSIGNALED(status):
                reached[point] += 1
            else:
                # After a commit that was not acknowledged the retry is answered without another write.
                answered = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 and keys[key].ids
                finding.expect(answered, f"at {point}: the child neither died nor answered ({status})")
            finding.trials += 1
        examine(path, keys, finding, f"trial {finding.trials}, killed at {point}")
    finding.note = ", ".join(f"{point} {reached[point]}" for point in POINTS)
    finding.expect(all(reached[point] for point in POINTS), f"a point was never reached: {dict(reached)}")
    return finding


def _pace(path: Path) -> float:
    """Seconds that one declaration takes on this machine as busy as it is."""
    wanted = [(f"pace-{n}", PARTNERS[0]) for n in range(10)]
    pid, pipe = child(declaring(path, wanted, nothing))
    os.read(pipe, 6)
    begun = time.monotonic()
    acknowledged(pipe)
    os.waitpid(pid, 0)
    return (time.monotonic() - begun) / len(wanted)


@fault(
    "kill -9 at any moment",
    "acknowledged is there, declared wholly or not at all, same key same incident, chain whole",
    group="ledger",
    trials=1000,
    short=20,
    alone=True,
)
def kills_at_random(trials: int, folder: Path) -> Finding:
    finding, picks = Finding(), random.Random(4242)
    base, path, keys = fresh_ledger(folder / "base.db"), folder / "andon.db", dict[str, Declared]()
    total = unacknowledged = 0
    _begin_anew(base, path)
    window = 3 * _pace(path)
    for trial in range(trials):
        if trial % LEDGER_LIFE == 0:
            keys = _begin_anew(base, path)
        wanted = [(f"key-{trial}-{n}", picks.choice(PARTNERS)) for n in range(40)]
        pid, pipe = child(declaring(path, wanted, nothing))
        os.read(pipe, 6)  # "ready\n": opened, and nothing declared yet
        time.sleep(picks.random() * window)
        os.kill(pid, signal.SIGKILL)
        seen = acknowledged(pipe)
        os.waitpid(pid, 0)
        done = len([key for key, _ in seen if key != "ready"])
        keys |= {key: Declared(partner) for key, partner in wanted[: done + 1]}
        _take(keys, seen)
        before = _stored(path)
        unacknowledged += before - (len(keys) - 1)
        examine(path, keys, finding, f"trial {trial}")
        total += done
        finding.trials += 1
    finding.note = f"{total} acknowledged before the kill, {unacknowledged} committed and not yet acknowledged"
    finding.expect(total > 0, "no child lived to acknowledge anything")
    return finding


def _stored(path: Path) -> int:
    ledger = SqliteLedger.open(path)
    try:
        return sum(event.kind == "incident:life:declared" for event in ledger.read())
    finally:
        ledger.close()


def _begin_anew(base: Path, path: Path) -> dict[str, Declared]:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    shutil.copy(base, path)
    return {}


def _declared(server: Served) -> list[str]:
    return [event["incident"] for event in server.log() if event["kind"] == DECLARED]


@fault(
    "the service killed while it declares",
    "after the restart the same request gets the same incident, all of it or a fresh one, and the point denies",
    group="ledger",
    trials=20,
    short=2,
)
def serve_killed(trials: int, folder: Path) -> Finding:
    finding, picks = Finding(), random.Random(77)
    server = Served(folder, lease_seconds=2).prepare()
    try:
        answered: dict[str, str] = {}
        replays = 0
        for trial in range(trials):
            key, point, partner = f"key-{trial}", POINTS[-1 - trial % len(POINTS)], picks.choice(PARTNERS)
            server.arm(f"kill {point}")
            died = False
            try:
                server.declare(key, partner)
            except requests.RequestException:
                died = True
            finding.expect(died, f"{point}: a killed service answered")
            server.api.process.wait(timeout=10)
            server.disarm()
            # The engine writes too, and may have been the one that the hook met.
            stored = len(_declared(server)) > len(answered)
            finding.expect(not stored or point == "after-commit", f"{point}: it is there without a commit")
            server.start()
            reply = server.declare(key, partner)
            answered[key] = reply.json().get("id", "")
            replays += stored
            finding.expect(reply.status_code == 201, f"{point}: the retry was answered {reply.status_code}")
            replayed = reply.headers.get("Idempotency-Replayed") is not None
            finding.expect(replayed == stored, f"{point}: replayed is {replayed}, stored before was {stored}")
            finding.trials += 1
        events = server.log()
        declared = _declared(server)
        finding.note = f"{replays} were committed and not yet answered"
        finding.expect(sorted(declared) == sorted(answered.values()), f"{declared} declared, {answered} answered")
        # What came later (it contained, somebody is to hear of it) has a moment of its own.
        moments = {event["incident"]: event["recorded_at"] for event in events if event["kind"] == DECLARED}
        for id, moment in moments.items():
            same = (event for event in events if event["incident"] == id and event["recorded_at"] == moment)
            kinds = Counter(event["kind"] for event in same if event["actor"]["via"] != LATER)
            finding.expect(kinds == Counter(dict(whole_kinds())), f"{id} is half applied: {dict(kinds)}")
    finally:
        server.stop()
    return finding
