"""
Numbers about numbers: percentiles, ratios and the machine they were taken on. Pure, but for reading ``/proc``.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; 50 is the median, 100 the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def spread(values: Sequence[float]) -> dict[str, float]:
    """``p50``, ``p99``, ``max`` and how many there were."""
    return {
        "p50": round(percentile(values, 50), 4),
        "p99": round(percentile(values, 99), 4),
        "max": round(max(values), 4),
        "n": len(values),
    }


def ratio(ours: float, peer: float) -> float:
    return round(ours / peer, 2) if peer else float("inf")


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python -m tests.bench", *_telling(sys.argv[1:])]),
    }


def _telling(arguments: Sequence[str]) -> list[str]:
    """The arguments that change what is measured: not where the figures are put."""
    places = ("--json", "--svg")
    return [
        a for before, a in zip(["", *arguments], arguments, strict=False) if before not in places and a not in places
    ]


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((li.partition(":")[2].strip() for li in lines if li.startswith("model name")), platform.machine())


def resident_mib(pid: int) -> float:
    """``VmRSS`` of a process; 0.0 where there is no /proc."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((round(int(li.split()[1]) / 1024, 1) for li in lines if li.startswith("VmRSS")), 0.0)
