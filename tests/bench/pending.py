"""
Pending deadlines: what a tick costs with few and with many of them, how soon many that fall due at once are settled.

In this process, on a SQLite ledger with its real commits. The clock is moved where waiting would take days; what falls
due, with everything that it owes to people, is also measured on the real one, with ticker and postroom as in ``serve``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from incidents import events as ev
from incidents.clock import ManualClock, SystemClock, rfc3339
from incidents.decisions.moves import recomputed
from incidents.events import SYSTEM, Draft, Event
from incidents.ledger.sqlite import SqliteLedger
from incidents.life import Incident
from incidents.service import Service, init
from incidents.state import State
from incidents.ticker import Ticker
from playbooks.regime_terms import Counting, Deadline, Limit, Period, Terms, Unit
from tests.bench.figures import percentile, ratio, spread
from tests.bench.ground import BATCH, append_all, settings_in
from tests.bench.owed import Taken, kills, lay_people
from tests.support.servers import wait_for

EACH = 20  # deadlines of one incident
FIRST, APART = 100, 2  # hours until the first, and between two: no reminder falls on another one's deadline
TERMS = Terms(
    id="bench",
    version=1,
    title="Twenty deadlines",
    jurisdiction="none",
    status="voluntary",
    binds="nobody",
    trigger="the bench",
    source="none",
    counting=Counting(zone="UTC"),
    deadlines=tuple(
        Deadline(f"d{n}", f"Deadline {n}", "nobody", (Limit(Period(FIRST + n * APART, Unit.HOURS), "occurrence"),))
        for n in range(EACH)
    ),
)


def measure(folder: Path, *, few: int, many: int, ticks: int) -> dict[str, Any]:
    """
    ``few`` and ``many`` pending deadlines, ticked in turn with nothing due; then a twentieth of ``many`` at once.

    Every incident starts at the same moment, so one twentieth of all deadlines falls due in the same second.
    """
    small, large = _world(folder / "few", few), _world(folder / "many", many)
    idle: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(ticks):
        for name, service in (("few", small), ("many", large)):
            _advance(service, 1)
            idle[name].append(_timed(service.clockwork.tick))
    at_once = many // EACH
    _advance(large, FIRST * 3600 - _elapsed(large))
    _hand_on_reminders(large)
    _advance(large, 1)
    same_second = _timed(large.clockwork.tick)
    missed = _missed(large)
    large.stop()
    after = _reopened(folder / "many", hours=FIRST + 2 * APART + 1)
    began = time.perf_counter()
    after.clockwork.build()
    filled = time.perf_counter() - began
    outage = _timed(after.clockwork.tick)
    settled = _missed(after) - missed
    for service in (small, after):
        service.stop()
    return {
        "few": few,
        "many": many,
        "idle_ms": {name: spread([t * 1e3 for t in took]) for name, took in idle.items()},
        "ratio_idle": ratio(percentile(idle["many"], 50), percentile(idle["few"], 50)),
        "at_once": at_once,
        "at_once_s": round(same_second, 3),
        "written_at_once": missed,
        "fill_s": round(filled, 3),
        "after_outage": settled,
        "after_outage_s": round(outage, 3),
        "told": _told(folder / "told", at_once),
    }


COMMANDERS = 20
LEAD_S = 4.0
ONE = replace(TERMS, id="one", title="One deadline", deadlines=TERMS.deadlines[:1])


def _told(folder: Path, count: int) -> dict[str, Any]:
    """
    That many incidents whose deadline falls due at one real moment: when its line and the word to its commander stood.

    One in fifty is a sev1 and was declared last, so nothing but its severity puts it first. Kills go on meanwhile.
    """
    lay_people(folder, COMMANDERS, "commander")
    at = SystemClock().now() + timedelta(seconds=LEAD_S + count / 400)
    ledger = SqliteLedger.open(settings_in(folder).database_path)
    sev1 = {_id(n) for n in range(count - max(1, count // 50), count)}
    append_all(ledger, (d for n in range(count) for d in _one(n, "sev1" if _id(n) in sev1 else "sev3", at)))
    ledger.close()
    service = Service.open(settings_in(folder))
    taken = Taken("email")
    service.postroom.add(taken)
    service.postroom.start()
    service.clockwork.tick()
    while service.clockwork.stirred:
        service.clockwork.tick()
    assert SystemClock().now() < at, "this machine is too slow to be ready in time"
    ticker = Ticker(service)
    ticker.start()
    seq = service.ledger.head().seq
    took = kills(service, at)
    cpu = time.process_time()
    wait_for(lambda: _missed(service) >= count and _all_told(service), f"{count} deadlines are told", 120)
    cpu = time.process_time() - cpu
    ticker.stop()
    events = service.ledger.read(after=seq)
    service.stop()
    return _told_figures(events, taken, at, sev1) | {"count": count, "kill_ms": took, "cpu_s": round(cpu, 2)}


def _told_figures(events: list[Event], taken: Taken, at: datetime, sev1: set[str]) -> dict[str, Any]:
    missed = [e for e in events if e.kind == "clocks:duty:missed"]
    late = [(e.recorded_at - at).total_seconds() for e in missed]
    urgent = [(e.recorded_at - at).total_seconds() for e in missed if e.incident in sev1]
    owed = [(e.recorded_at - at).total_seconds() for e in events if "reminds" in e.data or e.kind.endswith(":told")]
    return {
        "missed_s": {"p50": round(percentile(late, 50), 3), "last": round(max(late), 3)},
        "sev1_s": round(max(urgent), 3),
        "owed_s": {"p50": round(percentile(owed, 50), 3), "last": round(max(owed), 3)},
        "messages": len(taken.left),
        "left_s": round(max(taken.left) - at.timestamp(), 3),
    }


def _all_told(service: Service) -> bool:
    time.sleep(0.05)  # counting is not what is measured
    with service.desk.read() as state:
        open_ones = [i for i in state.incidents.values() if i.playbook == "bench"]
        return all(any("/due@" in key for key in i.reminded) for i in open_ones) and service.postroom.idle


def _id(number: int) -> str:
    return f"INC-2020-{number + 1:05d}"


def _one(number: int, severity: str, at: datetime) -> Iterator[Draft]:
    id = _id(number)
    start = at - timedelta(hours=FIRST)
    yield from _incident(id, start, severity, ONE)
    yield Draft(ev.RoleTaken(role="commander", person=f"reader-{number % COMMANDERS:04d}"), incident=id)
    yield Draft(ev.IncidentAcknowledged(), incident=id)


START = datetime.fromisoformat("2026-11-23T12:00:00+00:00")


def _world(folder: Path, pending: int) -> Service:
    folder.mkdir(parents=True)
    settings = settings_in(folder)
    init(settings)
    ledger = SqliteLedger.open(settings.database_path)
    batch: list[Draft] = []
    for number in range(pending // EACH):
        batch += _incident(f"INC-2026-{number + 1:05d}")
        if len(batch) >= BATCH:
            _append(ledger, batch)
    _append(ledger, batch)
    ledger.close()
    return _reopened(folder, hours=0)


def _append(ledger: SqliteLedger, batch: list[Draft]) -> None:
    if batch:
        ledger.append(batch, actor=SYSTEM, now=START, expected=ledger.head().seq)
        batch.clear()


def _incident(id: str, start: datetime = START, severity: str = "sev2", terms: Terms = TERMS) -> Iterator[Draft]:
    """What a declaration and its clocks leave in the log, computed as the service computes it."""
    declared = ev.IncidentDeclared(
        incident=id,
        incident_kind="real",
        severity=severity,
        playbook="bench",
        playbook_title="Bench",
        playbook_version=1,
        playbook_digest="0" * 64,
        parameters={},
    )
    yield Draft(declared, incident=id, text={"title": "pending", "summary": ""})
    known = Incident(id, "real", severity, "bench", "Bench", 1, "0" * 64, {}, start, "bench", "bench", 1)
    taken = ev.RegimeTaken(regime=terms.id, version=1, digest=terms.digest, because="the bench", terms=terms.data())
    anchor = ev.AnchorRecorded(anchor="occurrence", at=rfc3339(start), zone="UTC")
    drafts = [Draft(taken, incident=id), Draft(anchor, incident=id)]
    yield from recomputed(State(), known, drafts, start, "the bench")


def _reopened(folder: Path, *, hours: float) -> Service:
    clock = ManualClock(START + timedelta(hours=hours))
    service = Service.open(settings_in(folder), clock=clock)
    if hours == 0:
        service.clockwork.tick()
    return service


def _advance(service: Service, seconds: float) -> None:
    assert isinstance(service.clock, ManualClock)
    service.clock.advance(seconds)


def _elapsed(service: Service) -> float:
    return (service.clock.now() - START).total_seconds()


def _hand_on_reminders(service: Service) -> None:
    """Those that came before: what is measured next is the missing of deadlines alone."""
    service.clockwork.tick()


def _timed(what: Any) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def _missed(service: Service) -> int:
    with service.desk.read() as state:
        return sum(d.missed is not None for i in state.incidents.values() for d in i.docket.duties.values())
