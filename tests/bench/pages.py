"""
The pages that people look at while it burns: an incident with thousands of lines, a board with a long past behind it.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from incidents.clock import SystemClock
from incidents.credentials import local_admin
from incidents.events import Draft, NoteAdded
from incidents.ledger.sqlite import SqliteLedger
from incidents.service import Service
from tests.bench import servers
from tests.bench.figures import percentile, ratio, spread
from tests.bench.fleet import Caller
from tests.bench.ground import Ground, add_closed_incidents, append_all, lay

WARM_UP = 5


@dataclass(frozen=True)
class Ask:
    """A page of a running service; ``changes``: an incident in which something is written before each look."""

    port: int
    ground: Ground
    path: str
    changes: str = ""


def measure(folder: Path, *, lines: int, points: int, closed: int, times: int) -> dict[str, Any]:
    """Each page beside the smallest of its kind, asked for in turn over HTTP of two running services."""
    new, old = lay(folder / "new", partners=300), lay(folder / "old", partners=300, points=points)
    few, many = _declare(new), _declare(old)
    _write(old, many, lines)
    ledger = SqliteLedger.open(old.settings.database_path)
    add_closed_incidents(ledger, closed, old.partners)
    ledger.close()
    with ExitStack() as stack:
        one, other = stack.enter_context(servers.andon(new)), stack.enter_context(servers.andon(old))
        small, large = (one.port, new), (other.port, old)
        asked = {
            "incident": [Ask(*small, f"/incidents/{few}"), Ask(*large, f"/incidents/{many}")],
            "changed": [Ask(*small, f"/incidents/{few}", few), Ask(*large, f"/incidents/{many}", many)],
            "board": [Ask(*small, "/"), Ask(*large, "/")],
        }
        took = asyncio.run(_in_turn([ask for pair in asked.values() for ask in pair], times))
    found: dict[str, Any] = {"lines": lines, "points": points, "closed": closed}
    for number, name in enumerate(asked):
        few_ms, many_ms = took[2 * number : 2 * number + 2]
        found[name] = {
            "small_ms": spread(few_ms),
            "large_ms": spread(many_ms),
            "ratio_p50": ratio(percentile(many_ms, 50), percentile(few_ms, 50)),
        }
    return found


def _declare(ground: Ground) -> str:
    service = Service.open(ground.settings)
    try:
        body = {"playbook": "break-glass", "parameters": {"capability": "tool-use"}, "title": "It is measured"}
        return str(service.operations.declare(local_admin("bench"), body).body["id"])
    finally:
        service.stop()


def _write(ground: Ground, incident: str, lines: int) -> None:
    began = SystemClock().now()
    ledger = SqliteLedger.open(ground.settings.database_path)
    append_all(
        ledger,
        (
            Draft(
                NoteAdded(),
                incident=incident,
                text={"note": f"Line {n}: **seen** again at `edge-{n % 200}`, see https://example.com/{n}"},
                at=began - timedelta(seconds=7 * n),
            )
            for n in range(lines)
        ),
    )
    ledger.close()


async def _in_turn(asks: list[Ask], times: int) -> list[list[float]]:
    callers = [await Caller(ask.port).open() for ask in asks]
    took: list[list[float]] = [[] for _ in asks]
    for number in range(times + WARM_UP):
        for which, (caller, ask) in enumerate(zip(callers, asks, strict=True)):
            if ask.changes:
                note, path = json.dumps({"text": f"note {number}"}).encode(), f"/api/v1/incidents/{ask.changes}/notes"
                status, answer = await caller.ask("POST", path, ask.ground.admin, note)
                assert status == 201, answer[:500]
            began = time.perf_counter()
            status, answer = await caller.ask("GET", ask.path, ask.ground.admin)
            if number >= WARM_UP:
                took[which].append((time.perf_counter() - began) * 1e3)
            assert status == 200, answer[:500]
    for caller in callers:
        caller.close()
    return took
