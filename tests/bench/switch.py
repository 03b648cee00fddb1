"""
Declare -> the last of N points denies -> all confirmed, beside the bare fan-out with the same N, in turn.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench import servers
from tests.bench.figures import percentile, ratio, spread
from tests.bench.ground import lay
from tests.support.servers import environment_of

PHASES = ("first_denies", "last_denies", "all_confirmed", "declare_answered", "server_says")
WARM_UP = 3


def measure(folder: Path, count: int, rounds: int) -> dict[str, Any]:
    """One fleet size: figures in milliseconds, and the server's memory before, with and after the streams."""
    ground = lay(folder, points=count, partners=max(300, rounds + WARM_UP))
    with servers.andon(ground) as ours, servers.bare(folder) as bare:
        orders = {
            "port": ours.port,
            "pid": ours.pid,
            "bare_port": bare.port,
            "bare_pid": bare.pid,
            "admin": ground.admin,
            "points": ground.points,
            "partners": ground.partners[: rounds + WARM_UP],
            "warm_up": WARM_UP,
        }
        told = run_fleet(folder, orders)
    return summary(told)


def run_fleet(folder: Path, orders: dict[str, Any], seconds: float = 600.0) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.fleet"],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=servers.ROOT,
        env=environment_of(folder),
        check=False,
    )
    if ran.returncode != 0:
        raise AssertionError(f"the fleet ended with {ran.returncode}: {ran.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def summary(told: dict[str, Any]) -> dict[str, Any]:
    ours = {phase: [r[phase] for r in told["ours"]] for phase in PHASES}
    bare = {phase: [r[phase] for r in told["bare"]] for phase in ("last_denies", "all_confirmed")}
    return {
        "points": told["points"],
        "ours_ms": {phase: spread(values) for phase, values in ours.items()},
        "bare_ms": {phase: spread(values) for phase, values in bare.items()},
        "ratio_of_medians": {p: ratio(percentile(ours[p], 50), percentile(bare[p], 50)) for p in bare},
        "resident_mib": dict(zip(("idle", "streams_open", "after_rounds"), told["resident_mib"], strict=True)),
        "bare_resident_mib": told["bare_resident_mib"],
        "rounds": {"ours": told["ours"], "bare": told["bare"]},
    }
