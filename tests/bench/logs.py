"""
The log: appending, folding, starting and verifying with a long past, and whether a long past slows a declaration.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from incidents.clock import SystemClock
from incidents.events import SYSTEM, Draft, NoteAdded
from incidents.ledger import pages
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from incidents.service import Service
from incidents.state_copy import FOLD_VERSION
from tests.bench import servers
from tests.bench.figures import percentile, ratio, resident_mib, spread
from tests.bench.fleet import Caller
from tests.bench.ground import Ground, add_closed_incidents, add_notes, lay


def measure_log(folder: Path, *, events: int, appends: int) -> dict[str, Any]:
    """Appends one by one, then a log of that many events: fold, start with and without the kept state, verify."""
    ground = lay(folder, partners=300)
    started = {"small": _start_up(ground)}
    ledger = SqliteLedger.open(ground.settings.database_path)
    try:
        took = _appends(ledger, appends)
        add_notes(ledger, events - ledger.head().seq)
    finally:
        ledger.close()
    fold = _timed(lambda: _open_and_close(ground))
    started["without kept state"] = _start_up(ground)
    kept = _keep_state(ground)
    started["with kept state"] = _start_up(ground)
    fold_kept = _timed(lambda: _open_and_close(ground))
    return {
        "events": events,
        "append_ms": spread(took),
        "open_and_fold_s": round(fold, 3),
        "open_with_kept_state_s": round(fold_kept, 3),
        "kept_state_kib": kept,
        "serve_ready_s": started,
        "verify_s": round(_verify(ground), 3),
        "file_mib": round(ground.settings.database_path.stat().st_size / 2**20, 1),
    }


def _appends(ledger: SqliteLedger, count: int) -> list[float]:
    """One durable event each."""
    clock, took = SystemClock(), []
    seq = ledger.head().seq
    for number in range(count):
        draft = Draft(NoteAdded(), text={"note": f"one line, number {number}"})
        began = time.perf_counter()
        seq = ledger.append([draft], actor=SYSTEM, now=clock.now(), expected=seq)[-1].seq
        took.append((time.perf_counter() - began) * 1e3)
    return took


def _open_and_close(ground: Ground) -> None:
    ledger = SqliteLedger.open(ground.settings.database_path)
    Service.open(ground.settings, ledger=ledger)
    ledger.close()


def _keep_state(ground: Ground) -> float:
    service = Service.open(ground.settings)
    service.desk.keep_state(always=True)
    with service.desk.read() as state:
        seq = state.seq
    kept = service.ledger.load_state(FOLD_VERSION)
    service.ledger.close()
    assert kept is not None
    assert kept[0] == seq
    return round(len(kept[1]) / 1024, 1)


def _start_up(ground: Ground) -> float:
    """From starting the program to ready. What it keeps when it ends is taken away again."""
    kept = _without_new_copy(ground)
    began = time.perf_counter()
    with servers.andon(ground):
        took = time.perf_counter() - began
    kept()
    return round(took, 2)


def _without_new_copy(ground: Ground) -> Callable[[], None]:
    """Remember whether there is a kept state; the function puts things back as they were."""
    ledger = SqliteLedger.open(ground.settings.database_path)
    before = ledger.load_state(FOLD_VERSION)
    ledger.close()

    def put_back() -> None:
        again = SqliteLedger.open(ground.settings.database_path)
        if before is None:
            again.save_state(0, "none", b"")
        else:
            again.save_state(before[0], FOLD_VERSION, before[1])
        again.close()

    return put_back


def _verify(ground: Ground) -> float:
    ledger = SqliteLedger.open(ground.settings.database_path)
    try:
        began = time.perf_counter()
        found = verify(pages(ledger), ledger=ledger.id)
        took = time.perf_counter() - began
    finally:
        ledger.close()
    assert found.ok, found.why
    return took


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


# --- a long past ------------------------------------------------------------------------------------------------------


def measure_past(folder: Path, *, closed: int, declares: int) -> dict[str, Any]:
    """Declarations against a new ledger and against one with that many closed incidents, in turn."""
    fresh = lay(folder / "fresh", partners=300)
    old = lay(folder / "old", partners=300)
    ledger = SqliteLedger.open(old.settings.database_path)
    began = time.perf_counter()
    events = add_closed_incidents(ledger, closed, old.partners)
    made = time.perf_counter() - began
    ledger.close()
    with ExitStack() as stack:
        one, other = stack.enter_context(servers.andon(fresh)), stack.enter_context(servers.andon(old))
        took = asyncio.run(_declare_in_turn([(one.port, fresh), (other.port, old)], declares))
        resident = {"none": resident_mib(one.pid), "closed": resident_mib(other.pid)}
    p99 = [percentile(t, 99) for t in took]
    return {
        "closed": closed,
        "events": events,
        "made_in_s": round(made, 1),
        "none_ms": spread(took[0]),
        "closed_ms": spread(took[1]),
        "ratio_p50": ratio(percentile(took[1], 50), percentile(took[0], 50)),
        "ratio_p99": ratio(p99[1], p99[0]),
        "resident_mib": resident,
    }


async def _declare_in_turn(targets: list[tuple[int, Ground]], count: int) -> list[list[float]]:
    callers = [await Caller(port).open() for port, _ in targets]
    took: list[list[float]] = [[] for _ in targets]
    for number in range(count + 10):
        for which, (caller, (_, ground)) in enumerate(zip(callers, targets, strict=True)):
            partner = ground.partners[number % len(ground.partners)]
            ask = {"playbook": "partner-credential-abuse", "parameters": {"partner": partner}, "separate": True}
            body = json.dumps(ask).encode()
            began = time.perf_counter()
            status, answer = await caller.ask("POST", "/api/v1/incidents", ground.admin, body)
            if number >= 10:
                took[which].append((time.perf_counter() - began) * 1e3)
            assert status == 201, answer[:500]
    for caller in callers:
        caller.close()
    return took


def measure_preview(folder: Path, *, grants: int, times: int) -> dict[str, Any]:
    """The blast radius of one partner, and of a whole capability, with that many grants in the catalog."""
    ground = lay(folder, partners=grants, capped=False)
    asked = {
        "one partner": {"playbook": "partner-credential-abuse", "parameters": {"partner": ground.partners[0]}},
        "a capability": {"playbook": "break-glass", "parameters": {"capability": "tool-use"}},
    }
    with servers.andon(ground) as ours:
        took = asyncio.run(_previews(ours.port, ground.admin, asked, times))
    return {"grants": grants, "preview_ms": {name: spread(values) for name, values in took.items()}}


async def _previews(port: int, admin: str, asked: dict[str, Any], times: int) -> dict[str, list[float]]:
    caller = await Caller(port).open()
    took: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(times):
        for name, body in asked.items():
            began = time.perf_counter()
            status, answer = await caller.ask("POST", "/api/v1/previews", admin, json.dumps(body).encode())
            took[name].append((time.perf_counter() - began) * 1e3)
            assert status == 200, answer[:500]
    caller.close()
    return took
