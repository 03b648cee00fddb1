"""
Pending deadlines: what a tick costs with few and with many of them, how soon many that fall due at once are settled.

In this process, on a SQLite ledger with its real commits and a clock that is moved: waiting would take days.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from incidents import events as ev
from incidents.clock import ManualClock
from incidents.decisions.moves import recomputed
from incidents.docket import Hand
from incidents.events import SYSTEM, Draft
from incidents.ledger.sqlite import SqliteLedger
from incidents.life import Incident
from incidents.service import Service, init
from incidents.state import State
from playbooks.regime_terms import Counting, Deadline, Limit, Period, Terms, Unit
from tests.bench.figures import percentile, ratio, spread
from tests.bench.ground import BATCH, settings_in

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
    }


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


def _incident(id: str) -> Iterator[Draft]:
    """What a declaration and its clocks leave in the log, computed as the service computes it."""
    declared = ev.IncidentDeclared(
        incident=id,
        incident_kind="real",
        severity="sev2",
        playbook="bench",
        playbook_title="Bench",
        playbook_version=1,
        playbook_digest="0" * 64,
        parameters={},
    )
    yield Draft(declared, incident=id, text={"title": "pending", "summary": ""})
    known = Incident(id, "real", "sev2", "bench", "Bench", 1, "0" * 64, {}, START, "bench", "bench", 1)
    known.docket.propose("occurrence", START, Hand("bench", START, 1))
    taken = ev.RegimeTaken(regime=TERMS.id, version=1, digest=TERMS.digest, because="the bench", terms=TERMS.data())
    anchor = ev.AnchorRecorded(anchor="occurrence", at="2026-11-23T12:00:00.000Z", zone="UTC")
    drafts = [Draft(taken, incident=id), Draft(anchor, incident=id)]
    yield from recomputed(State(), known, drafts, START, "the bench")


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
